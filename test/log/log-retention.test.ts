import { describe, expect, test } from "bun:test";
import { silentLogger } from "../../src/base/logger.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import type { LogConfig } from "../../src/log/log-config.ts";
import type { Log } from "../../src/log/log.ts";
import { type FakeWorld, fakeWorld } from "../sim/fake-world.ts";
import { append, batchOf, DIRECTORY, hostOf, openTestLog, readAll } from "./log-fixture.ts";

const DAY_MS = 86_400_000;

/** Ten segments of ten records each, a day between segments. */
async function tenDays(world: FakeWorld, config: Partial<LogConfig> = {}): Promise<Log> {
  const size = batchOf({ valueSize: 100 }).length;
  const log = await openTestLog(hostOf(world), {
    config: { segmentBytes: size * 10, ...config },
  });
  for (let day = 0; day < 10; day++) {
    const timestamp = world.clock.wallMs();
    for (let count = 0; count < 10; count++) append(log, { valueSize: 100, timestamp }, timestamp);
    world.clock.advance(DAY_MS);
  }
  log.advanceHighWatermark(log.logEndOffset);
  expect(log.segmentCount).toBe(10);
  return log;
}

function filesOf(world: FakeWorld, pattern: RegExp): string[] {
  return world.disk
    .list(DIRECTORY)
    .filter((name) => pattern.test(name))
    .sort();
}

describe("retention", () => {
  test("by time takes what is old enough, all of it if need be", async () => {
    const world = fakeWorld();
    const log = await tenDays(world, { retentionMs: 3 * DAY_MS + 1000 });
    expect(log.deleteOldSegments()).toBe(7);
    expect(log).toMatchObject({ logStartOffset: 70, segmentCount: 3, logEndOffset: 100 });
    expect((await log.read(69, 100, 100, true)).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
    expect((await readAll(log, 70)).length).toBe(30);
    world.clock.advance(4 * DAY_MS);
    expect(log.deleteOldSegments()).toBe(3);
    expect(log).toMatchObject({ logStartOffset: 100, segmentCount: 1, size: 0 });
    expect(append(log)).toMatchObject({ firstOffset: 100 });
    expect(log.deleteOldSegments()).toBe(0);
  });

  test("by size keeps at least as much as is asked for", async () => {
    const log = await tenDays(fakeWorld(), { retentionBytes: 5000 });
    const { size } = log;
    expect(log.deleteOldSegments()).toBeGreaterThan(3);
    expect(log.size).toBeGreaterThanOrEqual(5000);
    expect(log.size - size / 10).toBeLessThan(5000);
  });

  test("never takes what is not committed", async () => {
    const world = fakeWorld();
    const log = await tenDays(world, { retentionMs: 0 });
    log.state.highWatermark = 35;
    expect(log.deleteOldSegments()).toBe(3);
    expect(log.logStartOffset).toBe(30);
  });

  test("leaves a compacted topic alone, but for what was deleted by request", async () => {
    const log = await tenDays(fakeWorld());
    const nothing = { retentionMs: 0, retentionBytes: 0 };
    log.updateConfig({ ...log.config, ...nothing, cleanupPolicy: ["compact"] });
    expect(log.deleteOldSegments()).toBe(0);
    expect(log.advanceLogStartOffset(45)).toBe(ErrorCode.NONE);
    expect(log.deleteOldSegments()).toBe(4);
    expect(log).toMatchObject({ logStartOffset: 45, firstSegmentBaseOffset: 40 });
    expect((await readAll(log, 45))[0]!.offset).toBe(45);
    expect(log.advanceLogStartOffset(101)).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
    expect(log.advanceLogStartOffset(40)).toBe(ErrorCode.NONE);
    expect(log.logStartOffset).toBe(45);
  });

  test("goes by the time of the file where records have none", async () => {
    const world = fakeWorld();
    const log = await openTestLog(hostOf(world), { config: { retentionMs: 1000 } });
    append(log, { timestamp: -1 });
    log.advanceHighWatermark(1);
    expect(log.deleteOldSegments()).toBe(0);
    world.clock.advance(1001);
    expect(log.deleteOldSegments()).toBe(1);
  });

  test("leaves a segment with a timestamp in the future, and says so once", async () => {
    const world = fakeWorld();
    const lines: string[] = [];
    const logger = { ...silentLogger, warn: (line: string) => void lines.push(line) };
    const log = await openTestLog({ ...hostOf(world), logger }, { config: { retentionMs: 1000 } });
    const timestamp = world.clock.wallMs() + DAY_MS / 48;
    append(log, { timestamp }, world.clock.wallMs());
    log.advanceHighWatermark(1);
    for (let pass = 0; pass < 3; pass++) {
      world.clock.advance(10_000);
      expect(log.deleteOldSegments()).toBe(0);
    }
    expect(lines.map((line) => /in the future, \d+/.test(line))).toEqual([true]);
    world.clock.advance(DAY_MS);
    expect(log.deleteOldSegments()).toBe(1);
  });

  test("renames files at once and removes them after the delay", async () => {
    const world = fakeWorld();
    const log = await tenDays(world, { retentionMs: 8 * DAY_MS, fileDeleteDelayMs: 5000 });
    log.deleteOldSegments();
    expect(filesOf(world, /deleted$/)).toEqual([
      "00000000000000000000.index.deleted",
      "00000000000000000000.log.deleted",
      "00000000000000000000.timeindex.deleted",
      "00000000000000000010.index.deleted",
      "00000000000000000010.log.deleted",
      "00000000000000000010.snapshot.deleted",
      "00000000000000000010.timeindex.deleted",
    ]);
    world.clock.advance(4999);
    expect(filesOf(world, /deleted$/).length).toBe(7);
    world.clock.advance(2);
    expect(filesOf(world, /deleted$/)).toEqual([]);
    expect(filesOf(world, /\.log$/).length).toBe(8);
  });

  test("opens nothing for good in a log that nobody uses", async () => {
    const world = fakeWorld();
    const log = await tenDays(world, { retentionMs: 100 * DAY_MS });
    log.state.coolDown();
    log.state.coolDown();
    log.deleteOldSegments();
    expect(world.disk.openFiles).toBe(0);
  });
});

describe("segments are left", () => {
  test("when their first record is older than `segment.ms` than the one that comes", async () => {
    const world = fakeWorld();
    const log = await openTestLog(hostOf(world), { config: { segmentMs: 1000 } });
    append(log, { timestamp: 5000 }, 5000);
    append(log, { timestamp: 6000 }, 6000);
    expect(log.segmentCount).toBe(1);
    append(log, { timestamp: 6001 }, 6001);
    expect(log.segmentCount).toBe(2);
    append(log, { timestamp: 100 }, 6001);
    expect(log.segmentCount).toBe(2);
  });

  test("when they were made that long ago, where records have no time", async () => {
    const world = fakeWorld();
    const log = await openTestLog(hostOf(world), { config: { segmentMs: 1000 } });
    const add = () => append(log, { timestamp: -1 }, world.clock.wallMs());
    add();
    world.clock.advance(1000);
    add();
    expect(log.segmentCount).toBe(1);
    world.clock.advance(1);
    add();
    expect(log.segmentCount).toBe(2);
  });

  test("a little earlier each with jitter", async () => {
    const counts = new Set<number>();
    for (let seed = 1; seed < 6; seed++) {
      const log = await openTestLog(hostOf(fakeWorld(seed)), {
        config: { segmentMs: 1000, segmentJitterMs: 900 },
      });
      for (let timestamp = 0; timestamp < 20_000; timestamp += 50) {
        append(log, { timestamp }, timestamp);
      }
      expect(log.segmentCount).toBeGreaterThan(19);
      counts.add(log.segmentCount);
    }
    expect(counts.size).toBeGreaterThan(1);
  });

  test("when an index is full", async () => {
    const log = await openTestLog(hostOf(fakeWorld()), {
      config: { segmentIndexBytes: 100, indexIntervalBytes: 0 },
    });
    for (let count = 0; count < 100; count++)
      append(log, { timestamp: 1000 + count }, 1000 + count);
    expect(log.segmentCount).toBeGreaterThan(10);
    expect((await readAll(log, 0)).length).toBe(100);
  });

  test("when an offset is too far from their first", async () => {
    const log = await openTestLog(hostOf(fakeWorld()));
    const follow = (baseOffset: number) => {
      const bytes = batchOf({ baseOffset, partitionLeaderEpoch: 0 });
      return log.appendAsFollower(bytes, 0, 1000);
    };
    follow(0);
    follow(0x7fff_ffff);
    expect(log.segmentCount).toBe(1);
    follow(0x8000_0000);
    expect(log.segmentCount).toBe(2);
    follow(0x8000_0000 * 5);
    expect(log.segmentCount).toBe(3);
    expect((await readAll(log, 0)).map((record) => record.offset)).toEqual([
      0,
      0x7fff_ffff,
      0x8000_0000,
      0x8000_0000 * 5,
    ]);
  });
});
