import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import type { MetadataDelta } from "../../src/metadata/delta.ts";
import { ZERO_UUID } from "../../src/base/uuid.ts";
import { deleteTopics } from "../../src/metadata/controller/delete-topics.ts";
import { type Command, divisible } from "../../src/metadata/controller/command.ts";
import { MetadataStoppedError, TooManyRecordsError } from "../../src/metadata/metadata-errors.ts";
import type { NewRecord } from "../../src/metadata/record.ts";
import { readQuorumState } from "../../src/raft/quorum-state.ts";
import { voterSet } from "../../src/raft/voter-set.ts";
import { type FakeWorld, afterKill, afterPowerLoss, fakeWorld } from "../sim/fake-world.ts";
import { heartbeat } from "../../src/metadata/controller/broker-heartbeat.ts";
import { registerBroker } from "../../src/metadata/controller/register-broker.ts";
import { beat, contentsOf, registration } from "./controller-harness.ts";
import {
  DIRECTORY_ID,
  LOCAL,
  PARTITION,
  VOTER,
  createTopic,
  passEpoch,
  readAlong,
  formatStandalone,
  openNode,
  recordsInLog,
  run,
  startBroker,
  writing,
} from "./node-harness.ts";

const BOOTSTRAP = [
  "BeginTransactionRecord",
  "FeatureLevelRecord",
  "FeatureLevelRecord",
  "FeatureLevelRecord",
  "FeatureLevelRecord",
  "FeatureLevelRecord",
  "FeatureLevelRecord",
  "ConfigRecord",
  "EndTransactionRecord",
];

describe("a metadata node on a new directory", () => {
  test("writes what Kafka writes, with dynamic voters", () => {
    const world = formatted();
    const node = openNode(world);
    expect(recordsInLog(world).map(({ name }) => String(name))).toEqual([
      "LeaderChangeMessage",
      "KRaftVersionRecord",
      "VotersRecord",
      ...BOOTSTRAP,
    ]);
    expect(node.image.metadataVersion).toBe(30);
    expect(node.raft.kraftVersion).toBe(1);
    expect(node.raft.voters.get(1)?.directoryId).toBe(DIRECTORY_ID);
    expect(world.disk.readWhole(`${PARTITION}/quorum-state`).toString()).toBe(
      '{"leaderId":1,"leaderEpoch":1,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}',
    );
  });

  test("writes what Kafka writes, with static voters", () => {
    const world = fakeWorld();
    const staticVoters = voterSet([{ ...VOTER, directoryId: "AAAAAAAAAAAAAAAAAAAAAA" }]);
    openNode(world, { staticVoters });
    expect(recordsInLog(world).map(({ name }) => String(name))).toEqual([
      "LeaderChangeMessage",
      ...BOOTSTRAP,
    ]);
    expect(world.disk.readWhole(`${PARTITION}/quorum-state`).toString()).toBe(
      '{"clusterId":"","leaderId":1,"leaderEpoch":1,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1}],"data_version":0}',
    );
  });

  test("refuses a quorum that waits for this very node, or for nobody", () => {
    const world = formatted();
    const other = { ...LOCAL, directoryId: "CC7wURaHn9LdAh44tk7sHQ" };
    expect(() => openNode(world, { local: other })).toThrow("the only voter of the metadata");
    expect(() => openNode(fakeWorld())).toThrow("nobody votes");
  });
});

describe("submit", () => {
  test("answers when the records are on the disk and in the image", () => {
    const world = formatted();
    const node = openNode(world);
    startBroker(world, node);
    let answered = false;
    const submitted = node.submit(createTopic("a")).then((response) => {
      answered = true;
      return response;
    });
    expect(node.image.topics.byName("a")).toBeNull();
    const highWatermark = node.raft.log.highWatermark;
    world.clock.await(Promise.resolve());
    expect(answered && node.raft.log.highWatermark === highWatermark).toBe(false);
    expect(world.clock.await(submitted).topics[0]?.errorCode).toBe(ErrorCode.NONE);
    expect(node.image.topics.byName("a")).not.toBeNull();
    expect(node.raft.log.highWatermark).toBe(node.raft.log.endOffset);
  });

  test("sees the records of commands that are not committed yet", () => {
    const world = formatted();
    const node = openNode(world);
    startBroker(world, node);
    const first = node.submit(createTopic("a"));
    const second = node.submit(createTopic("a"));
    expect(world.clock.await(first).topics[0]?.errorCode).toBe(ErrorCode.NONE);
    expect(world.clock.await(second).topics[0]?.errorCode).toBe(ErrorCode.TOPIC_ALREADY_EXISTS);
  });

  test("syncs once for all commands of a turn, and answers in their order", () => {
    const world = formatted();
    const node = openNode(world);
    startBroker(world, node);
    let publications = 0;
    node.subscribe(() => publications++);
    const order: number[] = [];
    const all = Array.from({ length: 50 }, (_, index) =>
      node.submit(createTopic(`t${index}`)).then(() => order.push(index)),
    );
    world.clock.await(Promise.all(all));
    expect(order).toEqual(Array.from({ length: 50 }, (_, index) => index));
    expect(publications).toBe(2);
    expect(node.image.topics.size).toBe(50);
  });

  test("lets others have their turns in a command of thousands of records, but no command", () => {
    const world = formatted();
    const node = openNode(world);
    startBroker(world, node);
    world.clock.lookTakesMs = 1;
    const order: string[] = [];
    const ends = (name: string) => () => order.push(name);
    const long = node.submit(createTopic("a", 3000)).then((answer) => {
      order.push("long");
      return answer;
    });
    const again = node.submit(createTopic("a")).then((answer) => {
      order.push("again");
      return answer;
    });
    for (let turn = 0; turn < 3; turn++) world.clock.afterTurn(ends("turn"));
    // What another asks of the image meanwhile is of before all of it.
    world.clock.afterTurn(() => expect(node.image.topics.byName("a")).toBeNull());
    expect(world.clock.await(long).topics[0]?.errorCode).toBe(ErrorCode.NONE);
    expect(world.clock.await(again).topics[0]?.errorCode).toBe(ErrorCode.TOPIC_ALREADY_EXISTS);
    expect(order).toEqual(["turn", "turn", "turn", "long", "again"]);
    expect(node.image.topics.byName("a")?.partitions.length).toBe(3000);
  });

  test("writes nothing of a long command that a stop comes upon", async () => {
    const world = formatted();
    const node = openNode(world);
    startBroker(world, node);
    const { endOffset } = node.raft;
    world.clock.lookTakesMs = 1;
    const long = node.submit(createTopic("a", 3000));
    const behind = node.submit(createTopic("b"));
    const stopped = node.stop();
    for (const each of [long, behind]) {
      const [settled] = world.clock.await(Promise.allSettled([each]));
      expect(settled?.status === "rejected" && settled.reason).toBeInstanceOf(MetadataStoppedError);
    }
    world.clock.await(stopped);
    expect(node.raft.endOffset).toBe(endOffset);
  });

  test("shares the next sync among all commands that come while one is under way", () => {
    const world = formatted();
    const node = openNode(world);
    startBroker(world, node);
    let syncs = 0;
    const check = world.disk.check.bind(world.disk);
    world.disk.check = (operation, path) => {
      if (operation === "sync" && path.endsWith(".log")) syncs++;
      check(operation, path);
    };
    const late: Promise<unknown>[] = [];
    const first = node.submit(createTopic("a"));
    world.clock.afterTurn(() => {
      for (const name of ["b", "c", "d"]) late.push(node.submit(createTopic(name)));
    });
    world.clock.await(first);
    world.clock.await(Promise.all(late));
    expect(late.length).toBe(3);
    expect(syncs).toBe(2);
  });

  test("tells listeners of everything first, then of changes, before it answers", () => {
    const world = formatted();
    const node = openNode(world);
    startBroker(world, node);
    run(world, node, createTopic("a", 2));
    const seen: string[] = [];
    node.subscribe((delta: MetadataDelta, image) => {
      for (const id of delta.createdTopics) {
        const partitions = [...(delta.changedPartitions.get(id) ?? [])];
        seen.push(`${image.topics.byId(id)?.name}: ${partitions}`);
      }
    });
    world.clock.await(node.submit(createTopic("b")).then(() => seen.push("answered")));
    expect(seen).toEqual(["a: 0,1", "b: 0", "answered"]);
  });

  test("refuses what fits into no batch, and goes on", () => {
    const world = formatted();
    const node = openNode(world);
    const before = node.raft.log.endOffset;
    const value = "x".repeat(30_000);
    const records = Array.from({ length: 400 }, (_, index) => config(`k${index}`, value));
    expect(() => run(world, node, writing(...records))).toThrow(TooManyRecordsError);
    expect(node.raft.log.endOffset).toBe(before);
    // The same records, where they may be cut, take several batches.
    run(world, node, () => divisible(records, null));
    expect(node.raft.log.endOffset).toBe(before + 400);
    expect(node.image.configs.of(32, "g").size).toBe(400);
  });

  test("after stop is rejected", () => {
    const world = formatted();
    const node = openNode(world);
    world.clock.await(node.stop());
    expect(() => run(world, node, createTopic("a"))).toThrow(MetadataStoppedError);
  });

  test.each([
    ["sync", "EIO"],
    ["write", "ENOSPC"],
  ] as const)("while a %s fails (%s) is rejected, and the node told", (operation, code) => {
    const world = formatted();
    let fatal: unknown = null;
    const node = openNode(world, { onFatal: (error) => (fatal = error) });
    startBroker(world, node);
    world.disk.inject({ operation, code });
    expect(() => run(world, node, createTopic("a"))).toThrow(MetadataStoppedError);
    expect(String(fatal)).toContain(code);
    expect(node.image.topics.size).toBe(0);
    expect(() => run(world, node, createTopic("b"))).toThrow(MetadataStoppedError);
  });
});

describe("a restart", () => {
  test("finds everything again, in a new epoch", () => {
    const world = formatted();
    const node = openNode(world);
    startBroker(world, node);
    run(world, node, createTopic("a", 3));
    const before = contentsOf(node.image);
    world.clock.await(node.stop());
    const later = afterKill(world);
    const again = openNode(later);
    expect(contentsOf(again.image)).toEqual(before);
    expect(again.raft.epoch).toBe(2);
    expect(readQuorumState(later.disk, PARTITION)?.leaderEpoch).toBe(2);
    // The voters are in the log already.
    expect(recordsInLog(later).at(-1)?.name).toBe("LeaderChangeMessage");
  });

  test("with another controller listener puts it into the log", () => {
    const world = formatted();
    world.clock.await(openNode(world).stop());
    const later = afterKill(world);
    const endpoints = [{ name: "CONTROLLER", host: "localhost", port: 1 }];
    const node = openNode(later, { local: { ...LOCAL, endpoints } });
    expect(recordsInLog(later).at(-1)?.name).toBe("VotersRecord");
    expect(node.raft.voters.get(1)?.endpoints[0]?.port).toBe(1);
  });

  test("lets the broker register again at once: its last incarnation is dead", () => {
    const world = formatted();
    startBroker(world, openNode(world));
    const later = afterKill(world);
    const node = openNode(later);
    expect(startBroker(later, node)).toBeGreaterThan(0);
    expect(node.image.cluster.isActive(1)).toBe(true);
  });

  test("aborts a transaction that was not ended", () => {
    const world = formatted();
    const node = openNode(world);
    const begin: NewRecord = { name: "BeginTransactionRecord", version: 0, value: { name: "x" } };
    run(world, node, writing(begin, config("held", "1")));
    expect(node.image.configs.of(32, "g").size).toBe(0);
    const later = afterKill(world);
    const again = openNode(later);
    expect(recordsInLog(later).at(-1)?.name).toBe("AbortTransactionRecord");
    expect(again.image.configs.of(32, "g").size).toBe(0);
    run(later, again, writing(config("free", "1")));
    expect([...again.image.configs.of(32, "g").keys()]).toEqual(["free"]);
  });

  for (const keep of ["none", "random", "all"] as const) {
    test(`after a loss of power that keeps ${keep} of what was not synced, loses no answer`, () => {
      for (let seed = 1; seed <= 10; seed++) surviveLoss(seed, keep);
    });
  }
});

/** Topics are created until the power goes in the middle; all that were answered are there. */
function surviveLoss(seed: number, keep: "none" | "random" | "all"): void {
  const world = fakeWorld(seed);
  formatStandalone(world);
  const node = openNode(world);
  startBroker(world, node);
  const answered: string[] = [];
  const started: Promise<unknown>[] = [];
  for (let index = 0; index < 20; index++) {
    const name = `t${index}`;
    started.push(node.submit(createTopic(name)).then(() => answered.push(name)));
    if (world.random.uint32() % 3 === 0) world.clock.step();
  }
  const later = afterPowerLoss(world, keep);
  const again = openNode(later);
  for (const name of answered) expect(again.image.topics.byName(name)).not.toBeNull();
  for (const topic of again.image.topics.values()) expect(topic.partitions.length).toBe(1);
  startBroker(later, again);
  run(later, again, createTopic("more"));
}

test("replay gives what was live, after any mix of commands at once", () => {
  for (let seed = 1; seed <= 5; seed++) {
    const world = fakeWorld(seed);
    formatStandalone(world);
    const settings = { metadataLogMaxRecordBytesBetweenSnapshots: 20_000 };
    const node = openNode(world, { settings });
    startBroker(world, node);
    const below = (count: number) => world.random.uint32() % count;
    const answers: Promise<unknown>[] = [];
    for (let index = 0; index < 300; index++) {
      const name = `t${below(30)}`;
      const deletion = { topics: [{ name, topicId: ZERO_UUID }], topicNames: [], timeoutMs: 0 };
      const commands = [
        createTopic(name, 1 + below(4)),
        deleteTopics(deletion),
        writing(config(`k${below(20)}`, String(index))),
      ];
      answers.push(node.submit<unknown>(commands[below(commands.length)] as Command<unknown>));
      if (below(10) === 0) world.clock.step();
    }
    world.clock.await(Promise.all(answers));
    world.clock.await(node.whenSnapshotIsWritten());
    const live = contentsOf(node.image);
    expect(node.image.topics.size).toBeGreaterThan(3);
    const later = afterKill(world);
    const again = openNode(later);
    expect(inOrder(contentsOf(again.image))).toEqual(inOrder(live));
  }
});

describe("a claim of a newer epoch", () => {
  test("is passed by the only voter, which keeps everything", () => {
    const world = formatted();
    const node = openNode(world);
    startBroker(world, node);
    run(world, node, createTopic("a"));
    passEpoch(world, node, 7);
    expect(node.raft.epoch).toBe(8);
    expect(readQuorumState(world.disk, PARTITION)?.leaderEpoch).toBe(8);
    run(world, node, createTopic("b"));
    expect(node.image.topics.size).toBe(2);
    passEpoch(world, node, 3);
    expect(node.raft.epoch).toBe(8);
    const later = afterKill(world);
    expect(openNode(later).image.topics.size).toBe(2);
  });
});

describe("an idle node", () => {
  test("writes a NoOpRecord whenever the log was quiet for long, if somebody reads it", () => {
    const world = formatted();
    const node = openNode(world, { settings: { metadataMaxIdleIntervalMs: 500 } });
    const start = node.raft.log.endOffset;
    world.clock.advance(10_000);
    expect(node.raft.log.endOffset).toBe(start);
    readAlong(world, node, 7);
    world.clock.advance(499);
    expect(node.raft.log.endOffset).toBe(start);
    world.clock.advance(1000);
    expect(node.raft.log.endOffset).toBe(start + 2);
    expect(recordsInLog(world).at(-1)?.name).toBe("NoOpRecord");
    // The reader is gone: so is the reason to write.
    world.clock.advance(301_000);
    const end = node.raft.log.endOffset;
    world.clock.advance(10_000);
    expect(node.raft.log.endOffset).toBe(end);
  });

  test("fences brokers that an older log knows and that nobody hears of", () => {
    const world = formatted();
    const node = openNode(world);
    startBroker(world, node);
    const request = registration(world, 2, ["CC7wURaHn9LdAh44tk7sHQ"]);
    const { brokerEpoch } = run(world, node, registerBroker(request, true));
    run(world, node, heartbeat(beat(2, brokerEpoch, node.lastOffset)));
    const later = afterKill(world);
    const again = openNode(later);
    startBroker(later, again);
    expect(again.image.cluster.isActive(2)).toBe(true);
    later.clock.advance(8000);
    expect(again.image.cluster.isActive(2)).toBe(true);
    later.clock.advance(3000);
    expect(again.image.cluster.isActive(2)).toBe(false);
    // This node's own broker needs no heartbeats.
    later.clock.advance(100_000);
    expect(again.image.cluster.isActive(1)).toBe(true);
  });

  test("sets no timer but those of its checks", () => {
    const world = formatted();
    const node = openNode(world);
    world.clock.await(node.stop());
    expect(world.clock.timerCount).toBe(0);
  });
});

/** A snapshot changes the order of topics and settings, which has no meaning. */
function inOrder(records: unknown[]): string[] {
  return records.map((record) => JSON.stringify(record)).sort();
}

function formatted(): FakeWorld {
  const world = fakeWorld();
  formatStandalone(world);
  return world;
}

function config(name: string, value: string): NewRecord {
  const resource = { resourceType: 32, resourceName: "g" };
  return { name: "ConfigRecord", version: 0, value: { ...resource, name, value } };
}
