/**
 * Raw Snappy blocks.
 *
 *   block   := uncompressed size uvarint, elements
 *   element := tag with its kind in the two low bits:
 *              0 literal, size - 1 in six bits (60 to 63: in 1 to 4 bytes behind the tag)
 *              1 copy, length - 4 in three bits, offset in eleven
 *              2 copy, length - 1 in six bits, offset uint16le
 *              3 copy, length - 1 in six bits, offset uint32le
 */
import { loadCompiled } from "../base/native.ts";

/**
 * Decodes the elements in `source[sourceOffset...+sourceSize]` into exactly
 * `target[targetOffset...+targetSize]`. Returns 0, or -1 when they are anything else.
 */
export type DecodeSnappy = (
  source: Buffer,
  sourceOffset: number,
  sourceSize: number,
  target: Buffer,
  targetOffset: number,
  targetSize: number,
) => number;

export const decodeSnappyInTypeScript: DecodeSnappy = (
  source,
  sourceOffset,
  sourceSize,
  target,
  targetOffset,
  targetSize,
) => {
  const end = sourceOffset + sourceSize;
  const limit = targetOffset + targetSize;
  let at = sourceOffset;
  let to = targetOffset;
  while (at < end) {
    const tag = source[at++]!;
    const kind = tag & 3;
    if (kind === 0) {
      let size = (tag >>> 2) + 1;
      if (size > 60) {
        const wide = size - 60;
        if (wide > end - at) return -1;
        size = source.readUIntLE(at, wide) + 1;
        at += wide;
      }
      if (size > end - at || size > limit - to) return -1;
      if (size > COPY_BY_BYTE_MAX) {
        source.copy(target, to, at, at + size);
        to += size;
        at += size;
      } else {
        while (size-- > 0) target[to++] = source[at++]!;
      }
      continue;
    }
    let length = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
    const wide = kind === 3 ? 4 : kind;
    if (wide > end - at) return -1;
    let offset = source.readUIntLE(at, wide);
    if (kind === 1) offset |= (tag >>> 5) << 8;
    at += wide;
    if (offset === 0 || offset > to - targetOffset || length > limit - to) return -1;
    // Byte by byte, since a copy may overlap what it writes.
    for (let from = to - offset; length > 0; length--) target[to++] = target[from++]!;
  }
  return to === limit ? 0 : -1;
};

export const decodeSnappy: DecodeSnappy =
  loadCompiled()?.functions.decodeSnappy ?? decodeSnappyInTypeScript;

/** At most so many bytes go into one block that we write: positions must fit 16 bits. */
export const SNAPPY_ENCODED_BLOCK_MAX = 65_536;

export function snappyBlockBound(size: number): number {
  return 32 + size + Math.ceil(size / 6);
}

/**
 * Encodes `source[start...end]` to `target[at...]`, where `snappyBlockBound` bytes must be free.
 * Returns the position behind it.
 */
export function encodeSnappyBlock(
  source: Buffer,
  start: number,
  end: number,
  target: Buffer,
  at: number,
): number {
  at = writeUnsigned(target, at, end - start);
  let literalStart = start;
  const lastMatchStart = end - MATCH_FREE_TAIL;
  if (start < lastMatchStart) {
    const shift = 32 - HASH_BITS;
    // Any candidate is compared, so that zeros, which mean `start`, do no harm.
    table.fill(0);
    let position = start + 1;
    let misses = 1 << SKIP_SHIFT;
    while (position <= lastMatchStart) {
      const word = source.readInt32LE(position);
      const hash = Math.imul(word, HASH_PRIME) >>> shift;
      const candidate = start + table[hash]!;
      table[hash] = position - start;
      if (source.readInt32LE(candidate) !== word) {
        position += misses++ >>> SKIP_SHIFT;
        continue;
      }
      misses = 1 << SKIP_SHIFT;
      let length = 4;
      while (position + length < end && source[candidate + length] === source[position + length]) {
        length++;
      }
      at = writeLiteral(source, literalStart, position, target, at);
      at = writeCopy(target, at, position - candidate, length);
      position += length;
      literalStart = position;
    }
  }
  return writeLiteral(source, literalStart, end, target, at);
}

/** Above, a call costs less than the loop. */
const COPY_BY_BYTE_MAX = 32;
const MATCH_FREE_TAIL = 4;
/** After 2^5 misses in a row, the search moves two bytes at a time, and so on. */
const SKIP_SHIFT = 5;
const HASH_BITS = 14;
const HASH_PRIME = 0x1e35a7bd;
/** Per thread: no call leaves anything in it that the next one needs. */
const table = new Uint16Array(1 << HASH_BITS);

function writeUnsigned(target: Buffer, at: number, value: number): number {
  for (; value > 0x7f; value >>>= 7) target[at++] = (value & 0x7f) | 0x80;
  target[at++] = value;
  return at;
}

function writeLiteral(
  source: Buffer,
  start: number,
  end: number,
  target: Buffer,
  at: number,
): number {
  const size = end - start;
  if (size === 0) return at;
  if (size <= 60) {
    target[at++] = (size - 1) << 2;
  } else if (size <= 256) {
    target[at++] = 60 << 2;
    target[at++] = size - 1;
  } else {
    target[at++] = 61 << 2;
    target[at++] = size - 1;
    target[at++] = (size - 1) >>> 8;
  }
  if (size > COPY_BY_BYTE_MAX) return at + source.copy(target, at, start, end);
  while (start < end) target[at++] = source[start++]!;
  return at;
}

/** Copies of at most 64 bytes; none is left below the four that the short form needs. */
function writeCopy(target: Buffer, at: number, offset: number, length: number): number {
  while (length >= 68) {
    at = writeCopyElement(target, at, offset, 64);
    length -= 64;
  }
  if (length > 64) {
    at = writeCopyElement(target, at, offset, 60);
    length -= 60;
  }
  return writeCopyElement(target, at, offset, length);
}

function writeCopyElement(target: Buffer, at: number, offset: number, length: number): number {
  if (length < 12 && offset < 2048) {
    target[at] = 1 | ((length - 4) << 2) | ((offset >>> 8) << 5);
    target[at + 1] = offset;
    return at + 2;
  }
  target[at] = 2 | ((length - 1) << 2);
  target[at + 1] = offset;
  target[at + 2] = offset >>> 8;
  return at + 3;
}
