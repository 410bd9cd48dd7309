/**
 * Compaction against a naive model, through crashes of every kind: random keys, tombstones,
 * transactions, codecs and sizes, and each life of the log ends by a stop, a kill or a loss of
 * power. Whatever happens, each key has its last value, and what was deleted stays so.
 */
import { expect, test } from "bun:test";
import { DEFAULT_LOG_CONFIG, type LogConfig } from "../../../src/log/log-config.ts";
import { DEFAULT_LOG_SETTINGS, type LogManager } from "../../../src/log/log-manager.ts";
import type { Log } from "../../../src/log/log.ts";
import { afterKill, afterPowerLoss, type FakeWorld, fakeWorld } from "../../sim/fake-world.ts";
import { deadWorlds, loadedManager } from "../manager-fixture.ts";
import { CompactionModel } from "./compaction-model.ts";

const SEEDS = 100;
const LIVES = 4;
const STEPS = 120;
const BACKOFF_MS = 1000;

for (let chunk = 0; chunk < 10; chunk++) {
  const [from, to] = [(chunk * SEEDS) / 10, ((chunk + 1) * SEEDS) / 10];
  test(`a compacted log survives its crashes, seeds ${from} to ${to - 1}`, async () => {
    let passes = 0;
    for (let seed = from; seed < to; seed++) passes += await live(seed);
    expect(passes).toBeGreaterThan(to - from);
  });
}

async function live(seed: number): Promise<number> {
  let world = fakeWorld(seed);
  const { random } = world;
  const model = new CompactionModel(5 + random.below(60));
  const config: LogConfig = {
    ...DEFAULT_LOG_CONFIG,
    cleanupPolicy: ["compact"],
    segmentBytes: 1500 + random.below(4000),
    indexIntervalBytes: 300,
    deleteRetentionMs: [0, 1500, 20_000][random.below(3)]!,
    fileDeleteDelayMs: 400,
    minCleanableDirtyRatio: [0, 0.5][random.below(2)]!,
  };
  const settings = {
    ...DEFAULT_LOG_SETTINGS,
    logCleanerBackoffMs: BACKOFF_MS,
    logCleanerDedupeBufferSize: [240, 24_000][random.below(2)]!,
    logCleanerIoBufferSize: [0, 20_000][random.below(2)]!,
    transactionPartitionVerificationEnable: false,
  };
  let durableEnd = 0;
  let passes = 0;
  for (let life = 0; life < LIVES; life++) {
    const hint = `seed ${seed} life ${life}`;
    world.disk.coldRate = 0.05;
    const manager = await loadedManager(world, { config, settings });
    const log = manager.getOrCreate("topic", 0, { topicId: null })!;
    log.setHighWatermark(log.logEndOffset);
    model.goOnWith(world, log, durableEnd);
    model.check(log, `${hint} at its start`);
    manager.start();
    const steps = world.random.below(STEPS);
    for (let step = 0; step < steps; step++) act(world, log, model);
    model.check(log, `${hint} at its end`);
    expect(log.state.isUncleanable, hint).toBe(false);
    if (manager.cleaner!.lastReport !== null) passes++;
    durableEnd = log.flushedOffset;
    ({ world, durableEnd } = end(world, manager, model, durableEnd));
  }
  return passes;
}

function act(world: FakeWorld, log: Log, model: CompactionModel): void {
  const roll = world.random.below(100);
  if (roll < 75) model.append(world, log);
  else if (roll < 80) log.roll();
  else if (roll < 84) log.state.coolDown();
  else if (roll < 90) world.clock.step();
  else world.clock.advance(world.random.below(BACKOFF_MS));
}

function end(
  world: FakeWorld,
  manager: LogManager,
  model: CompactionModel,
  durableEnd: number,
): { world: FakeWorld; durableEnd: number } {
  deadWorlds.add(world);
  const fate = world.random.below(10);
  // Often in the middle of a pass.
  for (let turns = world.random.below(30); turns > 0 && fate > 1; turns--) world.clock.step();
  if (fate < 2) {
    void manager.shutDown(1);
    world.clock.settle();
    return { world: afterPowerLoss(world, "none"), durableEnd: model.endOffset };
  }
  if (fate < 5) return { world: afterKill(world), durableEnd: model.endOffset };
  return { world: afterPowerLoss(world, fate < 7 ? "none" : "random"), durableEnd };
}
