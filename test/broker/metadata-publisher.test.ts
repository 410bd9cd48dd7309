/** What a commit of many partitions makes of a node, a slice a turn. */
import { describe, expect, test } from "bun:test";
import { deleteTopics } from "../../src/protocol/messages/20-delete-topics.ts";
import { createTopics } from "../../src/protocol/messages/19-create-topics.ts";
import { startBroker, type TestBroker } from "../api/broker-kit.ts";
import { afterKill, fakeWorld } from "../sim/fake-world.ts";

const COUNT = 1000;
const SLICE_LENGTH = 256;

describe("many partitions", () => {
  test("are made, and removed, in slices", () => {
    const world = fakeWorld();
    const broker = startBroker({}, world);
    const changes: number[] = [];
    let last = 0;
    const { soon } = world.clock;
    world.clock.soon = (callback) => {
      const count = broker.node.logs.logsOf("t").length;
      changes.push(Math.abs(count - last));
      last = count;
      soon.call(world.clock, callback);
    };
    broker.wait(create(broker, "t"));
    world.clock.settle();
    expect(ledCount(broker)).toBe(COUNT);
    expect(new Set(broker.node.logs.logsOf("t").map(({ config }) => config)).size).toBe(1);
    expect(Math.max(...changes)).toBe(SLICE_LENGTH);
    changes.length = 0;
    last = COUNT;
    broker.wait(remove(broker, "t"));
    expect(broker.node.partitions.topicByName("t")).toBeNull();
    world.clock.settle();
    expect(broker.node.logs.logsOf("t")).toEqual([]);
    expect(Math.max(...changes)).toBeLessThanOrEqual(SLICE_LENGTH);
    expect(changes.filter((count) => count > 0).length).toBeGreaterThanOrEqual(3);
    const parting = () => world.disk.list("/data").filter((name) => name.endsWith("-delete"));
    expect(parting().length).toBe(COUNT);
    world.clock.advance(61_000);
    expect(parting()).toEqual([]);
    broker.stop();
  });

  test("of a topic made anew by the same name are the new ones", () => {
    const broker = startBroker();
    broker.wait(create(broker, "t"));
    const asked = [remove(broker, "t"), create(broker, "t"), remove(broker, "t")];
    const last = create(broker, "t");
    broker.wait(Promise.all(asked));
    const { topics } = broker.wait(last);
    broker.world.clock.settle();
    expect(ledCount(broker)).toBe(COUNT);
    const ids = new Set(broker.node.logs.logsOf("t").map(({ topicId }) => topicId));
    expect([...ids]).toEqual([topics[0]!.topicId]);
    broker.stop();
    expect(broker.fatals).toEqual([]);
  });

  test("are all there after a stop in the middle, and after a kill", () => {
    const world = fakeWorld();
    const first = startBroker({}, world);
    first.wait(create(first, "t"));
    first.stop();
    expect(first.node.logs.logsOf("t").length).toBe(COUNT);
    const second = startBroker({}, world);
    expect(ledCount(second)).toBe(COUNT);
    // A node that starts has everything before it serves anybody.
    const created = create(second, "u");
    second.wait(created);
    const third = startBroker({}, afterKill(world));
    expect(ledCount(third)).toBe(COUNT);
    expect([...third.node.partitions.topicByName("u")!].length).toBe(COUNT);
    third.stop();
  });
});

function create(broker: TestBroker, name: string) {
  return broker.asker.quietly(createTopics, 7, {
    topics: [{ name, numPartitions: COUNT, replicationFactor: 1, assignments: [], configs: [] }],
    timeoutMs: 10_000,
  });
}

function remove(broker: TestBroker, name: string) {
  return broker.asker.quietly(deleteTopics, 5, { topicNames: [name], timeoutMs: 10_000 });
}

function ledCount(broker: TestBroker): number {
  const topic = broker.node.partitions.topicByName("t");
  return topic === null ? 0 : [...topic].filter(({ isLeader }) => isLeader).length;
}
