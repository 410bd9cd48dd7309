/**
 * 128 bits that stand for a key: two HalfSipHash-1-3 of 64 bits each, side by side, keyed by
 * chance.
 *
 * Kafka takes MD5, for which anybody can make two keys of one hash since 2004: compaction would
 * then keep one of the two records. Here the hash is secret and new with each pass, so that nobody
 * can aim, and 32-bit words make it several times as fast as a digest that is called for each key.
 */
import type { Random } from "../../base/world.ts";

/** Two keys of 64 bits. */
export type HashKey = readonly [number, number, number, number];

export function newHashKey(random: Random): HashKey {
  return [random.uint32(), random.uint32(), random.uint32(), random.uint32()];
}

/** Where `hashInto` leaves its four words. */
export const hashWords = new Int32Array(4);

/** The hash of `bytes[start...start + size]`, in `hashWords`. */
export function hashInto(key: HashKey, bytes: Buffer, start: number, size: number): void {
  hashHalf(key[0], key[1], bytes, start, size, 0);
  hashHalf(key[2], key[3], bytes, start, size, 2);
}

/** A round stands here twice: one loop for all rounds is a fifth slower. */
function hashHalf(
  key0: number,
  key1: number,
  bytes: Buffer,
  start: number,
  size: number,
  at: number,
): void {
  let v0 = key0 | 0;
  let v1 = (key1 ^ 0xee) | 0;
  let v2 = (key0 ^ 0x6c796765) | 0;
  let v3 = (key1 ^ 0x74656462) | 0;
  const wordsEnd = start + (size & ~3);
  let word = 0;
  let position = start;
  // The last word holds what is left of the key, and its size.
  for (let isLast = false; !isLast; position += 4) {
    isLast = position === wordsEnd;
    if (isLast) {
      word = size << 24;
      for (let index = 0; index < (size & 3); index++)
        word |= bytes[position + index]! << (8 * index);
    } else {
      word =
        bytes[position]! |
        (bytes[position + 1]! << 8) |
        (bytes[position + 2]! << 16) |
        (bytes[position + 3]! << 24);
    }
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  v2 ^= 0xee;
  for (let half = 0; half < 2; half++) {
    for (let round = 0; round < 3; round++) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    hashWords[at + half] = v1 ^ v3;
    v1 ^= 0xdd;
  }
}
