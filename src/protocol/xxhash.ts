/** xxHash32 with seed 0: the checksum within LZ4 frames. From 0 to 2^32 - 1. */
export function xxhash32(bytes: Buffer, offset: number, length: number): number {
  const end = offset + length;
  let at = offset;
  let hash = PRIME5;
  if (length >= 16) {
    let first = (PRIME1 + PRIME2) | 0;
    let second = PRIME2;
    let third = 0;
    let fourth = -PRIME1 | 0;
    for (const wideEnd = end - 16; at <= wideEnd; at += 16) {
      first = round(first, bytes.readInt32LE(at));
      second = round(second, bytes.readInt32LE(at + 4));
      third = round(third, bytes.readInt32LE(at + 8));
      fourth = round(fourth, bytes.readInt32LE(at + 12));
    }
    hash = rotate(first, 1) + rotate(second, 7) + rotate(third, 12) + rotate(fourth, 18);
  }
  hash = (hash + length) | 0;
  for (; at + 4 <= end; at += 4) {
    const sum = (hash + Math.imul(bytes.readInt32LE(at), PRIME3)) | 0;
    hash = Math.imul(rotate(sum, 17), PRIME4);
  }
  for (; at < end; at++) {
    const sum = (hash + Math.imul(bytes[at]!, PRIME5)) | 0;
    hash = Math.imul(rotate(sum, 11), PRIME1);
  }
  hash = Math.imul(hash ^ (hash >>> 15), PRIME2);
  hash = Math.imul(hash ^ (hash >>> 13), PRIME3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const PRIME1 = 0x9e3779b1 | 0;
const PRIME2 = 0x85ebca77 | 0;
const PRIME3 = 0xc2b2ae3d | 0;
const PRIME4 = 0x27d4eb2f | 0;
const PRIME5 = 0x165667b1 | 0;

function round(accumulator: number, input: number): number {
  const sum = (accumulator + Math.imul(input, PRIME2)) | 0;
  return Math.imul(rotate(sum, 13), PRIME1);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
