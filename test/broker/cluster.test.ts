import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { createTopics } from "../../src/protocol/messages/19-create-topics.ts";
import { describeCluster } from "../../src/protocol/messages/60-describe-cluster.ts";
import { type NodePlan, RoleCluster } from "./role-cluster.ts";

const THREE: readonly NodePlan[] = [1, 2, 3].map((id) => ({ id, roles: "broker,controller" }));
const APART: readonly NodePlan[] = [
  { id: 11, roles: "controller" },
  { id: 12, roles: "controller" },
  { id: 13, roles: "controller" },
  { id: 1, roles: "broker" },
  { id: 2, roles: "broker" },
  { id: 3, roles: "broker" },
];

describe.each([
  ["three nodes of both roles", THREE, [1, 2, 3]],
  ["controllers apart from brokers", APART, [11, 12, 13]],
] as const)("%s", (_name, plans, controllers) => {
  test("find each other, and take requests anywhere", () => {
    const cluster = new RoleCluster(plans);
    cluster.start();
    expect(controllers as readonly number[]).toContain(cluster.activeId!);
    for (const id of [1, 2, 3]) {
      const { topics } = cluster.ask(id, createTopics, creation(`of-${id}`, 3, 3));
      expect(topics[0]).toMatchObject({ name: `of-${id}`, errorCode: ErrorCode.NONE });
      const described = cluster.ask(id, describeCluster, BROKERS);
      expect(described.brokers.map(({ brokerId }) => brokerId).sort()).toEqual([1, 2, 3]);
      expect([1, 2, 3]).toContain(described.controllerId);
    }
    cluster.until(() => plans.every(({ id }) => cluster.image(id).topics.byName("of-3") !== null));
    const seen = cluster.image(2).topics.byName("of-1")!.partitions;
    expect(seen.map(({ replicas, isr }) => [replicas.length, isr.length])).toEqual([
      [3, 3],
      [3, 3],
      [3, 3],
    ]);
    expect(new Set(seen.map(({ leader }) => leader)).size).toBe(3);
    for (const id of controllers) {
      const asked = cluster.ask(id, describeCluster, CONTROLLERS, "controller");
      expect(asked.brokers.map(({ brokerId }) => brokerId).sort()).toEqual([...controllers]);
      expect(asked.controllerId).toBe(cluster.activeId!);
    }
  });

  test("let a broker go when others lead in its place, and take it back", () => {
    const cluster = new RoleCluster(plans);
    cluster.start();
    cluster.ask(1, createTopics, creation("t", 6, 3));
    const [first, ...others] = [2, 1, 3];
    const beganMs = cluster.client.clock.monotonicMs();
    cluster.stop(first!);
    expect(cluster.client.clock.monotonicMs() - beganMs).toBeLessThan(400);
    for (const id of others) {
      const { partitions } = cluster.image(id).topics.byName("t")!;
      expect(partitions.every(({ leader }) => others.includes(leader))).toBe(true);
      expect(partitions.every(({ isr }) => !isr.includes(first!))).toBe(true);
    }
    cluster.start(first!);
    const epoch = cluster.running(first!).broker.brokerEpoch;
    expect(cluster.image(1).cluster.broker(first!)).toMatchObject({ epoch, fenced: false });
  });
});

function creation(name: string, numPartitions: number, replicationFactor: number) {
  const topic = { name, numPartitions, replicationFactor, assignments: [], configs: [] };
  return { topics: [topic], timeoutMs: 10_000, validateOnly: false };
}

const BROKERS = { includeClusterAuthorizedOperations: false };
const CONTROLLERS = { ...BROKERS, endpointType: 2 };
