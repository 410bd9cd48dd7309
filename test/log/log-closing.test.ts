/** A stop with many written logs: durable all the same, by few syncs where that can be had. */
import { describe, expect, test } from "bun:test";
import { afterPowerLoss, type FakeWorld, fakeWorld } from "../sim/fake-world.ts";
import { batchOf, readAll } from "./log-fixture.ts";
import { loadedManager } from "./manager-fixture.ts";

const COUNT = 150;

describe.each([true, false])("many logs, on a file system that syncs whole: %p", (syncsWhole) => {
  test("are durable after a stop", async () => {
    const world = fakeWorld(5);
    world.disk.syncsFileSystems = syncsWhole;
    const { syncs } = await stopWritten(world);
    // Leader epochs are written by themselves.
    if (syncsWhole) expect(syncs).toBeLessThan(COUNT / 2);
    else expect(syncs).toBeGreaterThan(3 * COUNT);
    await expectAll(afterPowerLoss(world, "none"));
  });

  test("are durable where the sync of all fails", async () => {
    const world = fakeWorld(6);
    world.disk.syncsFileSystems = syncsWhole;
    world.disk.inject({ operation: "sync", path: /^\/data$/, code: "EIO", count: 1 });
    const { syncs } = await stopWritten(world);
    expect(syncs).toBeGreaterThan(3 * COUNT);
    await expectAll(afterPowerLoss(world, "none"));
  });
});

async function stopWritten(world: FakeWorld): Promise<{ syncs: number }> {
  const manager = await loadedManager(world);
  const nowMs = world.clock.wallMs();
  const producer = { producerId: 7, producerEpoch: 0, baseSequence: 0, timestamp: nowMs };
  for (let partition = 0; partition < COUNT; partition++) {
    const log = manager.getOrCreate("t", partition, { topicId: null })!;
    const bytes = batchOf({ ...producer, text: `of ${partition}` });
    log.appendAsLeader(bytes, { leaderEpoch: 0, origin: "client", nowMs });
    log.advanceHighWatermark(1);
  }
  world.clock.settle();
  const before = world.disk.syncCount;
  world.clock.await(manager.shutDown(3));
  return { syncs: world.disk.syncCount - before };
}

/** As after a clean stop: nothing is read anew, and all is there. */
async function expectAll(world: FakeWorld): Promise<void> {
  const manager = await loadedManager(world);
  expect(manager.previousBrokerEpoch).toBe(3);
  for (let partition = 0; partition < COUNT; partition++) {
    const log = manager.get("t", partition)!;
    expect([log.logEndOffset, log.highWatermark, log.recoveryPoint]).toEqual([1, 1, 1]);
    expect(log.activeProducers().map(({ producerId }) => producerId)).toEqual([7]);
    const [record] = await readAll(log, 0);
    expect(record!.value!.toString()).toBe(`of ${partition}`);
  }
}
