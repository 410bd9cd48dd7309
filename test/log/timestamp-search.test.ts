import { expect, test } from "bun:test";
import { fakeWorld } from "../sim/fake-world.ts";
import { append, hostOf, openTestLog } from "./log-fixture.ts";

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
