/** A session that looks only at what has moved says what one that looks at everything would. */
import { describe, expect, test } from "bun:test";
import { Signal } from "../../src/base/signal.ts";
import { type FetchLimits, releaseAll, runFetch } from "../../src/broker/fetch-operation.ts";
import {
  type FetchPartitionRequest,
  type FetchSession,
  FetchSessions,
  SessionPartition,
} from "../../src/broker/fetch-sessions.ts";
import { rememberAnswers, SessionSource, targetOf } from "../../src/broker/session-source.ts";
import { failedRead, type PartitionRead, readPartition } from "../../src/partition/fetch-read.ts";
import { deleteRecords } from "../../src/protocol/messages/21-delete-records.ts";
import { deleteTopics } from "../../src/protocol/messages/20-delete-topics.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { startBroker, type TestBroker } from "../api/broker-kit.ts";
import { makeTopic } from "../api/scenarios/prepare.ts";
import { FakeRandom } from "../sim/fake-random.ts";

const TOPICS = ["a", "b", "c"];
const PARTITIONS = 3;
const LIMITS: FetchLimits = { maxWaitMs: 0, minBytes: 1, maxBytes: 1 << 20, isolationLevel: 0 };
const OPEN = { closing: new Signal(), isClosing: false };

interface Shadow {
  readonly request: FetchPartitionRequest;
  highWatermark: number;
  logStartOffset: number;
}

describe("a session", () => {
  for (let seed = 1; seed <= 12; seed++) {
    test(`tells everything and nothing twice, whatever happens (seed ${seed})`, () => {
      const random = new FakeRandom(seed);
      const arena = new Arena();
      for (let step = 0; step < 250; step++) arena.step(random);
      expect(arena.told).toBeGreaterThan(50);
    });
  }

  test("of many quiet partitions looks at those that move, and waits for them alone", () => {
    const arena = new Arena();
    arena.ask([], []);
    arena.fetch();
    expect(arena.session.news()).toEqual([]);
    const { clock } = arena.broker.world;
    const source = new SessionSource(arena.session, arena.broker.node);
    let isDone = false;
    void runFetch(clock, source, { ...LIMITS, maxWaitMs: 500 }, OPEN).then(({ reads }) => {
      isDone = true;
      releaseAll(reads);
    });
    clock.advance(100);
    expect(isDone).toBe(false);
    arena.produce("b", 1);
    clock.settle();
    expect([isDone, arena.session.news().length]).toEqual([true, 1]);
  });

  test("that ends leaves its partitions alone", () => {
    const arena = new Arena();
    arena.fetch();
    const waits = () => arena.broker.node.partitions.find("a", 0)!.readable.waitCount;
    expect(waits()).toBe(1);
    arena.sessions.resolve({ ...EMPTY, sessionId: arena.session.id, sessionEpoch: -1 }, 0);
    expect(waits()).toBe(0);
  });
});

const EMPTY = { usesTopicIds: false, isFollower: false, partitions: [], forgotten: [] };

class Arena {
  readonly broker: TestBroker = startBroker();
  readonly sessions = new FetchSessions(10, 1000, () => 7);
  readonly session: FetchSession;
  readonly shadows = new Map<string, Shadow>();
  told = 0;

  constructor() {
    for (const topic of TOPICS) this.broker.wait(makeTopic(this.broker.asker, topic, PARTITIONS));
    const all = TOPICS.flatMap((topic) =>
      Array.from({ length: PARTITIONS }, (_, index) => requestOf(topic, index, 0)),
    );
    const made = this.sessions.create(
      { ...EMPTY, sessionId: 0, sessionEpoch: 0, partitions: all },
      0,
    );
    this.session = made!;
    for (const request of all) this.shadows.set(keyOf(request), shadowOf(request));
  }

  step(random: FakeRandom): void {
    const topic = random.pick(TOPICS);
    const index = random.below(PARTITIONS);
    const kind = random.below(12);
    if (kind < 5) this.produce(topic, index);
    else if (kind === 5) this.deleteRecords(topic, index);
    else if (kind === 6 && random.chance(0.3)) this.replaceTopic(topic, random.chance(0.5));
    else if (kind === 7) this.ask([], [{ topic, topicId: "", partition: index }]);
    else if (kind === 8) this.ask([requestOf(topic, index, random.below(4))], []);
    else this.fetch(random.pick([0, 0, 1]), random.pick([1 << 20, 60]));
  }

  produce(topic: string, index: number): void {
    const partition = this.broker.node.partitions.find(topic, index);
    if (partition === null) return;
    const records = buildBatch({ records: [{ timestamp: 1, key: null, value: Buffer.from("v") }] });
    partition.append(records, { origin: "client", nowMs: 1 });
  }

  deleteRecords(topic: string, index: number): void {
    const partitions = [{ partitionIndex: index, offset: -1 }];
    const request = { topics: [{ name: topic, partitions }], timeoutMs: 1000 };
    this.broker.wait(this.broker.asker.quietly(deleteRecords, 1, request));
  }

  replaceTopic(topic: string, isBack: boolean): void {
    const { asker, node } = this.broker;
    if (node.image.topics.byName(topic) !== null) {
      const request = { topicNames: [topic], timeoutMs: 1000 };
      this.broker.wait(asker.quietly(deleteTopics, 1, request));
    }
    if (isBack) this.broker.wait(makeTopic(asker, topic, PARTITIONS));
  }

  ask(partitions: FetchPartitionRequest[], forgotten: FetchKey[]): void {
    this.session.update(partitions, forgotten);
    for (const { topic, partition } of forgotten) this.shadows.delete(`${topic}:${partition}`);
    for (const request of partitions) {
      const known = this.shadows.get(keyOf(request));
      this.shadows.set(keyOf(request), { ...shadowOf(request), ...known, request });
    }
  }

  /** What the session says is what a look at everything finds; the client goes on by it. */
  fetch(isolationLevel = 0, maxBytes = 1 << 20): void {
    const { world, node } = this.broker;
    this.session.readAs(isolationLevel);
    const source = new SessionSource(this.session, node);
    const limits = { ...LIMITS, isolationLevel, maxBytes };
    const expected = this.#changed(isolationLevel);
    const { targets, reads } = world.clock.await(runFetch(world.clock, source, limits, OPEN));
    const said = new Map<string, PartitionRead>();
    for (const [place, { request }] of targets.entries()) {
      const isNews = request instanceof SessionPartition && request.mustRespond(reads[place]!);
      if (isNews) said.set(keyOf(request), reads[place]!);
    }
    rememberAnswers(this.session, targets, reads, isolationLevel);
    releaseAll(reads);
    // A small answer leaves records out; whoever has them is told of later, but nobody else is.
    const missing = [...expected].filter(([key, hasRecords]) => !said.has(key) && !hasRecords);
    expect(missing).toEqual([]);
    expect([...said.keys()].filter((key) => !expected.has(key))).toEqual([]);
    if (maxBytes > 1000) expect(said.size).toBe(expected.size);
    else if ([...expected.values()].includes(true)) expect(said.size).toBeGreaterThan(0);
    for (const [key, read] of said) this.#remember(key, read);
    this.told += said.size;
  }

  /** By key: whether there are records. */
  #changed(isolationLevel: number): Map<string, boolean> {
    const changed = new Map<string, boolean>();
    for (const [key, shadow] of this.shadows) {
      const { partition, errorCode } = targetOf(shadow.request, false, this.broker.node);
      const read =
        partition === null
          ? failedRead(errorCode)
          : readPartition(partition, shadow.request, isolationLevel, 1 << 20, true);
      if (read instanceof Promise) throw new Error("a cold read");
      const hasRecords = (read.slice?.size ?? 0) > 0;
      read.slice?.release();
      const isNews =
        hasRecords ||
        read.errorCode !== 0 ||
        read.highWatermark !== shadow.highWatermark ||
        read.logStartOffset !== shadow.logStartOffset;
      if (isNews) changed.set(key, hasRecords && read.highWatermark === shadow.highWatermark);
    }
    return changed;
  }

  #remember(key: string, read: PartitionRead): void {
    const shadow = this.shadows.get(key)!;
    shadow.highWatermark = read.errorCode === 0 ? read.highWatermark : -1;
    shadow.logStartOffset = read.logStartOffset;
  }
}

type FetchKey = Pick<FetchPartitionRequest, "topic" | "topicId" | "partition">;

function requestOf(topic: string, partition: number, fetchOffset: number): FetchPartitionRequest {
  return {
    topic,
    topicId: "",
    partition,
    currentLeaderEpoch: -1,
    fetchOffset,
    lastFetchedEpoch: -1,
    logStartOffset: -1,
    partitionMaxBytes: 1 << 20,
  };
}

function keyOf({ topic, partition }: FetchKey): string {
  return `${topic}:${partition}`;
}

function shadowOf(request: FetchPartitionRequest): Shadow {
  return { request, highWatermark: -1, logStartOffset: -1 };
}
