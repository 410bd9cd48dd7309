import { describe, expect, test } from "bun:test";
import { placeReplicas } from "../../../src/metadata/controller/replica-placement.ts";
import { TestController } from "../controller-harness.ts";

describe("placeReplicas", () => {
  test("spreads leaders and replicas evenly over brokers", () => {
    const controller = clusterOf(["", "", "", ""]);
    const placements = place(controller, 100, 3);
    const leaders = countBy(placements.map((replicas) => replicas[0]!));
    expect(leaders).toEqual({ 1: 25, 2: 25, 3: 25, 4: 25 });
    const replicas = countBy(placements.flat());
    for (const count of Object.values(replicas)) expect(count).toBe(75);
    for (const each of placements) expect(new Set(each).size).toBe(3);
  });

  test("puts the replicas of a partition on different racks", () => {
    const controller = clusterOf(["a", "a", "b", "b", "c", "c"]);
    const rackOf = (id: number) => controller.image.cluster.broker(id)!.rack;
    for (const replicas of place(controller, 60, 3)) {
      expect(new Set(replicas.map(rackOf)).size).toBe(3);
    }
  });

  test("uses all brokers when there are fewer racks than replicas", () => {
    const controller = clusterOf(["a", "a", "b"]);
    for (const replicas of place(controller, 30, 3)) expect(new Set(replicas).size).toBe(3);
  });

  test("lets a fenced broker follow, never lead", () => {
    const controller = clusterOf(["", "", ""]);
    const { id, epoch } = controller.image.cluster.broker(2)!;
    const change = { brokerId: id, brokerEpoch: epoch, fenced: 1 };
    controller.apply([{ name: "BrokerRegistrationChangeRecord", version: 0, value: change }]);
    const placements = place(controller, 30, 3);
    for (const replicas of placements) {
      expect(replicas[0]).not.toBe(2);
      expect(replicas).toContain(2);
    }
  });

  test("says why it cannot", () => {
    const controller = clusterOf(["", ""]);
    const reason = placeReplicas(controller.image, controller.world.random, 1, 3);
    expect(reason).toContain("The target replication factor of 3 cannot be reached because only 2");
  });
});

function clusterOf(racks: string[]): TestController {
  const controller = new TestController();
  for (const [index, rack] of racks.entries()) {
    controller.addBroker(index + 1, rack === "" ? {} : { rack });
  }
  return controller;
}

function place(controller: TestController, count: number, factor: number): number[][] {
  const placements = placeReplicas(controller.image, controller.world.random, count, factor);
  if (typeof placements === "string") throw new Error(placements);
  return placements.map(({ replicas }) => [...replicas]);
}

function countBy(ids: number[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const id of ids) counts[id] = (counts[id] ?? 0) + 1;
  return counts;
}
