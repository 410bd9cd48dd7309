import { describe, expect, test } from "bun:test";
import { abortedRanges, fetchedBatches } from "../../../src/broker/share/fetched-batches.ts";
import type { LogSlice } from "../../../src/log/log-slice.ts";
import { buildEndTransactionMarker } from "../../../src/protocol/control-record.ts";
import { setBaseOffset } from "../../../src/protocol/record-batch.ts";
import { buildBatch, type NewBatch } from "../../../src/protocol/record-batch-builder.ts";

/** A slice of bytes in memory, whose first reads may have to wait. */
class TestSlice {
  readonly size: number;
  readonly position = 7;
  coldReads = 0;
  readCount = 0;
  readonly #bytes: Buffer;

  constructor(...parts: readonly Buffer[]) {
    this.#bytes = Buffer.concat(parts);
    this.size = this.#bytes.length;
  }

  /** Only what is asked of a slice here. */
  get asSlice(): LogSlice {
    const file = {
      readCached: (target: Buffer, at: number, length: number, position: number) => {
        if (this.coldReads-- > 0) return -1;
        return this.#read(target, at, length, position);
      },
      readLater: async (target: Buffer, at: number, length: number, position: number) =>
        this.#read(target, at, length, position),
    };
    return { size: this.size, position: this.position, file } as unknown as LogSlice;
  }

  #read(target: Buffer, at: number, length: number, position: number): number {
    this.readCount++;
    const from = position - this.position;
    return this.#bytes.copy(target, at, from, Math.min(this.size, from + length));
  }
}

function batch(first: number, count: number, changes: Partial<NewBatch> = {}, valueSize = 10) {
  const records = Array.from({ length: count }, () => ({
    timestamp: 0,
    key: null,
    value: Buffer.alloc(valueSize),
  }));
  return buildBatch({ records, baseOffset: first, ...changes });
}

function marker(first: number, producerId: number, isCommit: boolean): Buffer {
  const writer = { producerId, producerEpoch: 0, coordinatorEpoch: 0, timestamp: 0 };
  const bytes = buildEndTransactionMarker({ ...writer, isCommit });
  setBaseOffset(bytes, 0, first);
  return bytes;
}

const ALL = (_first: number): number => Infinity;

function headersOf(slice: TestSlice, lastOffset = ALL) {
  const batches = fetchedBatches(slice.asSlice, 0, lastOffset);
  if (batches instanceof Promise) throw new Error("it waited");
  return batches.map(({ baseOffset, lastOffset: last }) => [baseOffset, last]);
}

describe("headers", () => {
  test("of many small batches are read a few at a time", () => {
    const parts = Array.from({ length: 200 }, (_, index) => batch(index * 2, 2));
    const slice = new TestSlice(...parts);
    expect(headersOf(slice)).toEqual(parts.map((_, index) => [index * 2, index * 2 + 1]));
    expect(slice.readCount).toBeLessThan(20);
  });

  test("of large batches are read without what follows", () => {
    const slice = new TestSlice(batch(0, 1, {}, 50_000), batch(1, 1, {}, 50_000), batch(2, 3));
    expect(headersOf(slice)).toEqual([
      [0, 0],
      [1, 1],
      [2, 4],
    ]);
    expect(slice.readCount).toBe(3);
  });

  test("are read as far as they are wanted", () => {
    const slice = new TestSlice(batch(0, 5), batch(5, 5), batch(10, 5));
    expect(headersOf(slice, (first) => first + 7)).toEqual([
      [0, 4],
      [5, 9],
    ]);
  });

  test("of what is cut or is no batch are left out", () => {
    const whole = batch(0, 5);
    for (const size of [0, 1, 16, 17, 60, 61, whole.length - 1]) {
      expect(headersOf(new TestSlice(whole, whole.subarray(0, size)))).toEqual([[0, 4]]);
    }
    const torn = Buffer.alloc(200);
    expect(headersOf(new TestSlice(whole, torn))).toEqual([[0, 4]]);
    expect(headersOf(new TestSlice())).toEqual([]);
  });

  test("that are not in memory are waited for", async () => {
    const slice = new TestSlice(batch(0, 1, {}, 9000), batch(1, 1, {}, 9000), marker(2, 5, false));
    slice.coldReads = 1;
    const later = fetchedBatches(slice.asSlice, 0, ALL);
    expect(later).toBeInstanceOf(Promise);
    expect((await later).map(({ baseOffset }) => baseOffset)).toEqual([0, 1, 2]);
  });

  test("of a message from before Kafka 0.11 begin where the fetch does", () => {
    const old = Buffer.alloc(40);
    old.writeBigInt64BE(9n, 0);
    old.writeInt32BE(28, 8);
    old.writeInt8(1, 16);
    const slice = new TestSlice(old, batch(10, 2));
    const batches = fetchedBatches(slice.asSlice, 4, ALL);
    if (batches instanceof Promise) throw new Error("it waited");
    expect(batches.map(({ baseOffset, lastOffset }) => [baseOffset, lastOffset])).toEqual([
      [4, 9],
      [10, 11],
    ]);
  });
});

test("batches of aborted transactions, between those of others", () => {
  const of = (producerId: number) => ({ producerId, producerEpoch: 0, isTransactional: true });
  const slice = new TestSlice(
    batch(0, 2, of(1)),
    batch(2, 2, of(2)),
    batch(4, 2),
    batch(6, 2, of(1)),
    marker(8, 1, false),
    batch(9, 2, of(1)),
    marker(11, 1, true),
    marker(12, 2, true),
    batch(13, 2, of(2)),
    marker(15, 2, false),
  );
  const batches = fetchedBatches(slice.asSlice, 0, ALL);
  if (batches instanceof Promise) throw new Error("it waited");
  const aborted = [
    { producerId: 2, firstOffset: 13, lastOffset: 15, lastStableOffset: 16 },
    { producerId: 1, firstOffset: 0, lastOffset: 8, lastStableOffset: 9 },
  ];
  expect(abortedRanges(batches, aborted)).toEqual([
    { firstOffset: 0, lastOffset: 1 },
    { firstOffset: 6, lastOffset: 7 },
    { firstOffset: 13, lastOffset: 14 },
  ]);
  expect(abortedRanges(batches, [])).toEqual([]);
});
