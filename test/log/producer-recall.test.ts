/** After a restart a retry is recognized, although a snapshot holds one batch a producer. */
import { describe, expect, test } from "bun:test";
import type { Log } from "../../src/log/log.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { type FakeWorld, fakeWorld } from "../sim/fake-world.ts";
import { append as appendAt, type BatchOptions, hostOf, openTestLog } from "./log-fixture.ts";

const CONFIG = { segmentBytes: 4_000_000 };

/** Producers of long ago would be forgotten. */
const NOW_MS = fakeWorld().clock.wallMs();

function append(log: Log, options: BatchOptions) {
  return appendAt(log, { timestamp: NOW_MS, ...options }, NOW_MS);
}

function openAgain(world: FakeWorld, recoveryPoint: number, wasCleanlyStopped: boolean) {
  return openTestLog(hostOf(world), { config: CONFIG, recoveryPoint, wasCleanlyStopped });
}

function batch(producerId: number, baseSequence: number, options: BatchOptions = {}): BatchOptions {
  return { producerId, producerEpoch: 0, baseSequence, count: 2, ...options };
}

/** Seven batches of producer 7 with others between them. Returns where they are. */
function write(log: Log, valueSize: number): number[] {
  const offsets: number[] = [];
  for (let index = 0; index < 7; index++) {
    offsets.push(append(log, batch(7, 2 * index)).firstOffset);
    append(log, batch(8, 2 * index, { valueSize }));
    append(log, { valueSize });
  }
  return offsets;
}

function expectRetriesKnown(log: Log, offsets: readonly number[]): void {
  const endOffset = log.logEndOffset;
  for (let index = 2; index < 7; index++) {
    const result = append(log, batch(7, 2 * index));
    expect(result).toMatchObject({ errorCode: 0, firstOffset: offsets[index]!, isDuplicate: true });
  }
  const { errorCode } = append(log, batch(7, 2));
  expect(errorCode).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
  expect(log.logEndOffset).toBe(endOffset);
  expect(append(log, batch(7, 14))).toMatchObject({ errorCode: 0, firstOffset: endOffset });
}

describe("five batches back", () => {
  for (const valueSize of [10, 400_000]) {
    test(`after a clean stop, between values of ${valueSize} bytes`, async () => {
      const world = fakeWorld();
      const log = await openTestLog(hostOf(world), { config: CONFIG });
      const offsets = write(log, valueSize);
      await log.close();
      const again = await openAgain(world, log.logEndOffset, true);
      expectRetriesKnown(again, offsets);
    });

    test(`after a crash just behind a roll, between values of ${valueSize} bytes`, async () => {
      const world = fakeWorld();
      const log = await openTestLog(hostOf(world), { config: CONFIG });
      const offsets = write(log, valueSize);
      log.roll();
      await log.flush();
      const again = await openAgain(world, log.logEndOffset, false);
      expectRetriesKnown(again, offsets);
    });
  }

  test("of the same epoch alone", async () => {
    const world = fakeWorld();
    const log = await openTestLog(hostOf(world));
    append(log, batch(7, 0));
    append(log, batch(7, 0, { producerEpoch: 1 }));
    append(log, batch(7, 2, { producerEpoch: 1 }));
    await log.close();
    const again = await openAgain(world, log.logEndOffset, true);
    const { errorCode } = append(again, batch(7, 0));
    expect(errorCode).toBe(ErrorCode.INVALID_PRODUCER_EPOCH);
    const retried = append(again, batch(7, 0, { producerEpoch: 1 }));
    expect(retried).toMatchObject({ firstOffset: 2, isDuplicate: true });
  });

  test("and no further than a bound, however far back the batches lie", async () => {
    const world = fakeWorld();
    const log = await openTestLog(hostOf(world), { config: CONFIG });
    append(log, batch(7, 0));
    for (let count = 0; count < 60; count++) append(log, { valueSize: 400_000 });
    append(log, batch(7, 2));
    await log.close();
    const again = await openAgain(world, log.logEndOffset, true);
    const { errorCode } = append(again, batch(7, 0));
    expect(errorCode).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect(append(again, batch(7, 2))).toMatchObject({ isDuplicate: true });
  });
});
