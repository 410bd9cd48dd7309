import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { fakeWorld } from "../sim/fake-world.ts";
import { append, batchOf, DIRECTORY, hostOf, openTestLog, readAll } from "./log-fixture.ts";

describe("a log", () => {
  test("begins empty, at offset 0, with the files of one segment", async () => {
    const world = fakeWorld();
    const log = await openTestLog(hostOf(world));
    expect(log).toMatchObject({ logStartOffset: 0, logEndOffset: 0, highWatermark: 0, size: 0 });
    expect(world.disk.list(DIRECTORY).sort()).toEqual([
      "00000000000000000000.index",
      "00000000000000000000.log",
      "00000000000000000000.timeindex",
    ]);
    expect(world.disk.openFiles).toBe(0);
  });

  test("gives offsets and leader epoch to what it appends, and reads it back", async () => {
    const log = await openTestLog(hostOf(fakeWorld()));
    expect(append(log, { count: 3 })).toMatchObject({ firstOffset: 0, lastOffset: 2 });
    expect(append(log, { count: 2, text: "x" })).toMatchObject({ firstOffset: 3, lastOffset: 4 });
    expect(log.latestEpoch).toBe(0);
    const records = await readAll(log, 0);
    expect(records.map((record) => record.value?.toString())).toEqual(["0", "1", "2", "x", "x"]);
    expect(records.map((record) => record.offset)).toEqual([0, 1, 2, 3, 4]);
  });

  test("reads up to an offset, in the size that is asked for", async () => {
    const log = await openTestLog(hostOf(fakeWorld()));
    const size = batchOf({ count: 2 }).length;
    for (let count = 0; count < 10; count++) append(log, { count: 2 });
    const sizeOf = async (...args: Parameters<typeof log.read>): Promise<number> => {
      const slice = await log.read(...args);
      slice.release();
      return slice.size;
    };
    expect(await sizeOf(0, 1 << 20, 20, false)).toBe(10 * size);
    expect(await sizeOf(5, 1 << 20, 20, false)).toBe(8 * size);
    expect(await sizeOf(0, 1 << 20, 8, false)).toBe(4 * size);
    expect(await sizeOf(8, 1 << 20, 8, false)).toBe(0);
    expect(await sizeOf(0, 10, 20, true)).toBe(size);
    expect(await sizeOf(0, 10, 20, false)).toBe(0);
    expect(await sizeOf(20, 10, 20, true)).toBe(0);
    expect((await log.read(21, 10, 20, true)).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
  });

  test("leaves a segment that is full, and reads over the border", async () => {
    const world = fakeWorld();
    const log = await openTestLog(hostOf(world), { config: { segmentBytes: 1000 } });
    for (let count = 0; count < 40; count++) append(log, { valueSize: 100, text: String(count) });
    expect(log.segmentCount).toBeGreaterThan(5);
    const records = await readAll(log, 0);
    expect(records.map((record) => record.value!.toString().replaceAll(".", ""))).toEqual(
      Array.from({ length: 40 }, (_, index) => String(index)),
    );
  });

  test("has what it appends written out a few megabytes at a time", async () => {
    const world = fakeWorld();
    const log = await openTestLog(hostOf(world), { config: { segmentBytes: 20 << 20 } });
    while (log.segmentCount === 1) append(log, { valueSize: 500_000 });
    const { writeBacks } = world.disk;
    expect(writeBacks.length).toBe(2);
    expect(writeBacks.map(({ path }) => path)).toEqual(
      new Array(2).fill("/data/topic-0/00000000000000000000.log"),
    );
    expect(writeBacks[0]!.position).toBe(0);
    expect(writeBacks[0]!.length).toBeGreaterThanOrEqual(8 << 20);
    expect(writeBacks[0]!.length).toBeLessThan(9 << 20);
    expect(writeBacks[1]!.position).toBe(writeBacks[0]!.length);
    // A cut takes back what was written out behind it.
    log.truncateTo(3);
    const { size } = log;
    for (let count = 0; count < 20; count++) append(log, { valueSize: 500_000 });
    expect(writeBacks[2]!.position).toBe(size);
  });

  test("reserves all of a segment when it is begun, where preallocate asks for it", async () => {
    const world = fakeWorld();
    const log = await openTestLog(hostOf(world), {
      config: { segmentBytes: 4 << 20, preallocate: true },
    });
    append(log);
    expect(world.disk.reservedBytes).toBe((4 << 20) - log.size);
    while (log.segmentCount === 1) append(log, { valueSize: 500_000 });
    world.clock.settle();
    const active = (4 << 20) - log.state.segments.active.size;
    expect(world.disk.reservedBytes).toBe(active);
    await log.close();
    expect(world.disk.reservedBytes).toBe(0);
  });

  test("leaves a full segment without giving back the few blocks behind it", async () => {
    const world = fakeWorld();
    const log = await openTestLog(hostOf(world), { config: { segmentBytes: 4 << 20 } });
    let truncations = 0;
    world.disk.beforeOperation = (operation, path) => {
      if (operation === "truncate" && path.endsWith(".log")) truncations++;
    };
    while (log.segmentCount === 1) append(log, { valueSize: 10_000 });
    expect(truncations).toBe(0);
    expect(world.disk.reservedBytes).toBeLessThan(4 << 12);
    // One that is left early does: by time, or when it is closed.
    for (let count = 0; count < 20; count++) append(log, { valueSize: 10_000 });
    expect(world.disk.reservedBytes).toBeGreaterThan(500_000);
    log.roll();
    expect(world.disk.reservedBytes).toBeLessThan(4 << 12);
    expect(truncations).toBe(1);
  });

  test("gives back files and reserved blocks when it is idle", async () => {
    const world = fakeWorld();
    const host = hostOf(world);
    const log = await openTestLog(host);
    for (let count = 0; count < 100; count++) append(log, { valueSize: 5000 });
    world.clock.settle();
    expect(world.disk.openFiles).toBeGreaterThan(0);
    expect(world.disk.reservedBytes).toBeGreaterThan(0);
    expect(host.warm.length).toBe(1);
    expect(host.warm[0]!.coolDown()).toBe(false);
    expect(host.warm[0]!.coolDown()).toBe(true);
    expect(world.disk.openFiles).toBe(0);
    expect(world.disk.reservedBytes).toBe(0);
    expect((await readAll(log, 0)).length).toBe(100);
    append(log);
    expect((await readAll(log, 99)).length).toBe(2);
  });
});
