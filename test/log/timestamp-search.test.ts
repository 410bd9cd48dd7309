import { describe, expect, test } from "bun:test";
import type { Log } from "../../src/log/log.ts";
import { baseOffset } from "../../src/protocol/record-batch.ts";
import { type FakeWorld, fakeWorld } from "../sim/fake-world.ts";
import { append, DIRECTORY, hostOf, openTestLog } from "./log-fixture.ts";

test("a time is found behind a segment that came to it with deleted records alone", async () => {
  const log = await openTestLog(hostOf(fakeWorld()), { config: { segmentBytes: 300 } });
  append(log, { timestamp: 9000 }, 9000);
  append(log, { timestamp: 1000, valueSize: 200 }, 9000);
  append(log, { timestamp: 2000, valueSize: 200 }, 9000);
  append(log, { timestamp: 9500 }, 9500);
  expect(log.segmentCount).toBeGreaterThan(1);
  log.advanceHighWatermark(log.logEndOffset);
  log.advanceLogStartOffset(1);
  expect(await log.offsetForTimestamp(1500)).toMatchObject({ offset: 2, timestamp: 2000 });
  expect(await log.offsetForTimestamp(5000)).toMatchObject({ offset: 3, timestamp: 9500 });
  expect(await log.offsetForTimestamp(9501)).toBeNull();
});

test("a segment whose time was asked for while it was empty keeps a sound index", async () => {
  const log = await openTestLog(hostOf(fakeWorld()), { config: { retentionMs: 10_000 } });
  log.deleteOldSegments();
  expect(log.state.segments.active.largestTimestamp).toBeGreaterThanOrEqual(0);
  append(log, { timestamp: 9000 }, 9000);
  log.advanceHighWatermark(log.logEndOffset);
  expect(await log.offsetForTimestamp(8000)).toMatchObject({ offset: 0, timestamp: 9000 });
  expect(log.state.segments.active.isIndexDamaged).toBe(false);
  expect(log.state.segments.active.timeIndex.lastTimestamp).toBe(-1);
});

describe("an index that lies", () => {
  const CONFIG = { segmentBytes: 1200, indexIntervalBytes: 150 };
  const COUNT = 30;
  const timeOf = (offset: number) => 1_000_000 + 1000 * offset;

  async function makeLog(): Promise<FakeWorld> {
    const world = fakeWorld();
    const log = await openTestLog(hostOf(world), { config: CONFIG });
    for (let offset = 0; offset < COUNT; offset++) {
      append(log, { timestamp: timeOf(offset), valueSize: 20 }, timeOf(offset));
    }
    log.advanceHighWatermark(COUNT);
    await log.close();
    return world;
  }

  function openAgain(world: FakeWorld, config = {}): Promise<Log> {
    return openTestLog(hostOf(world), {
      config: { ...CONFIG, ...config },
      recoveryPoint: COUNT,
      wasCleanlyStopped: true,
    });
  }

  async function expectFindable(log: Log, hint: string): Promise<void> {
    for (let offset = 0; offset < COUNT; offset += 3) {
      const found = await log.offsetForTimestamp(timeOf(offset) - 1);
      expect(found, `${hint} time of ${offset}`).toMatchObject({ offset });
      const slice = await log.read(offset, 10, COUNT, true);
      expect(baseOffset(await slice.read(), 0), `${hint} offset ${offset}`).toBe(offset);
      slice.release();
    }
    expect(await log.offsetForTimestamp(-3), hint).toMatchObject({ offset: COUNT - 1 });
    const added = append(log, { timestamp: timeOf(COUNT) }, timeOf(COUNT));
    expect(added, hint).toMatchObject({ firstOffset: COUNT });
    log.advanceHighWatermark(COUNT + 1);
    const found = await log.offsetForTimestamp(timeOf(COUNT));
    expect(found, hint).toMatchObject({ offset: COUNT });
  }

  test("hides no record, whichever of its bits has flipped", async () => {
    const world = await makeLog();
    const names = world.disk.list(DIRECTORY).filter((name) => /index$/.test(name));
    expect(names.length).toBeGreaterThanOrEqual(6);
    const original = new Map(
      world.disk
        .list(DIRECTORY)
        .map((name) => [`${DIRECTORY}/${name}`, world.disk.readWhole(`${DIRECTORY}/${name}`)]),
    );
    for (const name of names) {
      const { length } = original.get(`${DIRECTORY}/${name}`)!;
      for (let bit = 0; bit < 8 * length; bit += 5) {
        const copy = fakeWorld();
        copy.disk.makeDirectory(DIRECTORY);
        for (const [path, bytes] of original) {
          const spoilt = Buffer.from(bytes);
          if (path.endsWith(name)) spoilt[bit >>> 3]! ^= 1 << (bit & 7);
          const file = copy.disk.open(path, "create");
          file.write(spoilt, 0, spoilt.length, 0);
          file.close();
        }
        await expectFindable(await openAgain(copy), `${name} bit ${bit}:`);
      }
    }
  });

  test("deletes nothing before its time", async () => {
    const world = await makeLog();
    for (const name of world.disk.list(DIRECTORY)) {
      if (!name.endsWith(".timeindex")) continue;
      const file = world.disk.open(`${DIRECTORY}/${name}`, "write");
      // Times of long ago.
      const { length } = world.disk.readWhole(file.path);
      for (let at = 0; at < length; at += 12) file.write(Buffer.alloc(6), 0, 6, at);
      file.close();
    }
    const nowMs = world.clock.wallMs();
    const log = await openAgain(world, { retentionMs: nowMs - timeOf(COUNT / 2) });
    log.advanceHighWatermark(COUNT);
    log.deleteOldSegments();
    expect(log.logStartOffset).toBeGreaterThan(0);
    expect(log.logStartOffset).toBeLessThanOrEqual(COUNT / 2);
  });
});
