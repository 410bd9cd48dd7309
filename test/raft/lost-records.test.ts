/** A metadata log that rots is not cut off silently, and one that a crash tore goes on. */
import { describe, expect, test } from "bun:test";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import type { RaftLog } from "../../src/raft/raft-log.ts";
import {
  createTopic,
  DATA,
  formatStandalone,
  openNode,
  PARTITION,
  run,
  startBroker,
} from "../metadata/node-harness.ts";
import { afterKill, afterPowerLoss, type FakeWorld, fakeWorld } from "../sim/fake-world.ts";
import { Mortal } from "../sim/mortal.ts";

const LOG = `${PARTITION}/00000000000000000000.log`;
const TOPICS = ["a", "b", "c"];
const losePower = (world: FakeWorld) => afterPowerLoss(world, "random");
/** No sync comes to its end. */
const NEVER = () => undefined;

/** Two lives, with topics made in each; then a stop, or none. */
function livedTwice(isStopped: boolean, seed = 1): FakeWorld {
  let world = fakeWorld(seed);
  formatStandalone(world);
  for (const names of [TOPICS.slice(0, 2), TOPICS.slice(2)]) {
    world = afterKill(world);
    const node = openNode(world);
    startBroker(world, node);
    for (const name of names) run(world, node, createTopic(name));
    if (isStopped) world.clock.await(node.stop());
  }
  return afterKill(world);
}

/** The same files on another machine, with the log changed. */
function copyOf(world: FakeWorld, change: (log: Buffer) => Buffer): FakeWorld {
  const copy = fakeWorld();
  copy.disk.makeDirectory(PARTITION);
  for (const directory of [DATA, PARTITION]) {
    for (const name of world.disk.list(directory)) {
      const path = `${directory}/${name}`;
      if (world.disk.status(path)?.isDirectory === true) continue;
      const bytes = world.disk.readWhole(path);
      const changed = path === LOG ? change(Buffer.from(bytes)) : bytes;
      const file = copy.disk.open(path, "create");
      file.write(changed, 0, changed.length, 0);
      file.close();
    }
  }
  return copy;
}

/** Names of the topics that are there; null when the start was refused. */
function topicsIn(world: FakeWorld): string[] | null {
  try {
    const { image } = openNode(world);
    return TOPICS.filter((name) => image.topics.byName(name) !== null);
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
    expect(String(error)).toMatch(/damaged at position|ended at \d+ when it was closed/);
    return null;
  }
}

function flipped(bit: number): (log: Buffer) => Buffer {
  return (log) => {
    log[bit >>> 3]! ^= 1 << (bit & 7);
    return log;
  };
}

describe("after a clean stop", () => {
  const world = livedTwice(true);
  const { length } = world.disk.readWhole(LOG);

  test("nothing is lost to a flipped bit, wherever it is", () => {
    for (let bit = 0; bit < 8 * length; bit += 29) {
      const topics = topicsIn(copyOf(world, flipped(bit)));
      expect(topics ?? TOPICS, `bit ${bit}`).toEqual(TOPICS);
    }
  });

  test("nothing is lost to a cut", () => {
    for (let size = 0; size < length; size += 13) {
      expect(topicsIn(copyOf(world, (log) => log.subarray(0, size)))).toBeNull();
    }
  });

  test("more bytes at the end do no harm", () => {
    const longer = copyOf(world, (log) => Buffer.concat([log, log.subarray(0, 100)]));
    expect(topicsIn(longer)).toEqual(TOPICS);
  });
});

describe("after a kill", () => {
  const world = livedTwice(false);
  const { length } = world.disk.readWhole(LOG);

  test("nothing of an earlier life is lost to a flipped bit", () => {
    for (let bit = 0; bit < 8 * length; bit += 29) {
      const topics = topicsIn(copyOf(world, flipped(bit)));
      if (topics !== null) expect(topics.slice(0, 2), `bit ${bit}`).toEqual(TOPICS.slice(0, 2));
    }
  });

  test("a torn end is cut off, as it was never told of", () => {
    const torn = copyOf(world, (log) => log.subarray(0, log.length - 1));
    expect(topicsIn(torn)?.slice(0, 2)).toEqual(TOPICS.slice(0, 2));
    const zeros = copyOf(world, (log) => Buffer.concat([log, Buffer.alloc(1000)]));
    expect(topicsIn(zeros)).toEqual(TOPICS);
  });
});

test("a loss of power amid a start or a stop takes only what nobody was told of", () => {
  for (let seed = 1; seed <= 60; seed++) {
    let world = livedTwice(true, seed);
    const node = openNode(world);
    startBroker(world, node);
    const { later } = world.disk;
    world.disk.later = NEVER;
    node.submit(createTopic("untold")).catch(() => undefined);
    if (seed % 2 === 0) {
      void node.raft.log.close();
      world.clock.settle();
    } else {
      world.clock.settle();
      world = afterKill(world);
      expect(() => openNode(world)).toThrow();
    }
    world = losePower(world);
    world.disk.later = later;
    expect(topicsIn(world), `seed ${seed}`).toEqual(TOPICS);
  }
});

test("a loss of power amid a cut takes only what is cut off", () => {
  for (let seed = 1; seed <= 120; seed++) {
    let world = livedTwice(true, seed);
    const before = openNode(world);
    const end = before.raft.log.endOffset;
    startBroker(world, before);
    world.clock.await(before.stop());
    world = afterKill(world);
    const { log } = openNode(world).raft;
    const machine = new Mortal(world, losePower);
    machine.dieAt(1 + (seed % 12));
    cut(log, end).catch(() => undefined);
    world.clock.settle();
    expect(topicsIn(machine.next ?? losePower(world)), `seed ${seed}`).toEqual(TOPICS);
  }
});

async function cut(log: RaftLog, offset: number): Promise<void> {
  await log.prepareCut(offset);
  log.truncateTo(offset);
  await log.syncCut();
}
