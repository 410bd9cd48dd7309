import { describe, expect, test } from "bun:test";
import { silentLogger } from "../../src/base/logger.ts";
import { randomUuid } from "../../src/base/uuid.ts";
import { DEFAULT_LOG_CONFIG } from "../../src/log/log-config.ts";
import {
  DEFAULT_LOG_SETTINGS,
  type LogManager,
  type LogManagerOptions,
  openLogManager,
} from "../../src/log/log-manager.ts";
import type { FakeDisk } from "../sim/fake-disk.ts";
import { afterKill, type FakeWorld, fakeWorld } from "../sim/fake-world.ts";
import { append, readAll } from "./log-fixture.ts";

interface Opened {
  readonly manager: LogManager;
  readonly failed: string[];
}

function open(world: FakeWorld, options: Partial<LogManagerOptions> = {}): Opened {
  const failed: string[] = [];
  const manager = openLogManager({
    disk: world.disk,
    clock: world.clock,
    random: world.random,
    logger: silentLogger,
    directories: ["/data"],
    configOf: () => DEFAULT_LOG_CONFIG,
    settings: DEFAULT_LOG_SETTINGS,
    directoryFailed: (directory) => void failed.push(directory.path),
    ...options,
  });
  return { manager, failed };
}

/** Lets everything happen that follows, and gives the result. */
async function settled<T>(world: FakeWorld, promise: Promise<T>): Promise<T> {
  world.clock.settle();
  return promise;
}

describe("the logs of a node", () => {
  test("are made, and come again after a clean stop without being read", async () => {
    const world = fakeWorld();
    const { manager } = open(world);
    await settled(world, manager.load());
    const topicId = randomUuid(world.random);
    const log = manager.getOrCreate("topic", 3, { topicId })!;
    for (let count = 0; count < 10; count++) append(log, { count: 3 });
    log.advanceHighWatermark(30);
    await settled(world, manager.shutDown(17));

    const next = afterKill(world);
    const disk: FakeDisk = next.disk;
    const second = open(next).manager;
    await settled(next, second.load());
    expect(second.previousBrokerEpoch).toBe(17);
    const loaded = second.get("topic", 3)!;
    expect(disk.openFiles).toBe(0);
    expect(loaded).toMatchObject({ logEndOffset: 30, recoveryPoint: 30, highWatermark: 30 });
    expect(loaded.topicId).toBe(topicId);
    expect((await readAll(loaded, 0)).length).toBe(30);
    expect(append(loaded)).toMatchObject({ firstOffset: 30 });
  });

  test("come again after a kill, all records included", async () => {
    const world = fakeWorld();
    const { manager } = open(world);
    await settled(world, manager.load());
    const log = manager.getOrCreate("topic", 0, { topicId: null })!;
    for (let count = 0; count < 10; count++) append(log, { count: 3 });

    const next = afterKill(world);
    const second = open(next).manager;
    await settled(next, second.load());
    expect(second.previousBrokerEpoch).toBe(-1);
    const loaded = second.get("topic", 0)!;
    expect(loaded.logEndOffset).toBe(30);
    expect((await readAll(loaded, 0)).length).toBe(30);
  });
});
