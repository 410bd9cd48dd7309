import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { produce } from "../../src/protocol/messages/00-produce.ts";
import { createTopics } from "../../src/protocol/messages/19-create-topics.ts";
import { electLeaders } from "../../src/protocol/messages/43-elect-leaders.ts";
import { alterPartitionReassignments } from "../../src/protocol/messages/45-alter-partition-reassignments.ts";
import { listPartitionReassignments } from "../../src/protocol/messages/46-list-partition-reassignments.ts";
import { batchOf } from "../log/log-fixture.ts";
import { type NodePlan, RoleCluster } from "./role-cluster.ts";

const SETTINGS = { "leader.imbalance.check.interval.seconds": "20" };
const PLANS: readonly NodePlan[] = [
  { id: 11, roles: "controller", settings: SETTINGS },
  ...[1, 2, 3, 4].map((id) => ({ id, roles: "broker" as const })),
];

describe("leadership", () => {
  test("goes to a replica in sync, back to the first on request, and by itself in time", () => {
    const cluster = started();
    create(cluster, [[1, 2, 3]]);
    cluster.stop(1);
    expect(partition(cluster)).toMatchObject({ leader: 2, isr: [2, 3] });
    cluster.start(1);
    cluster.until(() => partition(cluster).isr.length === 3);
    const topicPartitions = [{ topic: "t", partitions: [0] }];
    const request = { electionType: 0, topicPartitions, timeoutMs: 1000 };
    const elected = cluster.ask(3, electLeaders, request);
    expect(elected.replicaElectionResults[0]?.partitionResult[0]?.errorCode).toBe(ErrorCode.NONE);
    expect(partition(cluster).leader).toBe(1);
    cluster.stop(1);
    cluster.start(1);
    expect(partition(cluster).leader).toBe(2);
    cluster.until(() => partition(cluster).leader === 1);
  });

  test("stays with nobody while the last that was in sync is away, unless records may be lost", () => {
    const cluster = started();
    create(cluster, [[1, 2]]);
    cluster.node(2).kill();
    cluster.until(() => partition(cluster).isr.join() === "1");
    cluster.node(1).kill();
    cluster.until(() => partition(cluster).leader === -1);
    cluster.start(2);
    cluster.client.clock.advance(2000);
    expect(partition(cluster).leader).toBe(-1);
    const topicPartitions = [{ topic: "t", partitions: [0] }];
    const unclean = { electionType: 1, topicPartitions, timeoutMs: 1000 };
    const elected = cluster.ask(3, electLeaders, unclean);
    expect(elected.replicaElectionResults[0]?.partitionResult[0]?.errorCode).toBe(ErrorCode.NONE);
    expect(partition(cluster)).toMatchObject({ leader: 2, isr: [2] });
    const { stats } = cluster.running(11).broker.metadata;
    expect([stats.uncleanElectionCount, stats.elrElectionCount]).toEqual([1, 0]);
    cluster.start(1);
    cluster.until(() => partition(cluster).isr.length === 2);
  });
});

describe("replicas on the move", () => {
  test("are the new ones when these are in sync, and the old ones are gone", () => {
    const cluster = started();
    create(cluster, [[1, 2]]);
    expect(reassign(cluster, [3, 4])).toBe(ErrorCode.NONE);
    cluster.until(() => partition(cluster).addingReplicas.length === 0);
    expect(partition(cluster)).toMatchObject({ replicas: [3, 4], leader: 3, removingReplicas: [] });
    expect([...partition(cluster).isr].sort()).toEqual([3, 4]);
    const gone = () =>
      [1, 2].every((id) => [...cluster.running(id).broker.partitions].length === 0);
    cluster.until(gone);
    const listed = cluster.ask(2, listPartitionReassignments, { topics: null, timeoutMs: 1000 });
    expect(listed).toMatchObject({ errorCode: ErrorCode.NONE, topics: [] });
  });

  test("are the old ones again when the move is cancelled", () => {
    const cluster = started();
    create(cluster, [[1, 2]]);
    cluster.node(4).kill();
    expect(reassign(cluster, [1, 4])).toBe(ErrorCode.NONE);
    const listed = cluster.ask(2, listPartitionReassignments, { topics: null, timeoutMs: 1000 });
    expect(listed.topics[0]?.partitions[0]).toMatchObject({
      replicas: [1, 4, 2],
      addingReplicas: [4],
      removingReplicas: [2],
    });
    expect(reassign(cluster, null)).toBe(ErrorCode.NONE);
    expect(partition(cluster)).toMatchObject({ replicas: [1, 2], addingReplicas: [] });
    expect(reassign(cluster, null)).toBe(ErrorCode.NO_REASSIGNMENT_IN_PROGRESS);
  });
});

describe("where replicas lie", () => {
  test("is told to the controller, and a directory that fails loses its leaderships alone", () => {
    const directories = { "log.dirs": "/data,/more" };
    const plans = PLANS.map((plan) =>
      plan.roles === "broker" ? { ...plan, settings: directories } : plan,
    );
    const cluster = started(plans);
    create(cluster, [
      [1, 2],
      [1, 2],
      [1, 2],
      [1, 2],
    ]);
    const { topics, cluster: brokers } = cluster.image(11);
    const { partitions, id: topicId } = topics.byName("t")!;
    const placed = () => topics.byName("t")!.partitions.map(({ directories: [of] }) => of!);
    cluster.until(() => placed().every((id) => brokers.broker(1)!.directories.includes(id)));
    expect(new Set(placed()).size).toBe(2);
    cluster.until(() => topics.byName("t")!.partitions.every(({ isr }) => isr.length === 2));
    const failing = cluster
      .running(1)
      .broker.logs.directories.find(({ path }) => path === "/more")!;
    const { disk } = cluster.node(1).world;
    disk.inject({ operation: "write", path: /^\/more\//, code: "EIO" });
    for (const index of partitions.keys()) {
      void cluster.asking(1, produce, records(topicId, index));
    }
    cluster.until(() => brokers.broker(1)?.directories.length === 1);
    expect(brokers.broker(1)?.directories).not.toContain(failing.id!);
    const led = topics.byName("t")!.partitions.map(({ leader, directories: [of] }) => [leader, of]);
    expect(led.every(([leader, of]) => (of === failing.id) === (leader === 2))).toBe(true);
    expect(brokers.broker(1)?.fenced).toBe(false);
    // All that was written is still to be had; and the disk may be well again.
    for (const [index, { leader }] of topics.byName("t")!.partitions.entries()) {
      expect(cluster.ask(leader, produce, records(topicId, index, -1))).toMatchObject(NO_ERROR);
    }
    disk.clearFaults();
    cluster.stop(1);
    cluster.start(1);
    cluster.until(() => topics.byName("t")!.partitions.every(({ isr }) => isr.length === 2));
    expect(brokers.broker(1)?.directories.length).toBe(2);
  });

  test("is as many racks as there are", () => {
    const racks = PLANS.map(({ id, ...plan }) => ({
      ...plan,
      id,
      settings: plan.roles === "broker" ? { "broker.rack": id % 2 === 0 ? "even" : "odd" } : {},
    }));
    const cluster = started(racks);
    const topic = {
      name: "t",
      numPartitions: 8,
      replicationFactor: 2,
      assignments: [],
      configs: [],
    };
    const request = { topics: [topic], timeoutMs: 5000, validateOnly: false };
    cluster.ask(2, createTopics, request);
    const { partitions } = cluster.image(11).topics.byName("t")!;
    expect(partitions.every(({ replicas: [a, b] }) => a! % 2 !== b! % 2)).toBe(true);
  });
});

function records(topicId: string, index: number, acks = 1) {
  const partitionData = [{ index, records: batchOf() }];
  return { acks, timeoutMs: 1000, topicData: [{ topicId, partitionData }] };
}

const NO_ERROR = { responses: [{ partitionResponses: [{ errorCode: ErrorCode.NONE }] }] };

function started(plans = PLANS): RoleCluster {
  const cluster = new RoleCluster(plans);
  cluster.start();
  return cluster;
}

function create(cluster: RoleCluster, replicas: readonly number[][]): void {
  const assignments = replicas.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds }));
  const topic = { name: "t", numPartitions: -1, replicationFactor: -1, assignments, configs: [] };
  const request = { topics: [topic], timeoutMs: 5000, validateOnly: false };
  expect(cluster.ask(3, createTopics, request).topics[0]?.errorCode).toBe(ErrorCode.NONE);
}

function partition(cluster: RoleCluster) {
  return cluster.image(11).topics.byName("t")!.partitions[0]!;
}

function reassign(cluster: RoleCluster, replicas: number[] | null): number | undefined {
  const topics = [{ name: "t", partitions: [{ partitionIndex: 0, replicas }] }];
  const request = { timeoutMs: 5000, topics };
  const { responses } = cluster.ask(3, alterPartitionReassignments, request);
  return responses[0]?.partitions[0]?.errorCode;
}
