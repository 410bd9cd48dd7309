import { describe, expect, test } from "bun:test";
import { alterPartition } from "../../../src/metadata/controller/alter-partition.ts";
import { alterPartitionReassignments } from "../../../src/metadata/controller/alter-partition-reassignments.ts";
import { createTopics } from "../../../src/metadata/controller/create-topics.ts";
import { RECORDS_PER_COMMAND_MAX } from "../../../src/metadata/controller/command.ts";
import type { PartitionRegistration } from "../../../src/metadata/partition-registration.ts";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { TestController, contentsOf } from "../controller-harness.ts";

const [ONE, TWO, THREE, FOUR] = [
  "b25lb25lb25lb25lb25lAA",
  "dHdvdHdvdHdvdHdvdHdvAA",
  "dGhyZWV0aHJlZXRocmVlAA",
  "Zm91cmZvdXJmb3VyZm91AA",
] as const;

/** Four brokers, and the topic t whose one partition lies on 1 and 2. */
class Cluster {
  readonly controller = new TestController();
  readonly epochs = new Map<number, number>();

  constructor(configs: { name: string; value: string }[] = []) {
    for (const [index, directory] of [ONE, TWO, THREE, FOUR].entries()) {
      const options = { directories: [directory] };
      this.epochs.set(index + 1, this.controller.addBroker(index + 1, options));
    }
    this.controller.run(
      createTopics({
        timeoutMs: 0,
        validateOnly: false,
        topics: [
          {
            name: "t",
            numPartitions: -1,
            replicationFactor: -1,
            assignments: [{ partitionIndex: 0, brokerIds: [1, 2] }],
            configs,
          },
        ],
      }),
    );
  }

  get partition(): PartitionRegistration {
    return this.controller.image.topics.byName("t")!.partitions[0]!;
  }

  move(replicas: number[] | null, allowReplicationFactorChange = true) {
    const topics = [{ name: "t", partitions: [{ partitionIndex: 0, replicas }] }];
    const command = alterPartitionReassignments({
      timeoutMs: 0,
      allowReplicationFactorChange,
      topics,
    });
    return this.controller.run(command).responses[0]!.partitions[0]!;
  }

  /** The leader says who is in sync. */
  sync(ids: number[]) {
    const { leader, leaderEpoch, partitionEpoch } = this.partition;
    const topicId = this.controller.image.topics.byName("t")!.id;
    const newIsrWithEpochs = ids.map((brokerId) => ({ brokerId, brokerEpoch: -1 }));
    const data = {
      partitionIndex: 0,
      leaderEpoch,
      newIsr: [],
      newIsrWithEpochs,
      leaderRecoveryState: 0,
      partitionEpoch,
    };
    const brokerEpoch = this.epochs.get(leader)!;
    const request = { brokerId: leader, brokerEpoch, topics: [{ topicId, partitions: [data] }] };
    return this.controller.run(alterPartition(request, 3)).topics[0]!.partitions[0]!;
  }
}

describe("a partition is moved", () => {
  test("to other brokers, once all of them are in sync", () => {
    const cluster = new Cluster();
    expect(cluster.move([3, 4]).errorCode).toBe(ErrorCode.NONE);
    expect(cluster.partition).toMatchObject({
      replicas: [3, 4, 1, 2],
      directories: [THREE, FOUR, ONE, TWO],
      addingReplicas: [3, 4],
      removingReplicas: [1, 2],
      isr: [1, 2],
      leader: 1,
      leaderEpoch: 0,
    });
    cluster.sync([1, 2, 3]);
    expect(cluster.partition.replicas).toEqual([3, 4, 1, 2]);
    expect(cluster.sync([1, 2, 3, 4]).errorCode).toBe(ErrorCode.NEW_LEADER_ELECTED);
    expect(cluster.partition).toMatchObject({
      replicas: [3, 4],
      directories: [THREE, FOUR],
      addingReplicas: [],
      removingReplicas: [],
      isr: [3, 4],
      leader: 3,
      leaderEpoch: 1,
    });
  });

  test("and whoever it is taken from may be elected no more, though few are in sync", () => {
    const cluster = new Cluster([{ name: "min.insync.replicas", value: "2" }]);
    cluster.move([3]);
    cluster.sync([1, 2, 3]);
    expect(cluster.partition).toMatchObject({ replicas: [3], isr: [3], leader: 3 });
    expect(cluster.partition.eligibleLeaderReplicas).toEqual([]);
  });

  test("at once where nothing has to be copied; who is gone ends the leader's epoch", () => {
    const cluster = new Cluster();
    cluster.move([2, 1]);
    expect(cluster.partition).toMatchObject({ replicas: [2, 1], leader: 1, leaderEpoch: 0 });
    expect(cluster.partition.directories).toEqual([TWO, ONE]);
    cluster.move([1]);
    expect(cluster.partition).toMatchObject({ replicas: [1], isr: [1], leader: 1, leaderEpoch: 1 });
    const { partitionEpoch } = cluster.partition;
    cluster.move([1]);
    expect(cluster.partition.partitionEpoch).toBe(partitionEpoch);
  });

  test("and back: a cancelled move leaves what was there before", () => {
    const cluster = new Cluster();
    expect(cluster.move(null).errorCode).toBe(ErrorCode.NO_REASSIGNMENT_IN_PROGRESS);
    cluster.move([3, 4]);
    cluster.sync([1, 2, 3]);
    expect(cluster.move(null).errorCode).toBe(ErrorCode.NONE);
    expect(cluster.partition).toMatchObject({
      replicas: [1, 2],
      directories: [ONE, TWO],
      addingReplicas: [],
      removingReplicas: [],
      isr: [1, 2],
      leader: 1,
    });
  });

  test("another way than it was going", () => {
    const cluster = new Cluster();
    cluster.move([1, 2, 3]);
    cluster.move([1, 4]);
    expect(cluster.partition).toMatchObject({
      replicas: [1, 4, 2, 3],
      addingReplicas: [4],
      removingReplicas: [2, 3],
    });
    cluster.sync([1, 2, 4]);
    expect(cluster.partition).toMatchObject({ replicas: [1, 4], isr: [1, 4], leader: 1 });
  });
});

describe("a move is refused", () => {
  test("where it would change the number of replicas, if that is to stay", () => {
    const cluster = new Cluster();
    expect(cluster.move([3], false)).toMatchObject({
      errorCode: ErrorCode.INVALID_REPLICATION_FACTOR,
      errorMessage: "The replication factor is changed from 2 to 1",
    });
    expect(cluster.move([3, 4], false).errorCode).toBe(ErrorCode.NONE);
    // On the move there are four, but two are meant.
    expect(cluster.move([1, 4], false).errorCode).toBe(ErrorCode.NONE);
    expect(cluster.move([1, 2, 4], false).errorCode).toBe(ErrorCode.INVALID_REPLICATION_FACTOR);
  });

  test("back to replicas of which none is in sync", () => {
    const cluster = new Cluster();
    cluster.move([1, 2, 3]);
    cluster.sync([1]);
    const topic = cluster.controller.image.topics.byName("t")!;
    const value = {
      topicId: topic.id,
      partitionId: 0,
      isr: [3],
      leader: 3,
      addingReplicas: [3],
      removingReplicas: [1],
    };
    cluster.controller.apply([{ name: "PartitionChangeRecord", version: 2, value }]);
    expect(cluster.move(null)).toMatchObject({
      errorCode: ErrorCode.INVALID_REPLICA_ASSIGNMENT,
      errorMessage: expect.stringContaining("would require an unclean leader election"),
    });
  });

  test("as a whole when it is too large", () => {
    const cluster = new Cluster();
    const partitions = Array.from({ length: RECORDS_PER_COMMAND_MAX + 1 }, () => ({
      partitionIndex: 0,
      replicas: [3, 4],
    }));
    const command = alterPartitionReassignments({
      timeoutMs: 0,
      allowReplicationFactorChange: true,
      topics: [{ name: "t", partitions }],
    });
    expect(cluster.controller.run(command).errorCode).toBe(ErrorCode.POLICY_VIOLATION);
    expect(cluster.partition.replicas).toEqual([1, 2]);
  });
});

test("a move is kept in a snapshot", () => {
  const cluster = new Cluster();
  cluster.move([3, 4]);
  const copy = new TestController([]);
  copy.apply(contentsOf(cluster.controller.image));
  expect(contentsOf(copy.image)).toEqual(contentsOf(cluster.controller.image));
  expect(copy.image.topics.byName("t")!.partitions[0]).toMatchObject({ addingReplicas: [3, 4] });
});
