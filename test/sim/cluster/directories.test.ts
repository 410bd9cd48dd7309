/** A log directory of several fails, and comes back. */
import { expect, test } from "bun:test";
import type { Partition } from "../../../src/partition/partition.ts";
import { append } from "../../api/scenarios/prepare.ts";
import { ScriptedCluster } from "./scripted.ts";
import { DIRECTORY, OTHER_DIRECTORY, plainShape } from "./shape.ts";

const TOPIC = "t";
const PARTITIONS = 4;

test("one that fails at the start has its logs when it is back, and nobody begins them anew", () => {
  const arena = new ScriptedCluster({}, plainShape(1, [DIRECTORY, OTHER_DIRECTORY]));
  arena.makeTopic(TOPIC, PARTITIONS);
  const node = arena.node(1);
  const partitions = (): Partition[] => [...node.running!.broker.partitions];
  for (let index = 0; index < PARTITIONS; index++) {
    arena.wait(append(arena.asker(1), TOPIC, index, { timestamps: [1, 2] }));
  }
  const inOther = partitions().filter(({ log }) => log.directory.startsWith(OTHER_DIRECTORY));
  expect(inOther.length).toBeGreaterThan(0);
  expect(inOther.length).toBeLessThan(PARTITIONS);
  node.kill();
  node.disk.inject({ operation: "list", path: /data2\/t-/, code: "EIO" });
  node.start();
  arena.until(() => node.isUp);
  expect(node.hasFailedDirectory).toBe(true);
  expect(partitions().length).toBe(PARTITIONS - inOther.length);
  expect(node.disk.peekNames(DIRECTORY).filter((name) => name.startsWith("t-")).length).toBe(
    PARTITIONS - inOther.length,
  );
  node.kill();
  node.start();
  arena.until(() => node.isUp);
  expect(partitions().map(({ log }) => log.logEndOffset)).toEqual([2, 2, 2, 2]);
});
