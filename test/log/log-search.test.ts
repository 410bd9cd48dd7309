import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { CompressionType } from "../../src/protocol/compression.ts";
import type { Log } from "../../src/log/log.ts";
import { fakeWorld } from "../sim/fake-world.ts";
import { append, batchOf, hostOf, openTestLog, readAll } from "./log-fixture.ts";

const CONFIG = { segmentBytes: 3000, indexIntervalBytes: 200 };

async function logOf(timestamps: readonly number[][], compression?: CompressionType): Promise<Log> {
  const log = await openTestLog(hostOf(fakeWorld()), { config: CONFIG });
  for (const [first] of timestamps) {
    const options = { timestamp: first!, count: 3, valueSize: 80 };
    append(log, compression === undefined ? options : { ...options, compression }, first);
  }
  log.advanceHighWatermark(log.logEndOffset);
  return log;
}

describe("offsets by timestamp", () => {
  test("name the first record that is late enough, in any segment and codec", async () => {
    const { GZIP, LZ4, NONE } = CompressionType;
    for (const compression of [NONE, GZIP, LZ4]) {
      const log = await logOf(
        Array.from({ length: 60 }, (_, index) => [1000 + index * 10]),
        compression,
      );
      expect(log.segmentCount).toBeGreaterThan(compression === NONE ? 3 : 1);
      const records = await readAll(log, 0);
      for (let timestamp = 995; timestamp < 1600; timestamp += 7) {
        const expected = records.find((record) => record.timestamp >= timestamp);
        const found = await log.offsetForTimestamp(timestamp);
        expect(found?.offset).toBe(expected?.offset);
        expect(found?.timestamp).toBe(expected?.timestamp);
      }
      expect(await log.offsetForTimestamp(5000)).toBeNull();
      expect(await log.offsetForTimestamp(-3)).toEqual({
        timestamp: 1592,
        offset: 179,
        leaderEpoch: 0,
      });
    }
  });

  test("know the ends of the log with their epochs", async () => {
    const log = await openTestLog(hostOf(fakeWorld()));
    expect(await log.offsetForTimestamp(-3)).toBeNull();
    expect(await log.offsetForTimestamp(-1)).toEqual({ timestamp: -1, offset: 0, leaderEpoch: -1 });
    append(log, { count: 5 });
    log.appendAsLeader(batchOf(), { leaderEpoch: 4, origin: "client", nowMs: 1000 });
    log.advanceHighWatermark(6);
    log.advanceLogStartOffset(2);
    const ends = await Promise.all([-1, -2, -4, -5].map((time) => log.offsetForTimestamp(time)));
    expect(ends).toEqual([
      { timestamp: -1, offset: 6, leaderEpoch: 4 },
      { timestamp: -1, offset: 2, leaderEpoch: 0 },
      { timestamp: -1, offset: 2, leaderEpoch: 0 },
      { timestamp: -1, offset: -1, leaderEpoch: -1 },
    ]);
  });

  test("never name a record before the log's start", async () => {
    const log = await openTestLog(hostOf(fakeWorld()));
    append(log, { count: 5, timestamp: 1000 });
    append(log, { count: 5, timestamp: 900 });
    log.advanceHighWatermark(10);
    log.advanceLogStartOffset(3);
    expect((await log.offsetForTimestamp(1000))?.offset).toBe(3);
    log.advanceLogStartOffset(6);
    expect((await log.offsetForTimestamp(902))?.offset).toBe(7);
  });
});

describe("reading", () => {
  test("comes to the same bytes when nothing is cached", async () => {
    const world = fakeWorld(7);
    const log = await openTestLog(hostOf(world), { config: CONFIG });
    for (let count = 0; count < 200; count++) append(log, { valueSize: count, text: `r${count}` });
    world.disk.coldRate = 0.7;
    for (let round = 0; round < 50; round++) {
      log.state.coolDown();
      log.state.coolDown();
      const offset = world.random.below(200);
      const upTo = offset + 1 + world.random.below(200 - offset);
      const slice = await log.read(offset, 1 + world.random.below(2000), upTo, true);
      const bytes = await slice.read();
      expect(bytes.length).toBe(slice.size);
      expect(bytes.readBigInt64BE(0)).toBe(BigInt(offset));
      expect(bytes.toString("latin1")).toContain(`r${offset}`);
      expect(bytes.toString("latin1")).not.toContain(`r${upTo}.`);
      slice.release();
    }
  });

  test("goes on in a segment that is deleted meanwhile", async () => {
    const world = fakeWorld();
    const log = await openTestLog(hostOf(world), { config: CONFIG });
    for (let count = 0; count < 200; count++) append(log, { valueSize: 50, text: `r${count}` });
    log.advanceHighWatermark(200);
    const slice = await log.read(0, 1 << 20, 200, true);
    log.advanceLogStartOffset(150);
    expect(log.deleteOldSegments()).toBeGreaterThan(0);
    world.clock.advance(120_000);
    const bytes = await slice.read();
    expect(bytes.toString("latin1")).toContain("r0.");
    slice.release();
    expect((await log.read(0, 100, 200, true)).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
  });

  test("does without an index that is wrong, and mends it", async () => {
    const world = fakeWorld();
    const log = await openTestLog(hostOf(world), { config: CONFIG });
    for (let count = 0; count < 100; count++) append(log, { valueSize: 50, text: `r${count}` });
    log.state.coolDown();
    log.state.coolDown();
    const path = log.state.segments.first.pathOf(".index");
    const good = world.disk.readWhole(path);
    for (let entry = 0; entry < good.length / 8; entry++) world.disk.flip(path, entry * 8 + 7, 5);
    const last = log.state.segments.all[1]!.baseOffset - 1;
    const slice = await log.read(last, 1 << 20, 100, true);
    expect((await slice.read()).toString("latin1")).toContain(`r${last}`);
    slice.release();
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    world.clock.settle();
    expect(world.disk.readWhole(path)).toEqual(good);
  });

  test("refuses a segment whose batches lead nowhere", async () => {
    const world = fakeWorld();
    const log = await openTestLog(hostOf(world), { config: { indexIntervalBytes: 1 << 20 } });
    for (let count = 0; count < 10; count++) append(log, { valueSize: 50 });
    log.state.coolDown();
    log.state.coolDown();
    world.disk.flip(log.state.segments.first.pathOf(".log"), 10, 0x40);
    const slice = await log.read(5, 100, 10, true);
    expect(slice.errorCode).toBe(ErrorCode.CORRUPT_MESSAGE);
  });
});

describe("following a leader", () => {
  test("takes batches as they are, gaps included, up to the epoch that is followed", async () => {
    const leader = await openTestLog(hostOf(fakeWorld()));
    for (const leaderEpoch of [1, 1, 3, 5]) {
      leader.appendAsLeader(batchOf({ count: 2 }), { leaderEpoch, origin: "client", nowMs: 1000 });
    }
    const slice = await leader.read(0, 1 << 20, 8, true);
    const bytes = Buffer.from(await slice.read());
    slice.release();
    const follower = await openTestLog(hostOf(fakeWorld()));
    expect(follower.appendAsFollower(bytes, 3, 1000)).toMatchObject({
      firstOffset: 0,
      lastOffset: 5,
    });
    expect(follower.state.epochs.entries).toEqual([
      { epoch: 1, startOffset: 0 },
      { epoch: 3, startOffset: 4 },
    ]);
    expect(follower.appendAsFollower(bytes, 3, 1000).errorCode).toBe(ErrorCode.INVALID_RECORD);
    const last = bytes.subarray(bytes.length - bytes.length / 4);
    expect(follower.appendAsFollower(last, 5, 1000)).toMatchObject({ firstOffset: 6 });
    expect(follower.appendAsFollower(last.subarray(0, 40), 5, 1000)).toMatchObject({
      errorCode: 0,
      lastOffset: 7,
    });
    const rotten = batchOf({ baseOffset: 20, partitionLeaderEpoch: 5 });
    rotten[62]! ^= 1;
    expect(follower.appendAsFollower(rotten, 5, 1000).errorCode).toBe(ErrorCode.CORRUPT_MESSAGE);
    const later = batchOf({ baseOffset: 20, partitionLeaderEpoch: 5 });
    expect(follower.appendAsFollower(later, 5, 1000)).toMatchObject({ firstOffset: 20 });
    expect((await readAll(follower, 8)).map((record) => record.offset)).toEqual([20]);
  });

  test("is cut where the leaders' logs part", async () => {
    const log = await openTestLog(hostOf(fakeWorld()), { config: CONFIG });
    for (let count = 0; count < 100; count++) append(log, { valueSize: 50 });
    log.advanceHighWatermark(60);
    expect(log.truncateTo(100)).toBe(false);
    expect(log.truncateTo(70)).toBe(true);
    expect(log).toMatchObject({ logEndOffset: 70, highWatermark: 60 });
    expect((await readAll(log, 0)).length).toBe(70);
    expect(append(log)).toMatchObject({ firstOffset: 70 });
    log.truncateFullyAndStartAt(500);
    expect(log).toMatchObject({ logStartOffset: 500, logEndOffset: 500, highWatermark: 500 });
    expect(log.latestEpoch).toBe(-1);
    expect(append(log)).toMatchObject({ firstOffset: 500 });
  });

  test("KRaft's leader brings offsets and epoch itself", async () => {
    const log = await openTestLog(hostOf(fakeWorld()));
    const options = { leaderEpoch: 2, origin: "raftLeader", nowMs: 1000 } as const;
    const batch = batchOf({ baseOffset: 0, partitionLeaderEpoch: 2 });
    expect(log.appendAsLeader(batch, options)).toMatchObject({ errorCode: 0, firstOffset: 0 });
    const wrong = batchOf({ baseOffset: 1, partitionLeaderEpoch: 1 });
    expect(log.appendAsLeader(wrong, options).errorCode).toBe(ErrorCode.INVALID_RECORD);
  });
});
