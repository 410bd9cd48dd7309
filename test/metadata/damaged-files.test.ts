/** Whatever a file of the metadata became: the node starts, or says in one line why not. */
import { expect, test } from "bun:test";
import { DiskError } from "../../src/base/world.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import { QuorumError } from "../../src/raft/raft-node.ts";
import { type FakeWorld, fakeWorld } from "../sim/fake-world.ts";
import {
  DATA,
  PARTITION,
  copyFixture,
  createTopic,
  openNode,
  run,
  startBroker,
  write,
} from "./node-harness.ts";

const FILES = [
  `${PARTITION}/00000000000000000000.log`,
  `${PARTITION}/00000000000000000000-0000000000.checkpoint`,
  `${PARTITION}/00000000000000000063-0000000002.checkpoint`,
  `${PARTITION}/00000000000000000048.snapshot`,
  `${PARTITION}/leader-epoch-checkpoint`,
  `${PARTITION}/partition.metadata`,
  `${PARTITION}/quorum-state`,
  `${DATA}/bootstrap.checkpoint`,
];

for (const path of FILES) {
  test(`a damaged ${path.slice(path.lastIndexOf("/") + 1)}`, () => {
    let outcomes = 0;
    for (let seed = 1; seed <= 25; seed++) {
      const world = fakeWorld(seed);
      copyFixture(world, "kafka-dynamic");
      damage(world, path);
      try {
        const node = openNode(world);
        startBroker(world, node);
        run(world, node, createTopic("works"));
      } catch (error) {
        if (!isRefusal(error)) throw error;
        expect((error as Error).message).not.toContain("\n");
      }
      outcomes++;
    }
    expect(outcomes).toBe(25);
  });
}

function damage(world: FakeWorld, path: string): void {
  const { random } = world;
  const bytes = Buffer.from(world.disk.readWhole(path));
  const kind = random.uint32() % 4;
  const at = random.uint32() % bytes.length;
  if (kind === 0) bytes[at]! ^= 1 << (random.uint32() % 8);
  if (kind === 1) bytes.fill(0, at);
  if (kind === 2) random.fill(bytes.subarray(at, at + 16));
  const size = kind === 3 ? at : bytes.length;
  world.disk.remove(path);
  write(world, path, bytes.subarray(0, size));
}

function isRefusal(error: unknown): boolean {
  const kinds = [ProtocolError, QuorumError, DiskError];
  return kinds.some((kind) => error instanceof kind);
}
