import { describe, expect, test } from "bun:test";
import type { Partition } from "../../src/partition/partition.ts";
import type { PartitionRegistration } from "../../src/metadata/partition-registration.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { createTopics } from "../../src/protocol/messages/19-create-topics.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
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

function arena() {
  const broker = startBroker();
  const partition = createPartition(broker);
  return {
    broker,
    partition,
    append(to: Partition): number {
      const records = buildBatch({
        records: [{ key: null, value: Buffer.from("value"), timestamp: 1, headers: [] }],
      });
      const nowMs = broker.world.clock.wallMs();
      return to.append(records, { origin: "client", nowMs }).errorCode;
    },
    change(registration: Partial<PartitionRegistration>): void {
      partition.update({ ...partition.registration, ...registration });
    },
  };
}

function createPartition(broker: TestBroker): Partition {
  const topic = { name: "t", numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  broker.wait(broker.asker.quietly(createTopics, 7, { topics: [topic], timeoutMs: 10_000 }));
  return broker.node.partitions.find("t", 0)!;
}
