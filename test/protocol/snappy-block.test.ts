import { describe, expect, test } from "bun:test";
import { buildNative } from "../../src/base/native-build.ts";
import { loadCompiled } from "../../src/base/native.ts";
import {
  decodeSnappyInTypeScript,
  encodeSnappyBlock,
  SNAPPY_ENCODED_BLOCK_MAX,
  snappyBlockBound,
  type DecodeSnappy,
} from "../../src/protocol/snappy-block.ts";
import { mixedBytes, mutate, numbersOf } from "./noise.ts";

// Nothing happens where there is a library already, or no compiler: then there is less to test.
buildNative();

const implementations: [string, DecodeSnappy | null][] = [
  ["compiled", loadCompiled()?.functions.decodeSnappy ?? null],
  ["TypeScript", decodeSnappyInTypeScript],
];

/** Without the size in front. */
function encode(bytes: Buffer): Buffer {
  const target = Buffer.alloc(snappyBlockBound(bytes.length) + 2, 0xee);
  const end = encodeSnappyBlock(bytes, 0, bytes.length, target, 1);
  expect(end).toBeLessThan(target.length);
  expect([target[0], target[target.length - 1]]).toEqual([0xee, 0xee]);
  let at = 1;
  while (target[at]! > 0x7f) at++;
  return target.subarray(at + 1, end);
}

for (const [name, implementation] of implementations) {
  describe(`snappy block: ${name}`, () => {
    const run = test.skipIf(implementation === null);
    const decode = implementation ?? decodeSnappyInTypeScript;

    run("gives back what was encoded", () => {
      for (const size of [0, 1, 4, 5, 9, 60, 61, 256, 257, 5000, SNAPPY_ENCODED_BLOCK_MAX]) {
        const bytes = mixedBytes(size, size);
        const block = encode(bytes);
        const target = Buffer.alloc(size + 20, 0xee);
        expect(decode(block, 0, block.length, target, 7, size)).toBe(0);
        expect(target.subarray(7, 7 + size).equals(bytes)).toBe(true);
        const around = [...target.subarray(0, 7), ...target.subarray(7 + size)];
        expect(around.every((byte) => byte === 0xee)).toBe(true);
      }
    });

    run("knows every kind of element", () => {
      const cases: [number[], string][] = [
        [[0x08, 97, 98, 99], "abc"],
        // Sizes behind the tag, in one to four bytes.
        [[60 << 2, 2, 97, 98, 99], "abc"],
        [[61 << 2, 2, 0, 97, 98, 99], "abc"],
        [[62 << 2, 2, 0, 0, 97, 98, 99], "abc"],
        [[63 << 2, 2, 0, 0, 0, 97, 98, 99], "abc"],
        // Copies that overlap themselves, with offsets of 11, 16 and 32 bits.
        [[0x08, 97, 98, 99, 1 | (3 << 2), 3], "abcabcabca"],
        [[0x08, 97, 98, 99, 2 | (6 << 2), 2, 0], "abcbcbcbcb"],
        [[0x08, 97, 98, 99, 3 | (6 << 2), 1, 0, 0, 0], "abcccccccc"],
      ];
      for (const [elements, text] of cases) {
        const target = Buffer.alloc(text.length);
        const block = Buffer.from(elements);
        expect(decode(block, 0, block.length, target, 0, text.length)).toBe(0);
        expect(target.toString()).toBe(text);
        expect(decode(block, 0, block.length, target, 0, text.length - 1)).toBe(-1);
        expect(decode(block, 0, block.length - 1, target, 0, text.length)).toBe(-1);
        const wider = Buffer.alloc(text.length + 1);
        expect(decode(block, 0, block.length, wider, 0, text.length + 1)).toBe(-1);
      }
      const huge = Buffer.from([63 << 2, 0xff, 0xff, 0xff, 0xff, 97]);
      expect(decode(huge, 0, huge.length, Buffer.alloc(9), 0, 9)).toBe(-1);
      const beforeStart = Buffer.from([0x08, 97, 98, 99, 1, 4]);
      expect(decode(beforeStart, 0, 6, Buffer.alloc(20), 9, 7)).toBe(-1);
    });

    run("agrees with TypeScript on garbage, byte for byte", () => {
      const next = numbersOf(13);
      for (let round = 0; round < 3000; round++) {
        const bytes = mixedBytes(next(), next() % 700);
        const block = mutate(encode(bytes), next);
        const size = next() % 3 === 0 ? next() % 900 : bytes.length;
        const targets = [Buffer.alloc(1000, 0xee), Buffer.alloc(1000, 0xee)] as const;
        const expected = decodeSnappyInTypeScript(block, 0, block.length, targets[0], 40, size);
        expect(decode(block, 0, block.length, targets[1], 40, size)).toBe(expected);
        if (expected === 0) expect(targets[1]).toEqual(targets[0]);
        expect(targets[1].subarray(40 + size).every((byte) => byte === 0xee)).toBe(true);
      }
    });
  });
}

test("the compiled decoder is never shown memory outside of the buffers", () => {
  const decode = loadCompiled()?.functions.decodeSnappy;
  if (decode === undefined) return expect(loadCompiled()).toBeNull();
  const bytes = Buffer.alloc(10);
  expect(() => decode(bytes, 0, 11, bytes, 0, 10)).toThrow("within the bytes");
  expect(() => decode(bytes, 0, 10, bytes, 1, 10)).toThrow("within the bytes");
  expect(() => decode(bytes, 0, 10, bytes, -1, 5)).toThrow("within the bytes");
});
