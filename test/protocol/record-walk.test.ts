import { describe, expect, test } from "bun:test";
import { buildNative } from "../../src/base/native-build.ts";
import { loadCompiled } from "../../src/base/native.ts";
import { buildBatch, type NewRecord } from "../../src/protocol/record-batch-builder.ts";
import { BATCH_HEADER_SIZE } from "../../src/protocol/record-batch.ts";
import { RecordCursor } from "../../src/protocol/record-cursor.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import {
  MALFORMED,
  UNUSUAL,
  walkRecordsInTypeScript,
  type WalkRecords,
} from "../../src/protocol/record-walk.ts";
import { mixedBytes, mutate, numbersOf } from "./noise.ts";

// Nothing happens where there is a library already, or no compiler: then there is less to test.
buildNative();

const implementations: [string, WalkRecords | null][] = [
  ["compiled", loadCompiled()?.functions.walkRecords ?? null],
  ["TypeScript", walkRecordsInTypeScript],
];
const TIME = 1_700_000_000_000;

/** The records alone, as they lie behind the header. */
function encode(records: NewRecord[]): Buffer {
  return buildBatch({ records }).subarray(BATCH_HEADER_SIZE);
}

function randomRecords(next: () => number, count: number): NewRecord[] {
  const bytes = () =>
    next() % 4 === 0 ? null : mixedBytes(next(), next() % (next() % 9 === 0 ? 300 : 12));
  return Array.from({ length: count }, () => ({
    timestamp: TIME + (next() % 3 === 0 ? next() * 1000 - 2 ** 41 : next() % 500),
    key: bytes(),
    value: bytes(),
    headers: Array.from({ length: next() % 3 }, () => ({
      key: "h".repeat(next() % 9),
      value: bytes(),
    })),
  }));
}

for (const [name, implementation] of implementations) {
  describe(`walking records: ${name}`, () => {
    const run = test.skipIf(implementation === null);
    const walk = implementation ?? walkRecordsInTypeScript;
    const walkAll = (
      bytes: Buffer,
      count: number,
      keyed = false,
      min = -Infinity,
      max = Infinity,
    ) => walk(bytes, 0, bytes.length, count, keyed, TIME, min, max);

    run("finds the greatest timestamp", () => {
      const record = { key: null, value: Buffer.from("v") };
      const times = [TIME, TIME + 5, TIME - 900];
      const bytes = encode(times.map((timestamp) => ({ ...record, timestamp })));
      expect(walkAll(bytes, 3)).toBe(TIME + 5);
      expect(walk(bytes, 0, bytes.length, 3, false, -5000, -1e9, 1e9)).toBe(-1);
      expect(walk(bytes, 0, bytes.length, 3, false, -4, -1e9, 1e9)).toBe(1);
      expect(walkAll(Buffer.alloc(0), 0)).toBe(-1);
      expect(walkAll(bytes, 0)).toBe(-1);
    });

    run("reads records anywhere within larger bytes", () => {
      const bytes = encode([{ timestamp: TIME, key: Buffer.from("k"), value: null }]);
      const around = Buffer.concat([Buffer.alloc(9, 0xff), bytes, Buffer.alloc(9, 0xff)]);
      expect(walk(around, 9, bytes.length, 1, true, TIME, TIME, TIME)).toBe(TIME);
      expect(walk(around, 9, bytes.length - 1, 1, true, TIME, TIME, TIME)).toBe(MALFORMED);
      expect(walk(around, 9, bytes.length + 1, 1, true, TIME, TIME, TIME)).toBe(MALFORMED);
    });

    run("a missing key is unusual where there must be one, an empty one is not", () => {
      const record = { timestamp: TIME, value: null };
      expect(walkAll(encode([{ ...record, key: null }]), 1, false)).toBe(TIME);
      expect(walkAll(encode([{ ...record, key: null }]), 1, true)).toBe(UNUSUAL);
      expect(walkAll(encode([{ ...record, key: Buffer.alloc(0) }]), 1, true)).toBe(TIME);
    });

    run("a timestamp out of bounds is unusual, except for -1, which means none", () => {
      const record = { key: null, value: null };
      const bytes = encode([
        { ...record, timestamp: TIME },
        { ...record, timestamp: TIME + 10 },
      ]);
      expect(walkAll(bytes, 2, false, TIME, TIME + 10)).toBe(TIME + 10);
      expect(walkAll(bytes, 2, false, TIME + 1, TIME + 10)).toBe(UNUSUAL);
      expect(walkAll(bytes, 2, false, TIME, TIME + 9)).toBe(UNUSUAL);
      expect(walk(bytes, 0, bytes.length, 2, false, -1, 9, 9)).toBe(9);
      expect(walk(bytes, 0, bytes.length, 2, false, -11, 9, 9)).toBe(UNUSUAL);
    });

    run("an offset delta that is not the index is unusual", () => {
      const record = { timestamp: TIME, key: null, value: null };
      expect(walkAll(encode([{ ...record, offsetDelta: 1 }]), 1)).toBe(UNUSUAL);
      expect(walkAll(encode([record, { ...record, offsetDelta: 2 }]), 2)).toBe(UNUSUAL);
    });

    run("a timestamp delta that no double holds is unusual", () => {
      // 2^53 in zigzag: 2^54, of which the highest of eight groups is 2^54 / 2^49 = 32.
      const delta = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20];
      const body = [0, ...delta, 0, 1, 1, 0];
      expect(walkAll(Buffer.from([body.length * 2, ...body]), 1)).toBe(UNUSUAL);
      const longest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
      const bodyOfLongest = [0, ...longest, 0, 1, 1, 0];
      const bytes = Buffer.from([bodyOfLongest.length * 2, ...bodyOfLongest]);
      expect(walkAll(bytes, 1)).toBe(UNUSUAL);
      bytes[11] = 0x81;
      expect(walkAll(bytes, 1)).toBe(MALFORMED);
    });

    run("counts, sizes and lengths that lie are malformed", () => {
      const whole = [18, 0, 0, 0, 2, 107, 2, 118, 0];
      expect(whole.length).toBe(9);
      const record = (...bytes: number[]) => Buffer.from([bytes.length * 2, ...bytes]);
      const good = record(0, 0, 0, 2, 107, 2, 118, 2, 2, 104, 1);
      expect(walkAll(good, 1)).toBe(TIME);
      expect(walkAll(good, 2)).toBe(MALFORMED);
      expect(walkAll(good, -1)).toBe(MALFORMED);
      const bad = [
        record(0, 0, 0, 4, 107, 2, 118, 0),
        record(0, 0, 0, 2, 107, 2, 118, 2),
        record(0, 0, 0, 2, 107, 2, 118, 1),
        record(0, 0, 0, 2, 107, 2, 118, 0, 0),
        record(0, 0, 0, 2, 107, 40, 118, 0),
        record(0, 0, 0, 2, 107, 2, 118, 2, 1, 1),
        record(0, 0, 0, 2, 107, 2, 118, 4, 2, 104, 1),
        record(0, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00, 1, 1, 0),
        record(0),
        record(),
        Buffer.from([1, 0, 0, 0, 1, 1, 0]),
        Buffer.from([0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0, 0, 0, 1, 1, 0]),
        Buffer.alloc(0),
      ];
      for (const bytes of bad) expect([bytes, walkAll(bytes, 1)]).toEqual([bytes, MALFORMED]);
    });

    run("agrees with the cursor and with TypeScript on garbage", () => {
      const next = numbersOf(17);
      const seen = new Set<number>();
      for (let round = 0; round < 6000; round++) {
        const count = next() % 9;
        let bytes = encode(randomRecords(next, count));
        if (round % 3 !== 0) bytes = mutate(bytes, next);
        const [keyed, min, max] = [next() % 4 === 0, TIME - 2 ** 42, TIME + 2 ** 42];
        const result = walk(bytes, 0, bytes.length, count, keyed, TIME, min, max);
        const expected = walkRecordsInTypeScript(
          bytes,
          0,
          bytes.length,
          count,
          keyed,
          TIME,
          min,
          max,
        );
        expect(result).toBe(expected);
        seen.add(Math.min(result, 0));
      }
      expect([...seen].sort()).toEqual([-1, MALFORMED, UNUSUAL, 0].sort());
    });
  });
}

describe("a cursor", () => {
  const open = (bytes: Buffer, count: number) =>
    new RecordCursor({
      bytes,
      start: 0,
      end: bytes.length,
      count,
      baseOffset: 40,
      baseTimestamp: TIME,
      logAppendTime: null,
    });

  test("gives out views and headers of the record it stands on", () => {
    const bytes = encode([
      { timestamp: TIME, key: Buffer.from("a"), value: Buffer.alloc(0) },
      { timestamp: TIME + 4, key: null, value: null, headers: [{ key: "\u00fc", value: null }] },
    ]);
    const cursor = open(bytes, 2);
    expect(cursor.next()).toBe(true);
    expect([cursor.offset, cursor.timestamp, cursor.index]).toEqual([40, TIME, 0]);
    expect([cursor.key()?.toString(), cursor.value()?.length]).toEqual(["a", 0]);
    expect(cursor.headers()).toEqual([]);
    expect(cursor.next()).toBe(true);
    expect([cursor.key(), cursor.value(), cursor.offset]).toEqual([null, null, 41]);
    expect(cursor.headers()).toEqual([{ key: "\u00fc", value: null }]);
    expect(cursor.headers()).toEqual([{ key: "\u00fc", value: null }]);
    expect(bytes.subarray(cursor.start, cursor.end).length).toBe(bytes.length - 8);
    expect(cursor.next()).toBe(false);
    expect(cursor.next()).toBe(false);
  });

  test("throws protocol errors only, whatever the bytes are", () => {
    const next = numbersOf(19);
    let refused = 0;
    for (let round = 0; round < 2000; round++) {
      const count = next() % 6;
      const bytes = mutate(encode(randomRecords(next, count)), next);
      try {
        const cursor = open(bytes, count);
        while (cursor.next()) {
          const sizes = [cursor.key(), cursor.value()].map((field) => field?.length ?? 0);
          for (const header of cursor.headers()) sizes.push(header.value?.length ?? 0);
          expect(Math.max(...sizes)).toBeLessThanOrEqual(bytes.length);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(300);
  });
});
