/** Long polls: what wakes a fetch that found too little, and what does not. */
import { describe, expect, test } from "bun:test";
import { Signal } from "../../src/base/signal.ts";
import type { Clock } from "../../src/base/world.ts";
import {
  type FetchLimits,
  type FetchTarget,
  ListSource,
  releaseAll,
  runFetch,
} from "../../src/broker/fetch-operation.ts";
import { Verification } from "../../src/log/verifications.ts";
import type { PartitionRead } from "../../src/partition/fetch-read.ts";
import { buildEndTransactionMarker } from "../../src/protocol/control-record.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { createTopics } from "../../src/protocol/messages/19-create-topics.ts";
import { deleteTopics } from "../../src/protocol/messages/20-delete-topics.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { startBroker, type TestBroker } from "../api/broker-kit.ts";

const LIMITS: FetchLimits = { maxWaitMs: 500, minBytes: 1, maxBytes: 1 << 20, isolationLevel: 0 };

describe("a fetch", () => {
  test("answers at once when there is enough", () => {
    const { broker, produce, fetch } = arena();
    produce(0, "there");
    const poll = fetch([0, 1]);
    broker.world.clock.settle();
    expect(poll.sizes()).toEqual([1, 0]);
  });

  test("waits for the first record of any of its partitions, and not for another topic's", () => {
    const { broker, produce, fetch } = arena();
    const poll = fetch([0, 1]);
    broker.world.clock.advance(100);
    produce(2, "elsewhere");
    broker.world.clock.advance(100);
    expect(poll.sizes()).toBeNull();
    produce(1, "here");
    broker.world.clock.settle();
    expect(poll.sizes()).toEqual([0, 1]);
  });

  test("of committed records is woken by the marker, not by what it decides", () => {
    const { broker, produce, fetch } = arena();
    const partition = broker.node.partitions.find("t", 0)!;
    const producer = { producerId: 7, producerEpoch: 0 };
    const nowMs = broker.world.clock.wallMs();
    const verification = partition.startVerification(7, 0, 0, false);
    if (!(verification instanceof Verification)) throw new Error("nothing to verify");
    const records = [{ timestamp: nowMs, key: null, value: Buffer.from("x") }];
    const first = buildBatch({ records, ...producer, baseSequence: 0, isTransactional: true });
    partition.append(first, { origin: "client", nowMs, verification });
    const committed = fetch([0], { isolationLevel: 1 });
    const all = fetch([0]);
    produce(0, "behind");
    broker.world.clock.advance(100);
    expect([committed.sizes() === null, all.sizes() === null]).toEqual([true, false]);
    const marker = { ...producer, isCommit: true, coordinatorEpoch: 0, timestamp: nowMs };
    const options = { origin: "coordinator", nowMs, transactionVersion: 0 } as const;
    partition.append(buildEndTransactionMarker(marker), options);
    broker.world.clock.settle();
    expect(committed.sizes()).toEqual([1]);
    expect(partition.log.lastStableOffset).toBe(3);
  });

  test("of many partitions lets others have their turns", async () => {
    const { broker, produce } = arena();
    produce(0, "there");
    const partition = broker.node.partitions.find("t", 0)!;
    const targets = Array.from({ length: 200 }, (_, index) => targetOf(partition, index));
    const { clock } = broker.world;
    let turns = 0;
    let nowMs = 0;
    const slow: Clock = {
      wallMs: () => clock.wallMs(),
      monotonicMs: () => (nowMs += 1),
      schedule: (delayMs, callback) => clock.schedule(delayMs, callback),
      afterTurn: (callback) => clock.afterTurn(callback),
      soon: (callback) => {
        turns++;
        clock.soon(callback);
      },
    };
    const closing = { closing: new Signal(), isClosing: false };
    const limits = { ...LIMITS, maxBytes: 100 * partition.log.size };
    const fetched = broker.wait(runFetch(slow, new ListSource(targets), limits, closing));
    expect(turns).toBeGreaterThan(30);
    const sizes = fetched.reads.map(({ slice }) => slice?.size ?? 0);
    expect(sizes).toEqual([
      ...new Array<number>(100).fill(partition.log.size),
      ...new Array<number>(100).fill(0),
    ]);
    releaseAll(fetched.reads);
  });

  test("answers empty at its deadline", () => {
    const { broker, fetch } = arena();
    const poll = fetch([0]);
    broker.world.clock.advance(499);
    expect(poll.sizes()).toBeNull();
    broker.world.clock.advance(1);
    expect(poll.sizes()).toEqual([0]);
  });

  test("does not wait when it has no time, or asks for no bytes", () => {
    const { broker, fetch } = arena();
    const noTime = fetch([0], { maxWaitMs: 0 });
    const noBytes = fetch([0], { minBytes: 0 });
    broker.world.clock.settle();
    expect([noTime.sizes(), noBytes.sizes()]).toEqual([[0], [0]]);
  });

  test("waits for as many bytes as it asks for, over all partitions", () => {
    const { broker, produce, fetch } = arena();
    const poll = fetch([0, 1], { minBytes: 150 });
    produce(0, "x");
    broker.world.clock.advance(10);
    expect(poll.sizes()).toBeNull();
    produce(1, "y".repeat(100));
    broker.world.clock.settle();
    expect(poll.sizes()).toEqual([1, 1]);
  });

  test("ends when its topic is deleted, and when its client has gone", () => {
    const { broker, fetch } = arena();
    const deleted = fetch([0]);
    const left = fetch([1]);
    left.leave();
    broker.world.clock.settle();
    expect(left.sizes()).toEqual([0]);
    broker.wait(broker.asker.quietly(deleteTopics, 1, { topicNames: ["t"], timeoutMs: 1000 }));
    broker.world.clock.settle();
    expect(deleted.errors()).toEqual([ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]);
  });

  test("gives the first batch whole, and nothing more than its limits", () => {
    const { broker, produce, fetch } = arena();
    for (const index of [0, 1]) produce(index, "z".repeat(1000));
    const poll = fetch([0, 1], { maxBytes: 10 });
    broker.world.clock.settle();
    expect(poll.sizes()).toEqual([1, 0]);
  });

  test("leaves no file held when all is released", () => {
    const { broker, produce, fetch } = arena();
    produce(0, "a");
    const poll = fetch([0]);
    broker.world.clock.settle();
    poll.release();
    expect(broker.node.partitions.find("t", 0)?.readable.waitCount).toBe(0);
    expect(() => poll.release()).toThrow("released once");
  });
});

interface Poll {
  /** Whole batches of each partition; null while it waits. */
  sizes(): number[] | null;
  errors(): number[];
  leave(): void;
  release(): void;
}

function arena() {
  const broker = startBroker();
  for (const name of ["t", "other"]) createTopic(broker, name);
  const find = (index: number) =>
    index < 2
      ? broker.node.partitions.find("t", index)!
      : broker.node.partitions.find("other", index - 2)!;
  const produce = (index: number, value: string) => {
    const records = buildBatch({
      records: [{ key: null, value: Buffer.from(value), timestamp: 1, headers: [] }],
    });
    const nowMs = broker.world.clock.wallMs();
    const result = find(index).append(records, { origin: "client", nowMs });
    expect(result.errorCode).toBe(ErrorCode.NONE);
  };
  const fetch = (indexes: number[], limits: Partial<FetchLimits> = {}): Poll => {
    const targets = indexes.map((index): FetchTarget => targetOf(find(index), index));
    const closing = { closing: new Signal(), isClosing: false };
    let reads: readonly PartitionRead[] | null = null;
    const source = new ListSource(targets);
    const all = { ...LIMITS, ...limits };
    void runFetch(broker.world.clock, source, all, closing).then((done) => {
      reads = done.reads;
    });
    return {
      sizes: () => reads && reads.map(({ slice }) => ((slice?.size ?? 0) > 0 ? 1 : 0)),
      errors: () => (reads ?? []).map(({ errorCode }) => errorCode),
      leave() {
        closing.isClosing = true;
        closing.closing.move();
      },
      release: () => releaseAll(reads ?? []),
    };
  };
  return { broker, produce, fetch };
}

function targetOf(partition: NonNullable<FetchTarget["partition"]>, index: number): FetchTarget {
  return {
    partition,
    errorCode: ErrorCode.NONE,
    request: {
      topic: partition.topic,
      topicId: "",
      partition: index,
      currentLeaderEpoch: -1,
      fetchOffset: 0,
      lastFetchedEpoch: -1,
      logStartOffset: -1,
      partitionMaxBytes: 1 << 20,
    },
  };
}

function createTopic(broker: TestBroker, name: string): void {
  const topic = { name, numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] };
  broker.wait(broker.asker.quietly(createTopics, 7, { topics: [topic], timeoutMs: 10_000 }));
}
