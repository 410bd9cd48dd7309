import { describe, expect, test } from "bun:test";
import type { DiskError } from "../../../src/base/world.ts";
import { DEFAULT_LOG_CONFIG, type LogConfig } from "../../../src/log/log-config.ts";
import {
  DEFAULT_LOG_SETTINGS,
  type LogManager,
  type LogSettings,
} from "../../../src/log/log-manager.ts";
import type { Log } from "../../../src/log/log.ts";
import { buildEndTransactionMarker } from "../../../src/protocol/control-record.ts";
import { buildBatch } from "../../../src/protocol/record-batch-builder.ts";
import { afterKill, type FakeWorld, fakeWorld } from "../../sim/fake-world.ts";
import { recordsIn } from "../log-fixture.ts";
import { loadedManager } from "../manager-fixture.ts";
import { recordsOf } from "./compaction-model.ts";

const COMPACTED: LogConfig = {
  ...DEFAULT_LOG_CONFIG,
  cleanupPolicy: ["compact"],
  segmentBytes: 1000,
  indexIntervalBytes: 100,
  fileDeleteDelayMs: 1000,
};

interface Node {
  readonly world: FakeWorld;
  readonly manager: LogManager;
  readonly failures: DiskError[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

async function node(
  world: FakeWorld,
  settings: Partial<LogSettings> = {},
  config: LogConfig = COMPACTED,
): Promise<Node & { settings: Mutable<LogSettings> }> {
  const failures: DiskError[] = [];
  const all: Mutable<LogSettings> = {
    ...DEFAULT_LOG_SETTINGS,
    logCleanerBackoffMs: 1000,
    transactionPartitionVerificationEnable: false,
    ...settings,
  };
  const manager = await loadedManager(world, {
    config,
    settings: all,
    directoryFailed: (_, error) => void failures.push(error),
  });
  return { world, manager, failures, settings: all };
}

/** One record of 100 bytes and more: about nine make a segment. */
function put(world: FakeWorld, log: Log, key: string | null, value: string | null = ""): void {
  const text = value === null ? null : Buffer.from(value.padEnd(30, "."));
  const nowMs = world.clock.wallMs();
  const records = [{ timestamp: nowMs, key: key === null ? null : Buffer.from(key), value: text }];
  const origin = key === null ? "raftLeader" : "client";
  const given = { baseOffset: log.logEndOffset, partitionLeaderEpoch: 0 };
  const bytes = buildBatch({ records, ...(key === null ? given : {}) });
  const result = log.appendAsLeader(bytes, { leaderEpoch: 0, origin, nowMs });
  expect(result.errorCode).toBe(0);
  log.advanceHighWatermark(log.logEndOffset);
}

function putMany(world: FakeWorld, log: Log, count: number, keys = 3): void {
  for (let index = 0; index < count; index++) put(world, log, `k${index % keys}`, `${index}`);
}

/** One with a log of so many records. */
async function filledNode(
  count: number,
  settings: Partial<LogSettings> = {},
  config = COMPACTED,
  keys = 3,
) {
  const world = fakeWorld();
  const own = await node(world, settings, config);
  const log = newLog(own);
  putMany(world, log, count, keys);
  return { world, own, log };
}

function offsetsOf(log: Log): number[] {
  return recordsOf(log, "").map(({ offset }) => offset);
}

function newLog({ manager }: Node, topic = "topic", partition = 0): Log {
  return manager.getOrCreate(topic, partition, { topicId: null })!;
}

function checkpointOf(world: FakeWorld, directory = "/data"): string {
  return world.disk.readWhole(`${directory}/cleaner-offset-checkpoint`).toString();
}

describe("which logs are cleaned", () => {
  test("one that is dirty enough, up to the active segment, and the checkpoint says so", async () => {
    const { world, own, log } = await filledNode(30);
    const { baseOffset } = log.state.segments.active;
    own.manager.start();
    world.clock.settle();
    const kept = offsetsOf(log).filter((offset) => offset < baseOffset);
    expect(kept).toEqual([baseOffset - 3, baseOffset - 2, baseOffset - 1]);
    expect(checkpointOf(world)).toBe(`0\n1\ntopic 0 ${baseOffset}\n`);
    expect(own.manager.cleaner!.lastReport).toMatchObject({ endOffset: baseOffset });
  });

  test("not before more than the ratio is dirty", async () => {
    const { world, own, log } = await filledNode(
      30,
      {},
      { ...COMPACTED, minCleanableDirtyRatio: 0.6 },
      1000,
    );
    own.manager.start();
    world.clock.settle();
    const { baseOffset } = log.state.segments.active;
    expect(log.state.cleanerOffset).toBe(baseOffset);
    putMany(world, log, 30, 1000);
    world.clock.advance(2000);
    expect(log.state.cleanerOffset).toBe(baseOffset);
    putMany(world, log, 30, 1000);
    world.clock.advance(2000);
    expect(log.state.cleanerOffset).toBe(log.state.segments.active.baseOffset);
  });

  test("the dirtiest first, one after the other", async () => {
    const world = fakeWorld();
    const own = await node(world);
    const logs = [0, 1, 2].map((partition) => newLog(own, "topic", partition));
    for (const log of logs) putMany(world, log, 30);
    own.manager.start();
    world.clock.settle();
    for (const { state } of logs) {
      expect(state.cleanerOffset).toBe(state.segments.active.baseOffset);
    }
    expect(checkpointOf(world).split("\n").length).toBe(6);
  });

  test("none whose policy is not compact, and none while log.cleaner.enable is false", async () => {
    for (const [settings, config] of [
      [{}, { ...COMPACTED, cleanupPolicy: ["delete"] }],
      [{ logCleanerEnable: false }, COMPACTED],
      [{ logCleanerThreads: 0 }, COMPACTED],
    ] as const) {
      const world = fakeWorld();
      const own = await node(world, settings, config as LogConfig);
      const log = newLog(own);
      putMany(world, log, 30);
      own.manager.start();
      world.clock.advance(20_000);
      expect(offsetsOf(log).length).toBe(30);
    }
  });

  const lags: Record<string, Partial<LogConfig>> = {
    "nothing younger than min.compaction.lag.ms": { minCompactionLagMs: 10_000 },
    "what is older than max.compaction.lag.ms, whatever the ratio": {
      maxCompactionLagMs: 10_000,
      minCleanableDirtyRatio: 1,
    },
  };
  for (const [what, config] of Object.entries(lags)) {
    test(what, async () => {
      const { world, own, log } = await filledNode(30, {}, { ...COMPACTED, ...config });
      own.manager.start();
      world.clock.advance(9_000);
      expect(offsetsOf(log).length).toBe(30);
      world.clock.advance(3_000);
      expect(offsetsOf(log).length).toBeLessThan(15);
    });
  }

  test("nothing behind an open transaction", async () => {
    const { world, own, log } = await filledNode(12);
    const nowMs = world.clock.wallMs();
    const producer = { producerId: 5, producerEpoch: 0 };
    const records = [{ timestamp: nowMs, key: Buffer.from("k1"), value: Buffer.from("t") }];
    const open = buildBatch({ records, ...producer, baseSequence: 0, isTransactional: true });
    const begun = log.appendAsLeader(open, { leaderEpoch: 0, origin: "client", nowMs });
    expect(begun).toMatchObject({ errorCode: 0, firstOffset: 12 });
    putMany(world, log, 30);
    own.manager.start();
    world.clock.advance(5000);
    const { baseOffset } = log.state.segments.floor(12)!;
    expect(log.state.cleanerOffset).toBe(baseOffset);
    expect(offsetsOf(log).filter((offset) => offset >= baseOffset).length).toBe(43 - baseOffset);
    const marker = buildEndTransactionMarker({
      isCommit: false,
      ...producer,
      coordinatorEpoch: 0,
      timestamp: nowMs,
    });
    log.appendAsLeader(marker, { leaderEpoch: 0, origin: "coordinator", nowMs });
    log.advanceHighWatermark(log.logEndOffset);
    world.clock.advance(5000);
    expect(log.state.cleanerOffset).toBe(log.state.segments.active.baseOffset);
    expect(offsetsOf(log)).not.toContain(12);
  });
});

describe("tombstones", () => {
  test("stay for delete.retention.ms from the first pass that keeps them", async () => {
    const world = fakeWorld();
    const own = await node(world, {}, { ...COMPACTED, deleteRetentionMs: 60_000 });
    const log = newLog(own);
    const round = (): void => {
      putMany(world, log, 12);
      log.roll();
      world.clock.advance(2000);
    };
    put(world, log, "gone", null);
    own.manager.start();
    round();
    world.clock.advance(50_000);
    round();
    expect(offsetsOf(log)[0]).toBe(0);
    world.clock.advance(10_000);
    round();
    expect(offsetsOf(log)[0]).toBeGreaterThan(0);
  });

  test("records without a key go", async () => {
    const { world, own, log } = await filledNode(3, {}, COMPACTED, 1000);
    put(world, log, null);
    log.roll();
    own.manager.start();
    world.clock.settle();
    expect(offsetsOf(log)).toEqual([0, 1, 2]);
    expect(own.manager.cleaner!.lastReport!.keylessRecords).toBe(1);
  });
});

describe("a map that is full", () => {
  test("takes as many keys as fit, and the rest in later passes", async () => {
    const world = fakeWorld();
    const own = await node(world, { logCleanerDedupeBufferSize: 24 * 20 });
    const log = newLog(own);
    for (let index = 0; index < 120; index++) put(world, log, `k${index % 40}`, `${index}`);
    own.manager.start();
    for (let pass = 0; pass < 40; pass++) world.clock.step();
    const { baseOffset } = log.state.segments.active;
    const dirty = new Map(recordsOf(log, "").map(({ key, offset }) => [key, offset]));
    for (let key = 0; key < 40; key++) expect(dirty.get(`k${key}`)).toBe(80 + key);
    expect(log.state.cleanerOffset).toBeLessThanOrEqual(baseOffset);
    expect(offsetsOf(log).length).toBeLessThan(120);
  });
});

describe("readers", () => {
  test("that hold a slice of a replaced segment read it to its end", async () => {
    const { world, own, log } = await filledNode(30);
    const slice = await log.read(0, 500, log.highWatermark, true);
    const before = await log.read(0, 500, log.highWatermark, true);
    const bytes = await before.read();
    before.release();
    own.manager.start();
    world.clock.advance(5000);
    expect(offsetsOf(log).length).toBeLessThan(15);
    expect(recordsIn(await slice.read())).toEqual(recordsIn(bytes));
    slice.release();
    log.state.coolDown();
    log.state.coolDown();
    own.manager.handles.sweep();
    own.manager.handles.sweep();
    expect(world.disk.openFiles).toBe(0);
    // From any offset, also one that is gone, they find what is next.
    const next = await log.read(1, 500, log.highWatermark, true);
    expect(recordsIn(await next.read())[0]!.offset).toBeGreaterThan(1);
    next.release();
  });
});

describe("whoever needs the log as it is", () => {
  test("pauses its cleaning, each for itself", async () => {
    const { world, own, log } = await filledNode(30);
    const { cleaner } = own.manager;
    await cleaner!.pause("topic-0");
    await cleaner!.pause("topic-0");
    own.manager.start();
    world.clock.advance(5000);
    cleaner!.resume("topic-0");
    world.clock.advance(5000);
    expect(offsetsOf(log).length).toBe(30);
    cleaner!.resume("topic-0");
    world.clock.advance(5000);
    expect(offsetsOf(log).length).toBeLessThan(15);
  });

  test("waits for the piece that is under way, and the log is whole", async () => {
    // So slow that a pass takes minutes.
    const { world, own, log } = await filledNode(60, { logCleanerIoMaxBytesPerSecond: 100 });
    own.manager.start();
    world.clock.advance(5000);
    expect(own.manager.cleaner!.isBusy("topic-0")).toBe(true);
    const offset = log.state.segments.all[2]!.baseOffset;
    const cut = own.manager.truncateTo(log, offset);
    world.clock.settle();
    expect(await cut).toBe(true);
    expect(log.logEndOffset).toBe(offset);
    expect(own.manager.cleaner!.isBusy("topic-0")).toBe(false);
    const names = world.disk.list("/data/topic-0");
    expect(names.filter((name) => name.endsWith(".cleaned"))).toEqual([]);
    putMany(world, log, 30);
    own.settings.logCleanerIoMaxBytesPerSecond = Number.MAX_VALUE;
    world.clock.advance(5000);
    expect(offsetsOf(log).length).toBeLessThan(25);
  });

  test("and cuts what was cleaned takes the checkpoint back", async () => {
    const { world, own, log } = await filledNode(60, {}, COMPACTED, 1000);
    own.manager.start();
    world.clock.advance(1000);
    const cut = own.manager.truncateTo(log, 20);
    world.clock.settle();
    await cut;
    const { baseOffset } = log.state.segments.active;
    expect(log.state.cleanerOffset).toBe(baseOffset);
    expect(checkpointOf(world)).toBe(`0\n1\ntopic 0 ${baseOffset}\n`);
  });

  test("or deletes it ends the pass, and nothing fails", async () => {
    const { world, own } = await filledNode(60, { logCleanerIoMaxBytesPerSecond: 100 });
    own.manager.start();
    world.clock.advance(3000);
    own.manager.delete("topic", 0);
    const again = newLog(own);
    world.clock.advance(120_000);
    expect(own.failures).toEqual([]);
    expect(own.manager.cleaner!.isBusy("topic-0")).toBe(false);
    expect(again.logEndOffset).toBe(0);
    expect(world.disk.list("/data").filter((name) => name.endsWith("-delete"))).toEqual([]);
  });

  test("or takes the policy away ends it, too", async () => {
    const { world, own, log } = await filledNode(60, { logCleanerIoMaxBytesPerSecond: 100 });
    own.manager.start();
    world.clock.advance(3000);
    own.manager.updateConfig("topic", { ...COMPACTED, cleanupPolicy: ["delete"] });
    world.clock.settle();
    expect(own.manager.cleaner!.isBusy("topic-0")).toBe(false);
    expect(offsetsOf(log).length).toBe(60);
  });

  test("a stop ends it at once", async () => {
    const { world, own } = await filledNode(60, { logCleanerIoMaxBytesPerSecond: 100 });
    own.manager.start();
    world.clock.advance(3000);
    const stop = own.manager.shutDown();
    world.clock.settle();
    await stop;
    expect(world.disk.list("/data/topic-0").filter((name) => /cleaned/.test(name))).toEqual([]);
    const next = await node(afterKill(world));
    expect(newLog(next).logEndOffset).toBe(60);
  });
});

describe("the throttle", () => {
  test("holds a pass to its bytes a second", async () => {
    const { world, own, log } = await filledNode(60, { logCleanerIoMaxBytesPerSecond: 1000 });
    const { size } = log;
    own.manager.start();
    world.clock.advanceUntil(() => own.manager.cleaner!.lastReport !== null, 60_000);
    // It was read twice, and some of it written.
    const { tookMs } = own.manager.cleaner!.lastReport!;
    expect(tookMs).toBeGreaterThan(size * 1.5);
    expect(tookMs).toBeLessThan(size * 3);
  });
});

describe("what goes wrong", () => {
  test("a damaged batch makes the log uncleanable, and nothing else", async () => {
    const world = fakeWorld();
    const own = await node(world);
    const [log, other] = [newLog(own), newLog(own, "topic", 1)];
    for (const each of [log, other]) putMany(world, each, 30);
    world.disk.flip("/data/topic-0/00000000000000000000.log", 80);
    own.manager.start();
    world.clock.advance(5000);
    expect(log.state.isUncleanable).toBe(true);
    expect(log.failure).toBeNull();
    expect(log.segmentCount).toBeGreaterThan(2);
    expect(offsetsOf(other).length).toBeLessThan(15);
    expect(own.failures).toEqual([]);
    expect(world.disk.list("/data/topic-0").filter((name) => /cleaned/.test(name))).toEqual([]);
  });

  test("a full disk stops a pass, and not the directory", async () => {
    const { world, own, log } = await filledNode(30);
    const flush = log.flush();
    world.clock.settle();
    await flush;
    const end = world.disk.inject({ operation: "write", path: /cleaned$/, code: "ENOSPC" });
    own.manager.start();
    world.clock.advance(5000);
    expect(offsetsOf(log).length).toBeGreaterThan(15);
    expect(own.failures).toEqual([]);
    end();
    world.clock.advance(5000);
    expect(offsetsOf(log).length).toBeLessThan(15);
  });

  test("a broken one takes the directory offline", async () => {
    const world = fakeWorld();
    const own = await node(world);
    putMany(world, newLog(own), 30);
    world.disk.inject({ operation: "sync", path: /cleaned$/, code: "EIO" });
    own.manager.start();
    world.clock.advance(5000);
    expect(own.failures.map(({ code }) => code)).toEqual(["EIO"]);
  });
});

describe("settings that change", () => {
  test("more threads clean more logs at the same time", async () => {
    const world = fakeWorld();
    const own = await node(world, { logCleanerIoMaxBytesPerSecond: 1 });
    for (const partition of [0, 1, 2]) putMany(world, newLog(own, "topic", partition), 30);
    const busy = (): number => {
      return [0, 1, 2].filter((each) => own.manager.cleaner!.isBusy(`topic-${each}`)).length;
    };
    own.manager.start();
    world.clock.advance(3000);
    expect(busy()).toBe(1);
    own.settings.logCleanerThreads = 2;
    own.manager.cleaner!.restart();
    world.clock.advance(3000);
    expect(busy()).toBe(2);
  });

  test("both policies: old segments of a compacted log go", async () => {
    const config: LogConfig = {
      ...COMPACTED,
      cleanupPolicy: ["compact", "delete"],
      retentionMs: 10_000,
      minCleanableDirtyRatio: 1,
    };
    const { world, own, log } = await filledNode(30, {}, config, 1000);
    own.manager.start();
    world.clock.advance(9000);
    expect(log.logStartOffset).toBe(0);
    world.clock.advance(3000);
    expect(log.logStartOffset).toBe(30);
  });
});

describe("after a crash", () => {
  test("a topic that was compacted once keeps what is behind the holes", async () => {
    const { world, own, log } = await filledNode(40, {}, COMPACTED, 3);
    own.manager.start();
    world.clock.advance(5000);
    const { logEndOffset } = log;
    const kept = offsetsOf(log);
    // The recovery point is lost, and the topic is not compacted any more.
    const next = afterKill(world);
    next.disk.remove("/data/recovery-point-offset-checkpoint");
    const after = await node(next, {}, { ...COMPACTED, cleanupPolicy: ["delete"] });
    const found = newLog(after);
    expect(found.logEndOffset).toBe(logEndOffset);
    expect(offsetsOf(found)).toEqual(kept);
  });

  test("a clean stop reads no record, though segments are empty", async () => {
    const { world, own, log } = await filledNode(40, {}, COMPACTED, 3);
    own.manager.start();
    world.clock.advance(5000);
    expect(log.state.segments.all.some(({ size }) => size === 0)).toBe(true);
    const kept = offsetsOf(log);
    const stop = own.manager.shutDown();
    world.clock.settle();
    await stop;
    const next = afterKill(world);
    next.disk.beforeOperation = (operation, path) => {
      if (operation === "read" && path.endsWith(".log")) throw new Error(`${path} is read`);
    };
    const after = await node(next);
    next.disk.beforeOperation = null;
    expect(offsetsOf(newLog(after))).toEqual(kept);
    expect(newLog(after).state.cleanerOffset).toBe(log.state.cleanerOffset);
  });
});
