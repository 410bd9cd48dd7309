/**
 * A World that a test owns: time that it moves, chance from its seed, a disk that can lose power
 * and a network that can be cut. The code under test is the same as on the real one.
 */
import type { Network, World } from "../../src/base/world.ts";
import { FakeClock } from "./fake-clock.ts";
import type { Keep } from "./fake-disk-nodes.ts";
import { FakeDisk } from "./fake-disk.ts";
import { FakeHttp } from "./fake-http.ts";
import { FakeNetwork } from "./fake-network.ts";
import { FakeProcess } from "./fake-process.ts";
import { FakeRandom } from "./fake-random.ts";
import { fakeWorkers } from "./fake-workers.ts";

export interface FakeWorld extends World {
  readonly address: string;
  readonly clock: FakeClock;
  readonly random: FakeRandom;
  readonly disk: FakeDisk;
  readonly network: Network;
  readonly http: FakeHttp;
  readonly process: FakeProcess;
  /** All hosts' network, to cut and slow down. */
  readonly wire: FakeNetwork;
}

export function fakeWorld(seed = 1, address = "127.0.0.1"): FakeWorld {
  const clock = new FakeClock();
  const random = new FakeRandom(seed);
  // The network outlives every process, and so does its clock.
  const wire = new FakeNetwork(clock.fork(), random.fork());
  return machine(clock, random, new FakeDisk(seed), wire, address);
}

/** One more machine in the same time and on the same wire. */
export function neighbourOf(world: FakeWorld, address: string): FakeWorld {
  const random = world.random.fork();
  return machine(world.clock.fork(), random, new FakeDisk(random.seed), world.wire, address);
}

/** The same machine after its process was killed: all that was written is there. */
export function afterKill(world: FakeWorld): FakeWorld {
  return nextLife(world, () => world.disk.kill());
}

/** The same machine after its power went: of what was not synced, `keep` is there. */
export function afterPowerLoss(world: FakeWorld, keep: Keep): FakeWorld {
  return nextLife(world, () => world.disk.crash(keep));
}

function nextLife(world: FakeWorld, disk: () => FakeDisk): FakeWorld {
  world.clock.stop();
  world.wire.crash(world.address);
  return machine(world.clock.fork(), world.random.fork(), disk(), world.wire, world.address);
}

function machine(
  clock: FakeClock,
  random: FakeRandom,
  disk: FakeDisk,
  wire: FakeNetwork,
  address: string,
): FakeWorld {
  disk.nowMs = () => clock.wallMs();
  const workers = fakeWorkers(clock, disk);
  return {
    address,
    clock,
    random,
    disk,
    wire,
    network: wire.host(address),
    http: new FakeHttp(),
    workers,
    process: new FakeProcess(),
  };
}
