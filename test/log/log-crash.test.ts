/**
 * A log under random work that dies at random moments, many times over: what was made durable must
 * be there, what is there must be what was appended, and everything that is made of the records
 * (indexes, epochs, producers) must be as if made anew.
 */
import { expect, test } from "bun:test";
import type { Log } from "../../src/log/log.ts";
import type { LogConfig } from "../../src/log/log-config.ts";
import { DEFAULT_LOG_CONFIG } from "../../src/log/log-config.ts";
import type { LogManager } from "../../src/log/log-manager.ts";
import { afterKill, afterPowerLoss, type FakeWorld, fakeWorld } from "../sim/fake-world.ts";
import { batchOf, readAll } from "./log-fixture.ts";
import { expectSound } from "./log-soundness.ts";
import { deadWorlds, loadedManager } from "./manager-fixture.ts";

const SEEDS = 250;
const LIVES = 4;
const STEPS = 60;

const CONFIG: LogConfig = {
  ...DEFAULT_LOG_CONFIG,
  segmentBytes: 6000,
  indexIntervalBytes: 300,
  segmentIndexBytes: 400,
  fileDeleteDelayMs: 500,
};

interface Model {
  /** Value by offset, for all that was ever appended and not cut off. */
  readonly values: string[];
  /** Everything below was acknowledged as durable. */
  durable: number;
  logStart: number;
  /** How far `logStart` ever was. */
  deletedTo: number;
  leaderEpoch: number;
  /** Next sequence number by producer id. */
  readonly sequences: Map<number, number>;
  readonly producerEpochs: Map<number, number>;
}

for (let chunk = 0; chunk < 10; chunk++) {
  test(`a log survives its crashes, seeds ${chunk * 25} to ${chunk * 25 + 24}`, async () => {
    for (let seed = chunk * 25; seed < (chunk + 1) * 25 && seed < SEEDS; seed++) await live(seed);
  });
}

async function live(seed: number): Promise<void> {
  let world = fakeWorld(seed);
  const model: Model = {
    values: [],
    durable: 0,
    logStart: 0,
    deletedTo: 0,
    leaderEpoch: 0,
    sequences: new Map(),
    producerEpochs: new Map(),
  };
  for (let life = 0; life < LIVES; life++) {
    world.disk.coldRate = 0.1;
    const manager = await loadedManager(world, { config: CONFIG });
    const log = manager.getOrCreate("topic", 0, { topicId: null })!;
    await checkAgainst(model, log, `seed ${seed} life ${life}`);
    const steps = world.random.below(STEPS);
    for (let step = 0; step < steps; step++) await act(world, manager, log, model);
    deadWorlds.add(world);
    world = end(world, manager, model);
  }
}

async function act(world: FakeWorld, manager: LogManager, log: Log, model: Model): Promise<void> {
  const roll = world.random.below(100);
  if (roll < 60) appendSome(world, log, model);
  else if (roll < 72) await flush(world, log, model);
  else if (roll < 76)
    void log.flush().then(
      () => noteDurable(model, log),
      () => undefined,
    );
  else if (roll < 80) world.clock.settle();
  else if (roll < 84) world.clock.advance(300);
  else if (roll < 88) log.state.coolDown();
  else if (roll < 90) log.roll();
  else if (roll < 94) model.leaderEpoch += 1 + world.random.below(3);
  else if (roll < 97) await truncate(world, manager, log, model);
  else deleteRecords(world, log, model);
}

function appendSome(world: FakeWorld, log: Log, model: Model): void {
  const count = 1 + world.random.below(4);
  const text = `v${log.logEndOffset}`;
  const producerId = world.random.below(3) === 0 ? -1 : 1000 + world.random.below(3);
  const sequence = model.sequences.get(producerId) ?? 0;
  const bytes = batchOf({
    count,
    text,
    valueSize: world.random.below(400),
    timestamp: world.clock.wallMs() - world.random.below(50),
    producerId,
    producerEpoch: producerId === -1 ? -1 : (model.producerEpochs.get(producerId) ?? 0),
    baseSequence: producerId === -1 ? -1 : sequence,
  });
  const nowMs = world.clock.wallMs();
  const { leaderEpoch } = model;
  const result = log.appendAsLeader(bytes, { leaderEpoch, origin: "client", nowMs });
  expect(result).toMatchObject({ errorCode: 0, firstOffset: model.values.length });
  for (let index = 0; index < count; index++) model.values.push(text);
  if (producerId !== -1) model.sequences.set(producerId, sequence + count);
  log.advanceHighWatermark(log.logEndOffset);
}

async function flush(world: FakeWorld, log: Log, model: Model): Promise<void> {
  const done = log.flush();
  world.clock.settle();
  await done;
  noteDurable(model, log);
}

function noteDurable(model: Model, log: Log): void {
  model.durable = Math.max(model.durable, log.flushedOffset);
}

/** Until something is written over it, a loss of power may bring back what was cut off. */
async function truncate(
  world: FakeWorld,
  manager: LogManager,
  log: Log,
  model: Model,
): Promise<void> {
  if (log.logEndOffset === log.logStartOffset) return;
  const { logStartOffset, logEndOffset } = log;
  const chosen = logStartOffset + world.random.below(logEndOffset - logStartOffset);
  // Kafka truncates where an epoch ends, which is between batches; a batch's text has its offset.
  const cut = manager.truncateTo(log, Number(model.values[chosen]!.slice(1)));
  world.clock.settle();
  await cut;
  model.logStart = log.logStartOffset;
  model.values.length = log.logEndOffset;
  model.durable = Math.min(model.durable, log.logEndOffset);
  goOnWhereTheLogIs(model, log);
  appendSome(world, log, model);
  await flush(world, log, model);
}

function deleteRecords(world: FakeWorld, log: Log, model: Model): void {
  const offset =
    log.logStartOffset + world.random.below(log.highWatermark - log.logStartOffset + 1);
  expect(log.advanceLogStartOffset(offset)).toBe(0);
  log.deleteOldSegments();
  model.logStart = log.logStartOffset;
  model.deletedTo = Math.max(model.deletedTo, model.logStart);
}

function end(world: FakeWorld, manager: LogManager, model: Model): FakeWorld {
  const fate = world.random.below(10);
  if (fate < 2) {
    const stop = manager.shutDown(1);
    world.clock.settle();
    void stop;
    model.durable = model.values.length;
    return fate === 0 ? afterKill(world) : afterPowerLoss(world, "none");
  }
  if (fate < 5) {
    model.durable = model.values.length;
    return afterKill(world);
  }
  if (fate < 6) return afterPowerLoss(world, "all");
  return afterPowerLoss(world, fate < 8 ? "none" : "random");
}

async function checkAgainst(model: Model, log: Log, hint: string): Promise<void> {
  const { logStartOffset, logEndOffset } = log;
  const facts = `${hint}: ${logStartOffset}..${logEndOffset}, durable ${model.durable}`;
  if (logEndOffset < model.durable) throw new Error(`${facts}: durable records are lost`);
  expect(logEndOffset, facts).toBeLessThanOrEqual(model.values.length);
  // The start may come back to where the checkpoint had it, never further than it was moved.
  expect(logStartOffset, facts).toBeLessThanOrEqual(Math.max(model.logStart, logEndOffset));
  model.values.length = logEndOffset;
  model.logStart = logStartOffset;
  log.setHighWatermark(logEndOffset);
  const records = await readAll(log, logStartOffset);
  const values = records.map((record) => record.value!.toString().replace(/\.+$/, ""));
  expect(values, facts).toEqual(model.values.slice(logStartOffset));
  expectSound(log, facts, model.deletedTo);
  goOnWhereTheLogIs(model, log);
}

/** Producers whose last records are lost go on with the sequence, or with another epoch. */
function goOnWhereTheLogIs(model: Model, log: Log): void {
  const active = new Map(log.activeProducers().map((entry) => [entry.producerId, entry]));
  for (const producerId of model.sequences.keys()) {
    const entry = active.get(producerId);
    const epoch = model.producerEpochs.get(producerId) ?? 0;
    model.sequences.set(producerId, entry === undefined ? 0 : entry.lastSequence + 1);
    model.producerEpochs.set(producerId, entry === undefined ? epoch + 1 : entry.epoch);
  }
}
