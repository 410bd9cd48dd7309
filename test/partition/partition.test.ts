import { describe, expect, test } from "bun:test";
import type { AppendResult } from "../../src/log/append-result.ts";
import type { LogSlice } from "../../src/log/log-slice.ts";
import { GatheredAppends } from "../../src/partition/gathered-appends.ts";
import type { Partition } from "../../src/partition/partition.ts";
import type { PartitionRegistration } from "../../src/metadata/partition-registration.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { createTopics } from "../../src/protocol/messages/19-create-topics.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { baseOffset, batchSize } from "../../src/protocol/record-batch.ts";
import { append as produceTo } from "../api/scenarios/prepare.ts";
import { startBroker, type TestBroker } from "../api/broker-kit.ts";

const OTHER_NODE = 2;

describe("a partition", () => {
  test("commits at once what its only replica has", () => {
    const { partition, append } = arena();
    expect(append(partition)).toBe(0);
    expect(partition.log.highWatermark).toBe(1);
    expect(partition.whenCommitted(1, 1000)).toBeNull();
  });

  test("tells old epochs from ones it has not heard of", () => {
    const { partition, change } = arena();
    change({ leaderEpoch: 3 });
    expect(partition.leaderError()).toBe(ErrorCode.NONE);
    expect(partition.leaderError(3)).toBe(ErrorCode.NONE);
    expect(partition.leaderError(2)).toBe(ErrorCode.FENCED_LEADER_EPOCH);
    expect(partition.leaderError(4)).toBe(ErrorCode.UNKNOWN_LEADER_EPOCH);
  });

  test("commits nothing while fewer are in sync than its topic asks for", async () => {
    const { broker, partition, append, change } = arena();
    partition.log.updateConfig({ ...partition.log.config, minInsyncReplicas: 2 });
    change({ replicas: [1, OTHER_NODE], isr: [1] });
    expect(partition.minIsrError()).toBe(ErrorCode.NOT_ENOUGH_REPLICAS);
    append(partition);
    expect(partition.log.highWatermark).toBe(0);
    const committed = partition.whenCommitted(1, 5000)!;
    partition.log.updateConfig({ ...partition.log.config, minInsyncReplicas: 1 });
    partition.maybeAdvance();
    expect(broker.wait(committed)).toBe(ErrorCode.NONE);
  });

  test("never asks for more in sync than there are replicas", () => {
    const { partition, append } = arena();
    partition.log.updateConfig({ ...partition.log.config, minInsyncReplicas: 3 });
    expect(partition.minIsrError()).toBe(ErrorCode.NONE);
    append(partition);
    expect(partition.log.highWatermark).toBe(1);
  });

  test("answers those who wait for a commit when it leads no longer", () => {
    const { broker, partition, append, change } = arena();
    change({ replicas: [1, OTHER_NODE], isr: [1, OTHER_NODE] });
    append(partition);
    const committed = partition.whenCommitted(1, 5000)!;
    change({ leader: OTHER_NODE, leaderEpoch: 1 });
    expect(broker.wait(committed)).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    expect(partition.leaderError()).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
  });

  test("begins each leadership with an entry in its leader epochs", () => {
    const { partition, append, change } = arena();
    append(partition);
    change({ leaderEpoch: 5 });
    append(partition);
    expect(partition.log.endOffsetFor(0)).toEqual({ epoch: 0, endOffset: 1 });
    expect(partition.log.endOffsetFor(5)).toEqual({ epoch: 5, endOffset: 2 });
  });

  test("is unknown once its topic is gone", () => {
    const { partition } = arena();
    partition.remove();
    expect(partition.leaderError()).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  });
});

describe("appends of one turn", () => {
  test("have their offsets at once, and are written and committed together", () => {
    const { broker, partition, append, gather, gathered } = arena();
    // The first append of a leader also writes its epoch down.
    append(partition);
    broker.world.clock.settle();
    const before = broker.world.disk.writeCount;
    expect([1, 2, 3].map(() => gather(partition))).toEqual([1, 2, 3]);
    expect([partition.log.logEndOffset, partition.log.highWatermark]).toEqual([4, 1]);
    expect(broker.world.disk.writeCount).toBe(before);
    broker.world.clock.settle();
    expect(gathered.isIdle).toBe(true);
    expect(broker.world.disk.writeCount).toBe(before + 1);
    expect(partition.log.highWatermark).toBe(4);
  });

  test("are found by whoever reads them before, and stay in order with others", () => {
    const { broker, partition, append, gather, gathered } = arena();
    append(partition);
    gather(partition);
    append(partition);
    gather(partition);
    gather(partition);
    const slice = partition.log.read(0, 10_000, 5, false) as LogSlice;
    const bytes = Buffer.alloc(slice.size);
    slice.readInto(bytes, 0);
    slice.release();
    expect(offsetsIn(bytes)).toEqual([0, 1, 2, 3, 4]);
    const { writeCount } = broker.world.disk;
    gathered.write();
    expect(broker.world.disk.writeCount).toBe(writeCount);
    expect(partition.log.highWatermark).toBe(5);
  });

  test("do not wait for more than is worth it", () => {
    const { partition, gather, gathered } = arena();
    for (let count = 0; count < 511; count++) gather(partition);
    expect(gathered.isIdle).toBe(false);
    gather(partition);
    expect(gathered.isIdle).toBe(true);
    expect(partition.log.highWatermark).toBe(512);
  });

  test("that are large are written and committed at once", () => {
    const { broker, partition, gathered } = arena();
    const value = Buffer.alloc(100_000);
    const records = buildBatch({ records: [{ key: null, value, timestamp: 1, headers: [] }] });
    const nowMs = broker.world.clock.wallMs();
    partition.produce(records, { nowMs, verification: null, isForAll: true, gathered });
    expect([gathered.isIdle, partition.log.highWatermark]).toEqual([true, 1]);
  });

  test("fail together when the disk does, and so do those who wait for a commit", async () => {
    const { broker, partition, gather, gathered } = arena();
    gather(partition);
    const committed = partition.whenCommitted(1, 5000)!;
    broker.world.disk.inject({ operation: "write", path: /t-0/, code: "EIO" });
    gathered.write();
    expect(partition.log.failure?.code).toBe("EIO");
    expect(partition.log.highWatermark).toBe(0);
    expect(broker.wait(committed)).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
  });

  test("are answered with what became of the write", () => {
    const { broker } = arena();
    broker.world.disk.inject({ operation: "write", path: /t-0/, code: "EIO" });
    // The kit says of every second request that others follow it.
    const answers = [1, 2].map(() => produceTo(broker.asker, "t", 0, { timestamps: [1] }));
    for (const answer of answers) {
      expect(() => broker.wait(answer)).toThrow(`t-0: ${ErrorCode.KAFKA_STORAGE_ERROR}`);
    }
  });
});

describe("appends that a thread writes", () => {
  test("are committed when they are written, and those that came meanwhile after them", () => {
    const { partition, gather, gathered, endTurn, finishWrites } = threaded();
    gather(partition);
    endTurn();
    const { round } = gathered;
    expect([round.isOver, partition.log.highWatermark, partition.log.logEndOffset]).toEqual([
      false,
      1,
      2,
    ]);
    gather(partition);
    endTurn();
    expect(partition.log.highWatermark).toBe(1);
    finishWrites();
    expect([round.isOver, gathered.isIdle, partition.log.highWatermark]).toEqual([true, false, 2]);
    finishWrites();
    expect([gathered.isIdle, partition.log.highWatermark]).toEqual([true, 3]);
  });

  test("are left to the loop for a while when nothing ever comes beside them", () => {
    const { partition, gather, endTurn, finishWrites } = threaded();
    const isWrittenByThread = (): boolean => {
      gather(partition);
      endTurn();
      const { logEndOffset, highWatermark } = partition.log;
      finishWrites();
      return highWatermark < logEndOffset;
    };
    const byThread: number[] = [];
    for (let round = 1; round <= 16 + 1024 + 1; round++)
      if (isWrittenByThread()) byThread.push(round);
    expect(byThread).toEqual([...Array.from({ length: 16 }, (_, index) => index + 1), 1041]);
    expect(partition.log.highWatermark).toBe(partition.log.logEndOffset);
  });

  test("tell those who wait for them when they are over, and not before", () => {
    const { partition, gather, gathered, endTurn, finishWrites } = threaded();
    const over: number[] = [];
    gather(partition);
    gathered.round.whenOver(() => over.push(1));
    endTurn();
    gather(partition);
    gathered.round.whenOver(() => over.push(2));
    expect(over).toEqual([]);
    finishWrites();
    expect(over).toEqual([1]);
    gathered.write();
    expect([over, partition.log.highWatermark]).toEqual([[1], 3]);
    endTurn();
    expect(over).toEqual([1, 2]);
  });

  test("are waited for by whoever uses the file, but not by readers of what is before", () => {
    const { broker, partition, gather, append, endTurn, finishWrites, offsetsUpTo } = threaded();
    gather(partition);
    endTurn();
    const { disk } = broker.world;
    const { writeCount } = disk;
    expect([offsetsUpTo(1), disk.writeCount - writeCount]).toEqual([[0], 0]);
    expect([offsetsUpTo(2), disk.writeCount - writeCount]).toEqual([[0, 1], 1]);
    expect(partition.log.highWatermark).toBe(1);
    gather(partition);
    append(partition);
    expect(offsetsUpTo(4)).toEqual([0, 1, 2, 3]);
    expect(partition.log.highWatermark).toBe(4);
    finishWrites();
    expect(partition.log.highWatermark).toBe(4);
  });

  test("are counted before a change of the leadership, and never after it", () => {
    const { partition, gather, endTurn, finishWrites, change } = threaded();
    gather(partition);
    endTurn();
    const { leaderEpoch, partitionEpoch } = partition.registration;
    change({ leader: 2, leaderEpoch: leaderEpoch + 1, partitionEpoch: partitionEpoch + 1 });
    expect(partition.log.highWatermark).toBe(2);
    partition.log.truncateTo(1);
    change({ leader: 1, leaderEpoch: leaderEpoch + 2, partitionEpoch: partitionEpoch + 2 });
    finishWrites();
    expect([partition.log.logEndOffset, partition.log.highWatermark]).toEqual([1, 1]);
  });

  test.each(["EIO", "ENOSPC"])("fail as those that the loop writes: %s", (code) => {
    const { broker, partition, gather, gathered, endTurn, finishWrites } = threaded();
    gather(partition);
    const committed = partition.whenCommitted(2, 5000)!;
    broker.world.disk.inject({ operation: "write", path: /t-0/, code });
    endTurn();
    finishWrites();
    expect([partition.log.failure?.code, partition.log.highWatermark]).toEqual([code, 1]);
    expect(gathered.isIdle).toBe(true);
    expect(broker.wait(committed)).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
  });

  test("are answered with what became of the write", () => {
    const { broker } = threaded();
    broker.world.disk.later = (callback) => void Promise.resolve().then(callback);
    broker.wait(produceTo(broker.asker, "t", 0, { timestamps: [1] }));
    broker.world.disk.inject({ operation: "write", path: /t-0/, code: "EIO" });
    const answers = [1, 2].map(() => produceTo(broker.asker, "t", 0, { timestamps: [1] }));
    for (const answer of answers) {
      expect(() => broker.wait(answer)).toThrow(`t-0: ${ErrorCode.KAFKA_STORAGE_ERROR}`);
    }
  });
});

/** One record is there, and a thread writes what is gathered behind it. */
function threaded() {
  const made = arena();
  const { broker, partition, append } = made;
  const { clock, disk } = broker.world;
  append(partition);
  clock.settle();
  disk.hasWriteThread = true;
  let held: (() => void)[] = [];
  disk.later = (callback) => void held.push(callback);
  return {
    ...made,
    endTurn: () => clock.settle(),
    finishWrites(): void {
      const done = held;
      held = [];
      for (const callback of done) callback();
      clock.settle();
    },
    offsetsUpTo(end: number): number[] {
      const slice = partition.log.read(0, 10_000, end, false) as LogSlice;
      const bytes = Buffer.alloc(slice.size);
      slice.readInto(bytes, 0);
      slice.release();
      return offsetsIn(bytes);
    },
  };
}

function offsetsIn(bytes: Buffer): number[] {
  const offsets: number[] = [];
  for (let at = 0; at < bytes.length; at += batchSize(bytes, at)) {
    offsets.push(baseOffset(bytes, at));
  }
  return offsets;
}

function arena() {
  const broker = startBroker();
  const partition = createPartition(broker);
  const gathered = new GatheredAppends(broker.world.clock, broker.world.disk);
  return {
    broker,
    partition,
    gathered,
    /** Returns the offset. */
    gather(to: Partition): number {
      const nowMs = broker.world.clock.wallMs();
      const options = { nowMs, verification: null, isForAll: true, gathered };
      return (to.produce(someRecords(), options) as AppendResult).firstOffset;
    },
    append(to: Partition): number {
      const nowMs = broker.world.clock.wallMs();
      return to.append(someRecords(), { origin: "client", nowMs }).errorCode;
    },
    change(registration: Partial<PartitionRegistration>): void {
      partition.update({ ...partition.registration, ...registration });
    },
  };
}

function someRecords(): Buffer {
  return buildBatch({
    records: [{ key: null, value: Buffer.from("value"), timestamp: 1, headers: [] }],
  });
}

function createPartition(broker: TestBroker): Partition {
  const topic = { name: "t", numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  broker.wait(broker.asker.quietly(createTopics, 7, { topics: [topic], timeoutMs: 10_000 }));
  return broker.node.partitions.find("t", 0)!;
}
