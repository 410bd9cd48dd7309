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
    expect(gathered.isEmpty).toBe(true);
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
    const offsets: number[] = [];
    for (let at = 0; at < bytes.length; at += batchSize(bytes, at)) {
      offsets.push(baseOffset(bytes, at));
    }
    expect(offsets).toEqual([0, 1, 2, 3, 4]);
    const { writeCount } = broker.world.disk;
    gathered.write();
    expect(broker.world.disk.writeCount).toBe(writeCount);
    expect(partition.log.highWatermark).toBe(5);
  });

  test("do not wait for more than is worth it", () => {
    const { partition, gather, gathered } = arena();
    for (let count = 0; count < 511; count++) gather(partition);
    expect(gathered.isEmpty).toBe(false);
    gather(partition);
    expect(gathered.isEmpty).toBe(true);
    expect(partition.log.highWatermark).toBe(512);
  });

  test("that are large are written and committed at once", () => {
    const { broker, partition, gathered } = arena();
    const value = Buffer.alloc(100_000);
    const records = buildBatch({ records: [{ key: null, value, timestamp: 1, headers: [] }] });
    const nowMs = broker.world.clock.wallMs();
    partition.produce(records, { nowMs, verification: null, isForAll: true, gathered });
    expect([gathered.isEmpty, partition.log.highWatermark]).toEqual([true, 1]);
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

function arena() {
  const broker = startBroker();
  const partition = createPartition(broker);
  const gathered = new GatheredAppends(broker.world.clock);
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
