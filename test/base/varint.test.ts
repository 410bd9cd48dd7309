import { describe, expect, test } from "bun:test";
import { varintSize, varlongSize, writeVarint, writeVarlong } from "../../src/base/varint.ts";

/** From the definition, with BigInt. */
function encoded(value: bigint, bits: 32n | 64n): number[] {
  let raw = BigInt.asUintN(Number(bits), (value << 1n) ^ (value >> (bits - 1n)));
  const bytes: number[] = [];
  for (; raw >= 128n; raw >>= 7n) bytes.push(Number(raw & 127n) | 128);
  bytes.push(Number(raw));
  return bytes;
}

function edges(bitsMax: number): number[] {
  const values = [0];
  for (let bits = 1; bits <= bitsMax; bits++) {
    for (const near of [-2, -1, 0, 1]) {
      const value = 2 ** bits + near;
      if (value < 2 ** bitsMax) values.push(value);
      values.push(Math.max(-value, -(2 ** bitsMax)));
    }
  }
  return values;
}

describe("varint", () => {
  test("is what zigzag and groups of seven bits say, over all of int32", () => {
    const bytes = Buffer.alloc(8, 0xee);
    for (const value of edges(31)) {
      const expected = encoded(BigInt(value), 32n);
      const end = writeVarint(bytes, 1, value);
      expect([...bytes.subarray(1, end)]).toEqual(expected);
      expect(varintSize(value)).toBe(expected.length);
    }
    expect([bytes[0], bytes[6], bytes[7]]).toEqual([0xee, 0xee, 0xee]);
  });
});

describe("varlong", () => {
  test("is exact up to 2^53", () => {
    const bytes = Buffer.alloc(16, 0xee);
    for (const value of edges(53).filter(Number.isSafeInteger)) {
      const expected = encoded(BigInt(value), 64n);
      const end = writeVarlong(bytes, 1, value);
      expect([...bytes.subarray(1, end)]).toEqual(expected);
      expect(varlongSize(value)).toBe(expected.length);
    }
    expect([bytes[0], bytes[15]]).toEqual([0xee, 0xee]);
  });

  test("is refused beyond", () => {
    expect(() => varlongSize(2 ** 53)).toThrow("2^53");
    expect(() => writeVarlong(Buffer.alloc(10), 0, -(2 ** 60))).toThrow("2^53");
  });
});
