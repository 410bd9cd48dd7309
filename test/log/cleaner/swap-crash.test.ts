/**
 * A crash at every single step of a pass: before each operation of the disk that changes anything,
 * by a kill, and by a loss of power that keeps nothing or some of what was not synced. And a disk
 * that has no room for one of them, and goes on.
 */
import { describe, expect, test } from "bun:test";
import { DiskError } from "../../../src/base/world.ts";
import { DEFAULT_LOG_CONFIG, type LogConfig } from "../../../src/log/log-config.ts";
import { DEFAULT_LOG_SETTINGS } from "../../../src/log/log-manager.ts";
import type { Operation } from "../../sim/fake-disk.ts";
import { afterKill, afterPowerLoss, type FakeWorld, fakeWorld } from "../../sim/fake-world.ts";
import { loadedManager } from "../manager-fixture.ts";
import { CompactionModel } from "./compaction-model.ts";

const CONFIG: LogConfig = {
  ...DEFAULT_LOG_CONFIG,
  cleanupPolicy: ["compact"],
  segmentBytes: 1500,
  indexIntervalBytes: 200,
  deleteRetentionMs: 0,
  fileDeleteDelayMs: 1000,
  minCleanableDirtyRatio: 0,
};

const CHANGES: readonly Operation[] = [
  "write",
  "sync",
  "rename",
  "remove",
  "truncate",
  "touch",
  "syncDirectory",
];

/** Hundreds of lives. */
const TIMEOUT_MS = 30_000;

type Fate = "kill" | "none" | "random";

interface DirtyLog {
  readonly files: ReadonlyMap<string, Buffer>;
  readonly model: CompactionModel;
}

/** A log of several segments that was cleaned once, and has more to clean. */
async function dirtyLog(): Promise<DirtyLog> {
  const world = fakeWorld(7);
  const model = new CompactionModel(12);
  const { manager, log } = await started(world);
  for (let round = 0; round < 2; round++) {
    for (let count = 0; count < 40; count++) model.append(world, log);
    for (const producerId of [1000, 1002]) model.endTransaction(world, log, producerId, true);
    log.roll();
    if (round === 0) manager.start();
    if (round === 0) world.clock.advance(5000);
  }
  expect(manager.cleaner!.lastReport).not.toBeNull();
  const stop = manager.shutDown();
  world.clock.settle();
  await stop;
  return { files: filesBelow(world, "/data"), model };
}

function filesBelow(world: FakeWorld, path: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const name of world.disk.list(path)) {
    const below = `${path}/${name}`;
    if (world.disk.status(below)!.isDirectory) {
      for (const [each, bytes] of filesBelow(world, below)) files.set(each, bytes);
    } else files.set(below, world.disk.readWhole(below));
  }
  return files;
}

/** Another world with these files, all durable. */
function worldWith(files: ReadonlyMap<string, Buffer>, seed: number): FakeWorld {
  const world = fakeWorld(seed);
  for (const [path, bytes] of files) {
    world.disk.makeDirectory(path.slice(0, path.lastIndexOf("/")));
    const file = world.disk.open(path, "create");
    file.write(bytes, 0, bytes.length, 0);
    file.close();
  }
  return afterPowerLoss(world, "all");
}

async function started(world: FakeWorld) {
  const manager = await loadedManager(world, {
    config: CONFIG,
    settings: { ...DEFAULT_LOG_SETTINGS, transactionPartitionVerificationEnable: false },
    directoryFailed: () => undefined,
  });
  const log = manager.getOrCreate("topic", 0, { topicId: null })!;
  log.setHighWatermark(log.logEndOffset);
  return { manager, log };
}

/** Cleans once, and ends the life before the change of this number; null when there is none. */
async function crashAt(dirty: DirtyLog, step: number, fate: Fate): Promise<string | null> {
  const { files } = dirty;
  const model = dirty.model.copy();
  const world = worldWith(files, step);
  const { manager: doomed } = await started(world);
  doomed.start();
  let count = 0;
  let crashed: { world: FakeWorld; at: string } | null = null;
  world.disk.beforeOperation = (operation, path) => {
    if (!CHANGES.includes(operation) || count++ !== step) return;
    const next = fate === "kill" ? afterKill(world) : afterPowerLoss(world, fate);
    crashed = { world: next, at: `${operation} ${path}` };
    throw new DiskError("EIO", path, operation);
  };
  world.clock.advance(20_000);
  const end = crashed as { world: FakeWorld; at: string } | null;
  if (end === null) return null;
  const hint = `${fate} before step ${step}, ${end.at}`;
  const { manager, log } = await started(end.world);
  expect(log.logEndOffset, hint).toBe(model.endOffset);
  model.check(log, hint);
  const names = end.world.disk.list("/data/topic-0");
  expect(
    names.filter((name) => /cleaned|swap|deleted/.test(name)),
    hint,
  ).toEqual([]);
  // It goes on as if nothing had been.
  model.append(end.world, log);
  for (const producerId of [1000, 1002]) model.endTransaction(end.world, log, producerId, true);
  log.roll();
  manager.start();
  end.world.clock.advance(20_000);
  expect(manager.cleaner!.lastReport, hint).not.toBeNull();
  expect(log.state.isUncleanable, hint).toBe(false);
  model.check(log, `${hint}, cleaned again`);
  const stop = manager.shutDown();
  end.world.clock.settle();
  await stop;
  return end.at;
}

/** Cleans twice, where the disk has no room for the change of this number; then a kill. */
async function fullAt(dirty: DirtyLog, step: number): Promise<string | null> {
  const model = dirty.model.copy();
  const world = worldWith(dirty.files, step);
  const { manager: doomed, log: first } = await started(world);
  let [count, at] = [0, ""];
  world.disk.beforeOperation = (operation, path) => {
    if (!CHANGES.includes(operation) || count++ !== step) return;
    at = `${operation} ${path}`;
    throw new DiskError("ENOSPC", path, operation);
  };
  doomed.start();
  world.clock.advance(5000);
  if (at === "") return null;
  const hint = `no room at step ${step}, ${at}`;
  if (first.failure === null) {
    model.check(first, hint);
    model.append(world, first);
    first.roll();
    first.setHighWatermark(first.logEndOffset);
    world.clock.advance(20_000);
    if (first.failure === null) model.check(first, `${hint}, cleaned again`);
  }
  const { log } = await started(afterKill(world));
  expect(log.logEndOffset, hint).toBe(model.endOffset);
  model.check(log, `${hint}, killed`);
  return at;
}

describe("a crash at every step of a pass", () => {
  for (const fate of ["kill", "none", "random"] as const) {
    test(
      `by ${fate === "kill" ? "a kill" : `a loss of power that keeps ${fate}`}`,
      async () => {
        const dirty = await dirtyLog();
        const steps: string[] = [];
        for (;;) {
          const at = await crashAt(dirty, steps.length, fate);
          if (at === null) break;
          steps.push(at);
        }
        const seen = (pattern: RegExp): number => steps.filter((step) => pattern.test(step)).length;
        expect(seen(/^rename .*log\.cleaned$/)).toBeGreaterThan(1);
        expect(seen(/^rename .*log\.swap$/)).toBeGreaterThan(1);
        expect(seen(/^rename .*\.log$/)).toBeGreaterThan(3);
        expect(seen(/^sync .*\.cleaned$/)).toBeGreaterThan(5);
        expect(seen(/^syncDirectory .*topic-0$/)).toBeGreaterThan(1);
        expect(seen(/cleaner-offset-checkpoint/)).toBeGreaterThan(0);
      },
      TIMEOUT_MS,
    );
  }
});

test(
  "a disk that is full at any step of a pass",
  async () => {
    const dirty = await dirtyLog();
    const steps: string[] = [];
    for (;;) {
      const at = await fullAt(dirty, steps.length);
      if (at === null) break;
      steps.push(at);
    }
    expect(steps.filter((step) => /^rename .*\.log$/.test(step)).length).toBeGreaterThan(3);
  },
  TIMEOUT_MS,
);
