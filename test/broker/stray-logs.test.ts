import { expect, test } from "bun:test";
import { createTopics } from "../../src/protocol/messages/19-create-topics.ts";
import { startBroker, type TestBroker } from "../api/broker-kit.ts";

function create(broker: TestBroker, name: string): void {
  const asked = broker.asker.quietly(createTopics, 7, {
    topics: [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
  });
  expect(broker.wait(asked).topics[0]!.errorCode).toBe(0);
}

test("a log whose topic was deleted before a crash is set aside, and never served again", () => {
  const first = startBroker();
  const { world } = first;
  create(first, "there");
  create(first, "deleted");
  first.stop();
  // As a crash between the records of the deletion and the renaming of the directory leaves it.
  world.disk.rename("/data/deleted-0", "/data/ghost-0");
  world.disk.makeDirectory("/data/unknown-3");
  const second = startBroker({}, world);
  const names = world.disk.list("/data").filter((name) => /there|ghost|unknown/.test(name));
  expect(names.sort().map((name) => name.replace(/[0-9a-f]{32}/, "HEX"))).toEqual([
    "ghost-0.HEX-stray",
    "there-0",
    "unknown-3.HEX-stray",
  ]);
  create(second, "ghost");
  expect(second.node.logs.get("ghost", 0)?.logEndOffset).toBe(0);
  second.stop();
  // What was set aside is left alone from then on.
  const third = startBroker({}, world);
  expect(world.disk.list("/data").filter((name) => name.endsWith("-stray"))).toHaveLength(2);
  third.stop();
});

test("a log that has lost its topic id gets it back", () => {
  const first = startBroker();
  const { world } = first;
  create(first, "topic");
  first.stop();
  const path = "/data/topic-0/partition.metadata";
  const before = world.disk.readWhole(path);
  world.disk.open(path, "write").truncate(3);
  const second = startBroker({}, world);
  expect(world.disk.readWhole(path)).toEqual(before);
  expect(world.disk.list("/data").filter((name) => name.endsWith("-stray"))).toEqual([]);
  second.stop();
});

test("a topic that was made anew does not come to the records of the old one", () => {
  const first = startBroker();
  const { world } = first;
  create(first, "topic");
  create(first, "other");
  first.stop();
  world.disk.rename("/data/topic-0", "/data/old");
  world.disk.rename("/data/other-0", "/data/topic-0");
  world.disk.removeTree("/data/old");
  const second = startBroker({}, world);
  const strays = world.disk.list("/data").filter((name) => name.endsWith("-stray"));
  expect(strays).toHaveLength(1);
  expect(strays[0]).toStartWith("topic-0.");
  expect(second.node.logs.get("topic", 0)?.topicId).toBe(
    second.node.image.topics.byName("topic")!.id,
  );
  second.stop();
});
