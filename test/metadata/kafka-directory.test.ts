/** A node that starts on directories which Apache Kafka 4.3.1 left behind. */
import { describe, expect, test } from "bun:test";
import { createLogger } from "../../src/base/logger.ts";
import { readQuorumState } from "../../src/raft/quorum-state.ts";
import { voterSet } from "../../src/raft/voter-set.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import { afterKill, fakeWorld } from "../sim/fake-world.ts";
import { ALL_FEATURES, RULES, contentsOf } from "./controller-harness.ts";
import {
  LOCAL,
  PARTITION,
  VOTER,
  copyFixture,
  createTopic,
  openNode,
  recordsInLog,
  run,
  startBroker,
  write,
} from "./node-harness.ts";

describe("on a directory of Kafka with dynamic voters, killed", () => {
  test("goes on from snapshot and log", () => {
    const world = fakeWorld();
    copyFixture(world, "kafka-dynamic");
    const node = openNode(world);
    expect(node.raft.epoch).toBe(3);
    expect(node.raft.kraftVersion).toBe(1);
    expect(node.lastOffset).toBe(63);
    expect(node.image.topics.byName("events")?.partitions.length).toBe(4);
    expect(recordsInLog(world).at(-1)?.name).toBe("LeaderChangeMessage");
    startBroker(world, node);
    run(world, node, createTopic("ours"));
    const leaders = [...node.image.topics.values()].flatMap((topic) =>
      topic.partitions.map(({ leader }) => leader),
    );
    expect(leaders).toEqual(Array(7).fill(1));
    const later = afterKill(world);
    expect(openNode(later).image.topics.size).toBe(3);
  });

  test("needs nothing but the snapshot", () => {
    const world = fakeWorld();
    copyFixture(world, "kafka-dynamic");
    world.disk.remove(`${PARTITION}/00000000000000000000.log`);
    world.disk.remove(`${PARTITION}/leader-epoch-checkpoint`);
    world.disk.remove(`${PARTITION}/00000000000000000048.snapshot`);
    const node = openNode(world);
    expect(node.raft.log.startOffset).toBe(63);
    expect(node.raft.epoch).toBe(3);
    expect(node.image.topics.byName("events")?.partitions.length).toBe(4);
    startBroker(world, node);
    const before = contentsOf(node.image);
    const later = afterKill(world);
    expect(contentsOf(openNode(later).image)).toEqual(before);
  });

  test("needs nothing but the log", () => {
    const world = fakeWorld();
    copyFixture(world, "kafka-dynamic");
    world.disk.remove(`${PARTITION}/00000000000000000063-0000000002.checkpoint`);
    const node = openNode(world);
    expect(node.image.topics.byName("events")?.partitions.length).toBe(4);
    expect(node.image.security.scramCredential(1, "alice")).not.toBeNull();
  });

  test("refuses a snapshot that is damaged, naming it", () => {
    const world = fakeWorld();
    copyFixture(world, "kafka-dynamic");
    const path = `${PARTITION}/00000000000000000063-0000000002.checkpoint`;
    const bytes = world.disk.readWhole(path);
    bytes[300]! ^= 1;
    write(world, path, bytes);
    expect(() => openNode(world)).toThrow(ProtocolError);
    expect(() => openNode(world)).toThrow(path);
  });

  test("cuts a torn end off the log", () => {
    const world = fakeWorld();
    copyFixture(world, "kafka-dynamic");
    world.disk.remove(`${PARTITION}/00000000000000000063-0000000002.checkpoint`);
    const path = `${PARTITION}/00000000000000000000.log`;
    const file = world.disk.open(path, "write");
    file.truncate(file.size() - 5);
    file.close();
    const node = openNode(world);
    // The last batch held the settings of client metrics.
    expect(node.image.nextProducerId).toBe(1000);
    expect([...node.image.configs.names(16)]).toEqual([]);
    expect(node.lastOffset).toBe(62);
  });

  test("says which finalized features do not work here, and starts all the same", () => {
    const world = fakeWorld();
    copyFixture(world, "kafka-dynamic");
    const lines: string[] = [];
    const logger = createLogger(world.clock, "warn", (line) => lines.push(line));
    const supportedFeatures = new Map(ALL_FEATURES).set("transaction.version", { min: 0, max: 0 });
    supportedFeatures.delete("share.version");
    const node = openNode(world, { logger, rules: { ...RULES, supportedFeatures } });
    const warnings = lines.filter((line) => line.includes("WARN"));
    expect(warnings.map((line) => line.slice(line.indexOf("WARN")))).toEqual([
      "WARN  the metadata has share.version finalized at level 1, which does not work here",
      "WARN  the metadata has transaction.version finalized at level 2, which does not work here",
    ]);
    startBroker(world, node);
  });
});

describe("on a directory of Kafka with static voters, stopped", () => {
  const staticVoters = voterSet([{ ...VOTER, directoryId: "AAAAAAAAAAAAAAAAAAAAAA" }]);
  const local = { ...LOCAL, directoryId: "CC7wURaHn9LdAh44tk7sHQ" };

  test("goes on, and its partitions have leaders again", () => {
    const world = fakeWorld();
    copyFixture(world, "kafka-static");
    const node = openNode(world, { staticVoters, local });
    expect(node.raft.epoch).toBe(2);
    expect(node.raft.kraftVersion).toBe(0);
    expect(node.image.topics.byName("events")?.partitions[0]?.leader).toBe(-1);
    expect(readQuorumState(world.disk, PARTITION)?.leaderEpoch).toBe(2);
    expect(world.disk.readWhole(`${PARTITION}/quorum-state`).toString()).toContain(
      '"data_version":0',
    );
    startBroker(world, node, local.directoryId);
    const partitions = node.image.topics.byName("events")?.partitions ?? [];
    expect(partitions.map(({ leader, isr }) => [leader, isr])).toEqual(Array(3).fill([1, [1]]));
  });

  test("takes its voters into the log when kraft.version is raised, and keeps them there", () => {
    const world = fakeWorld();
    copyFixture(world, "kafka-static");
    const node = openNode(world, { staticVoters, local });
    world.clock.await(node.raft.upgradeKRaftVersion(1));
    const { endOffset } = node.raft.log;
    expect(node.raft.voters.get(1)).toEqual({ ...VOTER, ...local });
    // Again it changes nothing.
    world.clock.await(node.raft.upgradeKRaftVersion(1));
    expect(node.raft.log.endOffset).toBe(endOffset);
    // The settings are not asked any more.
    const later = afterKill(world);
    const again = openNode(later, { local });
    expect(again.raft.kraftVersion).toBe(1);
    expect(again.raft.voters.get(1)).toEqual({ ...VOTER, ...local });
    expect(later.disk.readWhole(`${PARTITION}/quorum-state`).toString()).toContain(
      '"data_version":1',
    );
  });

  test("is refused without the setting that names the voters", () => {
    const world = fakeWorld();
    copyFixture(world, "kafka-static");
    expect(() => openNode(world, { local })).toThrow("set controller.quorum.voters");
  });
});
