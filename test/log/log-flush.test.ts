import { describe, expect, test } from "bun:test";
import type { DiskError } from "../../src/base/world.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { afterKill, afterPowerLoss, type FakeWorld, fakeWorld } from "../sim/fake-world.ts";
import { append, DIRECTORY, hostOf, openTestLog, readAll } from "./log-fixture.ts";

/** Syncs that take a millisecond each. */
function slowWorld(seed = 1): FakeWorld {
  const world = fakeWorld(seed);
  world.disk.makeDirectory("/data");
  void world.disk.syncDirectory("/");
  world.clock.settle();
  world.disk.later = (callback) => void world.clock.schedule(1, callback);
  return world;
}

const LOG_FILE = `${DIRECTORY}/00000000000000000000.log`;

describe("flushing a log", () => {
  test("makes everything so far durable, names included", async () => {
    const world = slowWorld();
    const log = await openTestLog(hostOf(world));
    append(log, { count: 3 });
    const flushed = log.flush();
    append(log);
    expect(log.flushedOffset).toBe(0);
    world.clock.advance(20);
    await flushed;
    expect(log.flushedOffset).toBeGreaterThanOrEqual(3);
    world.clock.advance(20);
    const after = afterPowerLoss(world, "none");
    after.disk.later = (callback) => void Promise.resolve().then(callback);
    const again = await openTestLog(hostOf(after));
    expect(again.logEndOffset).toBeGreaterThanOrEqual(3);
    expect((await readAll(again, 0)).length).toBe(again.logEndOffset);
  });

  test("shares syncs among all who wait", async () => {
    const world = slowWorld();
    const log = await openTestLog(hostOf(world));
    append(log);
    await advanceUntil(world, log.flush());
    const before = world.disk.syncCount;
    const waiting: Promise<void>[] = [];
    for (let count = 0; count < 100; count++) {
      append(log);
      waiting.push(log.flush());
    }
    await advanceUntil(world, Promise.all(waiting));
    expect(world.disk.syncCount - before).toBe(2);
    expect(log.flushedOffset).toBe(101);
    await log.flush();
    expect(world.disk.syncCount - before).toBe(2);
  });

  test("happens after `flush.messages`, and the append counts when it is done", async () => {
    const world = slowWorld();
    const log = await openTestLog(hostOf(world), { config: { flushMessages: 3 } });
    expect(append(log).flushed).toBeNull();
    expect(append(log).flushed).toBeNull();
    const { flushed } = append(log);
    expect(flushed).not.toBeNull();
    await advanceUntil(world, flushed!);
    expect(log.flushedOffset).toBe(3);
    expect(append(log).flushed).toBeNull();
  });

  test("is waited for by who sends the same batch again, too", async () => {
    const world = slowWorld();
    const log = await openTestLog(hostOf(world), { config: { flushMessages: 1 } });
    const claim = { producerId: 7, producerEpoch: 0, baseSequence: 0 };
    append(log, claim);
    const again = append(log, claim);
    expect(again).toMatchObject({ errorCode: ErrorCode.NONE, isDuplicate: true });
    expect(log.flushedOffset).toBe(0);
    await advanceUntil(world, again.flushed!);
    expect(log.flushedOffset).toBe(1);
    expect(append(log, claim).flushed).toBeNull();
  });

  test("happens after `flush.ms`", async () => {
    const world = fakeWorld();
    const log = await openTestLog(hostOf(world), { config: { flushMs: 500 } });
    append(log);
    world.clock.advance(400);
    append(log);
    expect(log.flushedOffset).toBe(0);
    world.clock.advance(101);
    expect(log.flushedOffset).toBe(2);
    append(log);
    world.clock.advance(501);
    expect(log.flushedOffset).toBe(3);
  });

  test("of a segment that is left goes on behind, its indexes included", async () => {
    const world = slowWorld();
    const log = await openTestLog(hostOf(world), {
      config: { segmentBytes: 2000, indexIntervalBytes: 100 },
    });
    while (log.segmentCount < 3) append(log, { valueSize: 200 });
    world.clock.advance(100);
    expect(log.recoveryPoint).toBe(log.state.segments.active.baseOffset);
    for (const name of ["log", "index", "timeindex"]) {
      const path = `${DIRECTORY}/00000000000000000000.${name}`;
      expect(world.disk.durableBytes(path)).toEqual(world.disk.readWhole(path));
      expect(world.disk.readWhole(path).length).toBeGreaterThan(0);
    }
  });

  test("of a segment that is left between two of its syncs includes the indexes", async () => {
    const world = slowWorld();
    const log = await openTestLog(hostOf(world), {
      config: { segmentBytes: 2000, indexIntervalBytes: 100 },
    });
    while (log.size < 1700) append(log, { valueSize: 200 });
    // The batches are synced in a millisecond, the epochs in two.
    const flushed = log.flush();
    world.clock.advance(1.5);
    append(log, { valueSize: 400 });
    expect(log.segmentCount).toBe(2);
    await advanceUntil(world, flushed);
    const path = `${DIRECTORY}/00000000000000000000.index`;
    expect(world.disk.readWhole(path).length).toBeGreaterThan(0);
    expect(log.recoveryPoint).toBe(log.state.segments.active.baseOffset);
    expect(world.disk.durableBytes(path)).toEqual(world.disk.readWhole(path));
  });

  test("that fails takes the directory offline, and is not tried again", async () => {
    const world = slowWorld();
    const host = hostOf(world);
    const log = await openTestLog(host);
    append(log);
    world.clock.advance(20);
    world.disk.inject({ operation: "sync", path: /\.log$/, code: "EIO", count: 1 });
    const syncs = world.disk.syncCount;
    const codes: string[] = [];
    for (const flushed of [log.flush(), log.flush()]) {
      flushed.catch((error: DiskError) => codes.push(error.code));
    }
    world.clock.advance(20);
    expect(codes).toEqual(["EIO", "EIO"]);
    expect(host.failures).toMatchObject([{ directory: "/data", error: { code: "EIO" } }]);
    expect(world.disk.syncCount).toBe(syncs);
    expect(append(log).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(log.flush()).rejects.toMatchObject({ code: "EIO" });
    expect((await log.read(0, 100, 1, true)).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(log.flushedOffset).toBe(0);
  });
});

describe("a disk that fails", () => {
  test("when it is full: nothing is acknowledged, and what was is there after the restart", async () => {
    const world = fakeWorld();
    const host = hostOf(world);
    const log = await openTestLog(host);
    for (let count = 0; count < 10; count++) append(log, { valueSize: 1000 });
    world.clock.settle();
    world.disk.quotaBytes = 12_000;
    let result = append(log, { valueSize: 1000 });
    while (result.errorCode === 0) result = append(log, { valueSize: 1000 });
    expect(result.errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(result.message).toContain("ENOSPC");
    expect(host.failures).toMatchObject([{ error: { code: "ENOSPC" } }]);
    const acknowledged = log.logEndOffset;
    world.disk.quotaBytes = Number.POSITIVE_INFINITY;
    const again = await openTestLog(hostOf(afterPowerLoss(world, "all")));
    expect(again.logEndOffset).toBe(acknowledged);
    expect(append(again).errorCode).toBe(0);
  });

  test("when a cold read fails", async () => {
    const world = fakeWorld();
    const host = hostOf(world);
    const log = await openTestLog(host);
    for (let count = 0; count < 400; count++) append(log, { valueSize: 100 });
    log.state.coolDown();
    log.state.coolDown();
    world.disk.coldRate = 1;
    world.disk.inject({ operation: "read", path: /\.log$/, code: "EIO" });
    const slice = await log.read(3, 1000, log.logEndOffset, true);
    expect(slice.errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(host.failures.length).toBe(1);
  });

  test("when a new segment cannot be made", async () => {
    const world = fakeWorld();
    const host = hostOf(world);
    const log = await openTestLog(host, { config: { segmentBytes: 1000 } });
    append(log, { valueSize: 800 });
    world.disk.inject({ operation: "open", path: /1\.(log|index)$/, code: "EACCES" });
    expect(append(log, { valueSize: 800 }).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(host.failures.length).toBe(1);
  });

  test("when a sync fails, what the next life takes for durable is durable", async () => {
    const config = { flushMessages: 1 };
    const world = fakeWorld();
    world.disk.makeDirectory("/data");
    await world.disk.syncDirectory("/");
    const log = await openTestLog(hostOf(world), { config });
    // Each has pages of its own.
    const batch = { valueSize: 10_000 };
    await append(log, batch).flushed;
    world.disk.inject({ operation: "sync", path: /\.log$/, code: "EIO", count: 1 });
    expect(append(log, batch).flushed).rejects.toThrow("EIO");
    // The kernel takes the page for clean now: only who writes it anew makes it durable.
    const second = afterKill(world);
    const later = await openTestLog(hostOf(second), { config, recoveryPoint: 1 });
    expect(later.logEndOffset).toBe(2);
    await append(later, batch).flushed;
    const third = afterPowerLoss(second, "none");
    expect((await openTestLog(hostOf(third), { config })).logEndOffset).toBe(3);
  });

  test("leaves a bit that flips to the reader's checksum", async () => {
    const world = fakeWorld();
    const log = await openTestLog(hostOf(world));
    append(log, { valueSize: 100 });
    append(log, { valueSize: 100 });
    world.disk.flip(LOG_FILE, 100);
    const slice = await log.read(0, 1000, 2, true);
    expect(slice.errorCode).toBe(0);
    slice.release();
  });
});

async function advanceUntil(world: FakeWorld, promise: Promise<unknown>): Promise<void> {
  let isDone = false;
  void promise.then(() => (isDone = true));
  for (let step = 0; step < 50 && !isDone; step++) {
    world.clock.advance(1);
    await Promise.resolve();
  }
  expect(isDone).toBe(true);
}
