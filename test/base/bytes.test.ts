import { describe, expect, test } from "bun:test";
import {
  asBuffer,
  latin1Slice,
  readInt64,
  utf8Slice,
  utf8Write,
  writeInt64,
} from "../../src/base/bytes.ts";

describe("int64 as a double", () => {
  const values = [0, 1, -1, 255, 2 ** 31, -(2 ** 31), 2 ** 32, -(2 ** 32), 1_700_000_000_123];
  const edges = [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];

  test("agrees with BigInt both ways", () => {
    const bytes = Buffer.alloc(12, 9);
    for (const value of [...values, ...edges]) {
      writeInt64(bytes, 3, value);
      expect(bytes.readBigInt64BE(3)).toBe(BigInt(value));
      expect(readInt64(bytes, 3)).toBe(value);
    }
    expect([bytes[2], bytes[11]]).toEqual([9, 9]);
  });

  test("reads the ends of int64 as the nearest double and writes none beyond 2^53", () => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(2n ** 63n - 1n);
    expect(readInt64(bytes, 0)).toBe(2 ** 63);
    bytes.writeBigInt64BE(-(2n ** 63n));
    expect(readInt64(bytes, 0)).toBe(-(2 ** 63));
    expect(() => writeInt64(bytes, 0, 2 ** 53)).toThrow("2^53");
    expect(() => writeInt64(bytes, 0, 0.5)).toThrow("2^53");
  });

  test("stays within the bytes", () => {
    expect(() => readInt64(Buffer.alloc(7), 0)).toThrow(RangeError);
    expect(() => writeInt64(Buffer.alloc(7), 0, 1)).toThrow(RangeError);
  });
});

test("strings are read and written in place", () => {
  const bytes = Buffer.alloc(10, "-");
  expect(utf8Write(bytes, "h\u00e9", 2, 8)).toBe(3);
  expect(utf8Slice(bytes, 1, 6)).toBe("-h\u00e9-");
  expect(latin1Slice(bytes, 0, 3)).toBe("--h");
});

test("asBuffer looks at the same memory", () => {
  const bytes = new Uint8Array([1, 2, 3, 4]);
  const view = asBuffer(bytes.subarray(1, 3));
  view[0] = 9;
  expect([bytes[1], view.length]).toEqual([9, 2]);
  expect(asBuffer(view)).toBe(view);
});
