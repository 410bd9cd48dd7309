import { describe, expect, test } from "bun:test";
import { crc32c, crc32cInTypeScript } from "../../src/base/crc32c.ts";
import { buildNative } from "../../src/base/native-build.ts";
import { loadCompiled, loadEmbeddedCrc32c, type NativeCrc32c } from "../../src/base/native.ts";

/** One bit at a time, from the definition. */
function reference(bytes: Uint8Array, offset: number, length: number, seed: number): number {
  let crc = ~seed;
  for (let at = offset; at < offset + length; at++) {
    crc ^= bytes[at]!;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

// Nothing happens where there is a library already, or no compiler: then there is less to test.
buildNative();

const implementations: [string, () => NativeCrc32c | null][] = [
  ["the one in use", () => (bytes, offset, length, seed) => crc32c(bytes, offset, length, seed)],
  ["compiled", () => loadCompiled()?.crc32c ?? null],
  ["embedded", () => loadEmbeddedCrc32c()],
  ["embedded in an executable", () => loadEmbeddedCrc32c("/no/such/file.c")],
  ["TypeScript", () => crc32cInTypeScript],
];

for (const [name, load] of implementations) {
  describe(`crc32c: ${name}`, () => {
    const implementation = load();
    const run = test.skipIf(implementation === null);
    const crc = implementation ?? crc32cInTypeScript;

    run("knows the check value and RFC 3720's examples", () => {
      expect(crc(Buffer.from("123456789"), 0, 9, 0)).toBe(0xe3069283);
      expect(crc(Buffer.alloc(32), 0, 32, 0)).toBe(0x8a9136aa);
      expect(crc(Buffer.alloc(32, 0xff), 0, 32, 0)).toBe(0x62a8ab43);
      expect(crc(Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0, 32, 0)).toBe(0x46dd794e);
    });

    run("agrees with the definition at every size and alignment", () => {
      const bytes = crypto.getRandomValues(Buffer.alloc(60_000));
      for (let size = 0; size < 9000; size += 1 + (size >> 5)) {
        const offset = size % 9;
        expect(crc(bytes, offset, size, 0)).toBe(reference(bytes, offset, size, 0));
      }
      for (const size of [6143, 6144, 6145, 12_288, 20_000, 59_991]) {
        expect(crc(bytes, 5, size, 77)).toBe(reference(bytes, 5, size, 77));
      }
    });

    run("goes on from a seed", () => {
      const bytes = crypto.getRandomValues(Buffer.alloc(10_000));
      const whole = crc(bytes, 0, bytes.length, 0);
      for (const cut of [0, 1, 7, 384, 6144, 9999, 10_000]) {
        const first = crc(bytes, 0, cut, 0);
        expect(crc(bytes, cut, bytes.length - cut, first)).toBe(whole);
      }
    });

    run("reads a view where it lies, and nothing outside of it", () => {
      const bytes = Buffer.from("--123456789--");
      expect(crc(bytes.subarray(2, 11), 0, 9, 0)).toBe(0xe3069283);
      expect(crc(new Uint8Array(0), 0, 0, 0)).toBe(0);
      expect(crc(bytes, 13, 0, 5)).toBe(5);
      for (const [offset, length] of [
        [0, 14],
        [-1, 4],
        [4, -1],
        [14, 0],
        [NaN, 1],
        [1, NaN],
        [2 ** 32, 1],
      ]) {
        expect(() => crc(bytes, offset!, length!, 0)).toThrow("within the bytes");
      }
    });
  });
}
