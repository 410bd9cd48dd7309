/**
 * A log of transactional producers under random work that dies at random moments: whatever it finds
 * on the disk then, what it knows of transactions is what its batches say, from first to last.
 */
import { expect, test } from "bun:test";
import { readEndTransactionMarker } from "../../src/log/end-transaction-marker.ts";
import type { Log } from "../../src/log/log.ts";
import { DEFAULT_LOG_CONFIG, type LogConfig } from "../../src/log/log-config.ts";
import type { LogManager } from "../../src/log/log-manager.ts";
import { buildEndTransactionMarker } from "../../src/protocol/control-record.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import * as header from "../../src/protocol/record-batch.ts";
import { afterKill, afterPowerLoss, type FakeWorld, fakeWorld } from "../sim/fake-world.ts";
import { batchOf } from "./log-fixture.ts";
import { deadWorlds, loadedManager } from "./manager-fixture.ts";

const LIVES = 4;
const STEPS = 50;
const CONFIG: LogConfig = {
  ...DEFAULT_LOG_CONFIG,
  segmentBytes: 2500,
  indexIntervalBytes: 300,
  fileDeleteDelayMs: 500,
};

for (let chunk = 0; chunk < 8; chunk++) {
  test(`transactions survive crashes, seeds ${chunk * 20} to ${chunk * 20 + 19}`, async () => {
    for (let seed = chunk * 20; seed < (chunk + 1) * 20; seed++) await live(seed);
  });
}

async function live(seed: number): Promise<void> {
  let world = fakeWorld(seed);
  for (let life = 0; life < LIVES; life++) {
    const manager = await loadedManager(world, { config: CONFIG });
    const log = manager.getOrCreate("topic", 0, { topicId: null })!;
    const hint = `seed ${seed} life ${life}`;
    await expectAsItsBatchesSay(log, log.highWatermark, hint);
    log.advanceHighWatermark(log.logEndOffset);
    await expectAsItsBatchesSay(log, log.highWatermark, hint);
    const steps = world.random.below(STEPS);
    for (let step = 0; step < steps; step++) {
      await act(world, manager, log);
      if (world.random.below(8) === 0) {
        await expectAsItsBatchesSay(log, log.highWatermark, `${hint} step ${step}`);
      }
    }
    deadWorlds.add(world);
    world = end(world, manager);
  }
}

async function act(world: FakeWorld, manager: LogManager, log: Log): Promise<void> {
  const { random } = world;
  const roll = random.below(100);
  if (roll < 55) appendSome(world, log);
  else if (roll < 78) mark(world, log);
  else if (roll < 82) log.roll();
  else if (roll < 86) log.state.coolDown();
  else if (roll < 90) log.advanceHighWatermark(betweenBatches(world, log));
  else if (roll < 93) log.removeExpiredProducers(world.clock.wallMs());
  else if (roll < 97) {
    const flush = log.flush();
    world.clock.settle();
    await flush;
  } else {
    const cut = manager.truncateTo(log, betweenBatches(world, log));
    world.clock.settle();
    await cut;
  }
}

function appendSome({ random, clock }: FakeWorld, log: Log): void {
  const id = random.below(4);
  const entry = log.activeProducers().find(({ producerId }) => producerId === id);
  const epoch = entry?.epoch ?? 0;
  const nowMs = clock.wallMs();
  const bytes = batchOf({
    count: 1 + random.below(3),
    valueSize: random.below(200),
    timestamp: nowMs,
    producerId: id,
    producerEpoch: epoch,
    baseSequence: entry === undefined ? 0 : entry.lastSequence + 1,
    // The last of them is idempotent alone.
    isTransactional: id < 3,
  });
  const verification = id < 3 ? log.startVerification(id, 0x7fff_ffff, epoch, false) : null;
  if (verification !== null && "errorCode" in verification) throw new Error("a stale epoch");
  const options = { leaderEpoch: 0, origin: "client", nowMs, verification } as const;
  expect(log.appendAsLeader(bytes, options).errorCode).toBe(ErrorCode.NONE);
}

function mark({ random, clock }: FakeWorld, log: Log): void {
  const id = random.below(3);
  const entry = log.activeProducers().find(({ producerId }) => producerId === id);
  const version = 1 + random.below(2);
  const bytes = buildEndTransactionMarker({
    isCommit: random.below(2) === 0,
    producerId: id,
    producerEpoch: (entry?.epoch ?? 0) + (version === 2 ? 1 : 0),
    coordinatorEpoch: Math.max(0, entry?.coordinatorEpoch ?? 0) + random.below(2),
    timestamp: clock.wallMs(),
  });
  const nowMs = clock.wallMs();
  const options = { leaderEpoch: 0, origin: "coordinator", nowMs } as const;
  const { errorCode } = log.appendAsLeader(bytes, { ...options, transactionVersion: version });
  expect(errorCode).toBe(ErrorCode.NONE);
}

function betweenBatches({ random }: FakeWorld, log: Log): number {
  const ends = batchesOf(log).map(({ bytes, at }) => header.lastOffset(bytes, at) + 1);
  return [log.logStartOffset, ...ends][random.below(ends.length + 1)]!;
}

function end(world: FakeWorld, manager: LogManager): FakeWorld {
  const fate = world.random.below(10);
  if (fate < 3) {
    void manager.shutDown(1);
    world.clock.settle();
    return fate === 0 ? afterKill(world) : afterPowerLoss(world, "none");
  }
  if (fate < 6) return afterKill(world);
  return afterPowerLoss(world, fate < 7 ? "all" : fate < 8 ? "none" : "random");
}

interface Known {
  readonly epoch: number;
  readonly coordinatorEpoch: number;
  readonly firstOffset: number;
}

interface Ended {
  readonly firstOffset: number;
  readonly lastOffset: number;
}

function batchesOf(log: Log): { bytes: Buffer; at: number }[] {
  return log.state.segments.all.flatMap((segment) => {
    const file = segment.log.use();
    const bytes = Buffer.alloc(file.size());
    file.read(bytes, 0, bytes.length, 0);
    const found: { bytes: Buffer; at: number }[] = [];
    for (let at = 0; at < bytes.length; at += header.batchSize(bytes, at)) {
      found.push({ bytes, at });
    }
    return found;
  });
}

/** Told anew, by other means than the log's own. */
function tell(log: Log) {
  const producers = new Map<number, Known>();
  const ended: Ended[] = [];
  const aborted: string[] = [];
  for (const { bytes, at } of batchesOf(log)) {
    const id = header.producerId(bytes, at);
    const epoch = header.producerEpoch(bytes, at);
    const known = producers.get(id) ?? { epoch, coordinatorEpoch: -1, firstOffset: -1 };
    if (!header.isControl(bytes, at)) {
      const begins = header.isTransactional(bytes, at) && known.firstOffset === -1;
      const firstOffset = begins ? header.baseOffset(bytes, at) : known.firstOffset;
      producers.set(id, { ...known, epoch, firstOffset });
      continue;
    }
    const { controlType, coordinatorEpoch } = readEndTransactionMarker(bytes, at)!;
    producers.set(id, { epoch, coordinatorEpoch, firstOffset: -1 });
    if (known.firstOffset === -1) continue;
    const lastOffset = header.lastOffset(bytes, at);
    ended.push({ firstOffset: known.firstOffset, lastOffset });
    if (controlType === "commit") continue;
    const open = [...producers.values()].flatMap(({ firstOffset }) =>
      firstOffset === -1 ? [] : [firstOffset],
    );
    const stable = open.length === 0 ? lastOffset + 1 : Math.min(...open);
    aborted.push(`${id} ${known.firstOffset} ${lastOffset} ${stable}`);
  }
  return { producers, ended, aborted };
}

async function expectAsItsBatchesSay(log: Log, highWatermark: number, hint: string) {
  const { producers, ended, aborted } = tell(log);
  const rows = [...producers].map(([id, known]) => ({ id, ...known }));
  const active = log.activeProducers().map((entry) => ({
    id: entry.producerId,
    epoch: entry.epoch,
    coordinatorEpoch: entry.coordinatorEpoch,
    firstOffset: entry.transactionFirstOffset,
  }));
  const byId = (left: { id: number }, right: { id: number }) => left.id - right.id;
  expect(active.sort(byId), hint).toEqual(rows.sort(byId));
  const indexed = log.state.segments.all.flatMap(({ transactionIndex }) =>
    transactionIndex.entries().map((entry) => {
      return `${entry.producerId} ${entry.firstOffset} ${entry.lastOffset} ${entry.lastStableOffset}`;
    }),
  );
  expect(indexed, hint).toEqual(aborted);
  const open = rows.flatMap(({ firstOffset }) => (firstOffset === -1 ? [] : [firstOffset]));
  // What a snapshot has as decided may stay below the high watermark that is known by then.
  const undecided = Math.min(highWatermark, ...open);
  const held = ended.filter(({ lastOffset }) => lastOffset >= highWatermark);
  const unreplicated = Math.min(undecided, ...held.map(({ firstOffset }) => firstOffset));
  const { lastStableOffset } = log;
  expect(lastStableOffset <= undecided && lastStableOffset >= unreplicated, hint).toBe(true);
  if (held.length === 0) expect(lastStableOffset, hint).toBe(undecided);
}
