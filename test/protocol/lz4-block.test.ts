import { describe, expect, test } from "bun:test";
import { buildNative } from "../../src/base/native-build.ts";
import { loadCompiled } from "../../src/base/native.ts";
import {
  BLOCK_MALFORMED,
  BLOCK_NO_ROOM,
  decodeLz4BlockInTypeScript,
  encodeLz4Block,
  LZ4_ENCODED_BLOCK_MAX,
  lz4BlockBound,
  type DecodeLz4Block,
} from "../../src/protocol/lz4-block.ts";
import { mixedBytes, mutate, numbersOf } from "./noise.ts";

// Nothing happens where there is a library already, or no compiler: then there is less to test.
buildNative();

const implementations: [string, DecodeLz4Block | null][] = [
  ["compiled", loadCompiled()?.functions.decodeLz4Block ?? null],
  ["TypeScript", decodeLz4BlockInTypeScript],
];
const SIZES = [0, 1, 4, 5, 12, 13, 14, 17, 64, 300, 4096, 40_000, LZ4_ENCODED_BLOCK_MAX];

function encode(bytes: Buffer, searchDepth: number): Buffer {
  const target = Buffer.alloc(lz4BlockBound(bytes.length) + 2, 0xee);
  const end = encodeLz4Block(bytes, 0, bytes.length, target, 1, searchDepth);
  expect(end).toBeLessThan(target.length);
  expect([target[0], target[target.length - 1]]).toEqual([0xee, 0xee]);
  return target.subarray(1, end);
}

for (const [name, implementation] of implementations) {
  describe(`lz4 block: ${name}`, () => {
    const run = test.skipIf(implementation === null);
    const decode = implementation ?? decodeLz4BlockInTypeScript;

    run("gives back what was encoded, at any depth of search", () => {
      for (const size of SIZES) {
        for (const depth of [0, 1, 16, 4096]) {
          const bytes = mixedBytes(size + depth, size);
          const block = encode(bytes, depth);
          const target = Buffer.alloc(size + 20, 0xee);
          expect(decode(block, 0, block.length, target, 7, 7, 7 + size)).toBe(size);
          expect(target.subarray(7, 7 + size).equals(bytes)).toBe(true);
          const around = [...target.subarray(0, 7), ...target.subarray(7 + size)];
          expect(around.every((byte) => byte === 0xee)).toBe(true);
        }
      }
    });

    run("says so when there is not room enough, and writes nothing beyond", () => {
      const bytes = mixedBytes(1, 3000);
      const block = encode(bytes, 0);
      for (let room = 0; room < 3000; room += 1 + (room >> 4)) {
        const target = Buffer.alloc(3100, 0xee);
        expect(decode(block, 0, block.length, target, 0, 0, room)).toBe(BLOCK_NO_ROOM);
        expect(target.subarray(room).every((byte) => byte === 0xee)).toBe(true);
      }
    });

    run("refuses a block that ends anywhere but at its end", () => {
      const bytes = mixedBytes(2, 500);
      const block = encode(bytes, 0);
      const target = Buffer.alloc(600);
      for (let size = 0; size < block.length; size++) {
        const written = decode(block, 0, size, target, 0, 0, 600);
        // A block may by chance end behind the literals of an earlier sequence.
        if (written < 0) expect(written).toBe(BLOCK_MALFORMED);
        else expect(target.subarray(0, written).equals(bytes.subarray(0, written))).toBe(true);
      }
    });

    run("reaches back to its history and no further", () => {
      const target = Buffer.from("abcdefgh............");
      // No literals, a match of 4 + 2 bytes at distance 8, then five literals.
      const block = Buffer.from([0x02, 8, 0, 0x50, ...Buffer.from("vwxyz")]);
      expect(decode(block, 0, block.length, target, 0, 8, 20)).toBe(11);
      expect(target.toString()).toBe("abcdefghabcdefvwxyz.");
      expect(decode(block, 0, block.length, target, 1, 8, 20)).toBe(BLOCK_MALFORMED);
      expect(decode(block, 0, block.length, target, 8, 8, 20)).toBe(BLOCK_MALFORMED);
      block[1] = 0;
      expect(decode(block, 0, block.length, target, 0, 8, 20)).toBe(BLOCK_MALFORMED);
    });

    run("agrees with TypeScript on garbage, byte for byte", () => {
      const next = numbersOf(11);
      for (let round = 0; round < 3000; round++) {
        const bytes = mixedBytes(next(), next() % 700);
        const block = mutate(encode(bytes, round % 5 === 0 ? 8 : 0), next);
        const room = next() % 900;
        const targets = [Buffer.alloc(1000, 0xee), Buffer.alloc(1000, 0xee)] as const;
        const expected = decodeLz4BlockInTypeScript(
          block,
          0,
          block.length,
          targets[0],
          20,
          40,
          40 + room,
        );
        expect(decode(block, 0, block.length, targets[1], 20, 40, 40 + room)).toBe(expected);
        if (expected >= 0)
          expect(targets[1].subarray(0, 40 + expected)).toEqual(
            targets[0].subarray(0, 40 + expected),
          );
        expect(targets[1].subarray(40 + room).every((byte) => byte === 0xee)).toBe(true);
      }
    });
  });
}

test("the compiled decoder is never shown memory outside of the buffers", () => {
  const decode = loadCompiled()?.functions.decodeLz4Block;
  if (decode === undefined) return expect(loadCompiled()).toBeNull();
  const bytes = Buffer.alloc(10);
  expect(() => decode(bytes, 0, 11, bytes, 0, 0, 10)).toThrow("within the bytes");
  expect(() => decode(bytes, -1, 5, bytes, 0, 0, 10)).toThrow("within the bytes");
  expect(() => decode(bytes, 0, 10, bytes, 0, 0, 11)).toThrow("within the bytes");
  expect(() => decode(bytes, 0, 10, bytes, 4, 3, 10)).toThrow("within the bytes");
  expect(() => decode(bytes, 0, 10, bytes, 0, 9, 8)).toThrow("within the bytes");
});
