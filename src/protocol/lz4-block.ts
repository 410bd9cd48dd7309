/**
 * LZ4 blocks: what lies between the block sizes of a frame.
 *
 *   sequence := token (literal count : 4 bits | match length - 4 : 4 bits)
 *               [255-bytes of the count] literals  offset uint16le  [255-bytes of the length]
 *
 * A count or length of 15 goes on in bytes of 255 and a last one below. The last sequence is
 * literals alone: at least five bytes, and no match begins within the last twelve.
 */
import { loadCompiled } from "../base/native.ts";

/** Not LZ4. */
export const BLOCK_MALFORMED = -1;
/** More bytes than there was room for. */
export const BLOCK_NO_ROOM = -2;

/**
 * Decodes `source[sourceOffset...+sourceSize]` into `target[targetOffset...targetLimit]`; matches
 * may reach back to `target[historyOffset]`. Returns the bytes written or one of the above.
 */
export type DecodeLz4Block = (
  source: Buffer,
  sourceOffset: number,
  sourceSize: number,
  target: Buffer,
  historyOffset: number,
  targetOffset: number,
  targetLimit: number,
) => number;

export const decodeLz4BlockInTypeScript: DecodeLz4Block = (
  source,
  sourceOffset,
  sourceSize,
  target,
  historyOffset,
  targetOffset,
  targetLimit,
) => {
  const end = sourceOffset + sourceSize;
  let at = sourceOffset;
  let to = targetOffset;
  for (;;) {
    if (at >= end) return BLOCK_MALFORMED;
    const token = source[at++]!;
    let literals = token >>> 4;
    if (literals === 15) {
      let next = 255;
      while (next === 255) {
        if (at >= end) return BLOCK_MALFORMED;
        next = source[at++]!;
        literals += next;
      }
    }
    if (literals > end - at) return BLOCK_MALFORMED;
    if (literals > targetLimit - to) return BLOCK_NO_ROOM;
    if (literals > COPY_BY_BYTE_MAX) {
      source.copy(target, to, at, at + literals);
      to += literals;
      at += literals;
    } else {
      while (literals-- > 0) target[to++] = source[at++]!;
    }
    if (at === end) return to - targetOffset;

    if (end - at < 2) return BLOCK_MALFORMED;
    const offset = source[at]! | (source[at + 1]! << 8);
    at += 2;
    if (offset === 0 || offset > to - historyOffset) return BLOCK_MALFORMED;
    let length = token & 15;
    if (length === 15) {
      let next = 255;
      while (next === 255) {
        if (at >= end) return BLOCK_MALFORMED;
        next = source[at++]!;
        length += next;
      }
    }
    length += 4;
    if (length > targetLimit - to) return BLOCK_NO_ROOM;
    if (length > COPY_BY_BYTE_MAX && offset >= length) {
      target.copyWithin(to, to - offset, to - offset + length);
      to += length;
    } else {
      // Byte by byte, since a match may overlap what it writes.
      for (let from = to - offset; length > 0; length--) target[to++] = target[from++]!;
    }
  }
};

export const decodeLz4Block: DecodeLz4Block =
  loadCompiled()?.functions.decodeLz4Block ?? decodeLz4BlockInTypeScript;

/** At most so many bytes go into one call of `encodeLz4Block`: positions must fit 16 bits. */
export const LZ4_ENCODED_BLOCK_MAX = 65_536;

/**
 * Encodes `source[start...end]` to `target[at...]`, where `lz4BlockBound` bytes must be free.
 * Returns the position behind it. `searchDepth` is how many earlier places are compared for each
 * match; 0 takes the first one that comes to hand, which is several times as fast.
 */
export function encodeLz4Block(
  source: Buffer,
  start: number,
  end: number,
  target: Buffer,
  at: number,
  searchDepth: number,
): number {
  if (end - start <= MATCH_FREE_TAIL) return writeLastLiterals(source, start, end, target, at);
  return searchDepth === 0
    ? encodeFast(source, start, end, target, at)
    : encodeDeep(source, start, end, target, at, searchDepth);
}

export function lz4BlockBound(size: number): number {
  return size + Math.ceil(size / 255) + 16;
}

/** Above, a call costs less than the loop. */
const COPY_BY_BYTE_MAX = 32;
const MATCH_SIZE_MIN = 4;
/** No match begins in the last twelve bytes, none reaches into the last five. */
const MATCH_FREE_TAIL = 12;
const LITERAL_TAIL = 5;
/** After 2^6 misses in a row, the search moves two bytes at a time, and so on. */
const SKIP_SHIFT = 6;

const FAST_HASH_BITS = 13;
const DEEP_HASH_BITS = 15;
/** Per thread: no call leaves anything in them that the next one needs. */
const fastTable = new Uint16Array(1 << FAST_HASH_BITS);
let deepTables: { heads: Int32Array; previous: Int32Array } | null = null;

function encodeFast(
  source: Buffer,
  start: number,
  end: number,
  target: Buffer,
  at: number,
): number {
  const lastMatchStart = end - MATCH_FREE_TAIL;
  const shift = 32 - FAST_HASH_BITS;
  const table = fastTable;
  // Any candidate is compared, so that zeros, which mean `start`, do no harm.
  table.fill(0);
  let literalStart = start;
  let position = start + 1;
  let misses = 1 << SKIP_SHIFT;
  while (position <= lastMatchStart) {
    const word = source.readInt32LE(position);
    const hash = Math.imul(word, HASH_PRIME) >>> shift;
    let candidate = start + table[hash]!;
    table[hash] = position - start;
    if (source.readInt32LE(candidate) !== word) {
      position += misses++ >>> SKIP_SHIFT;
      continue;
    }
    misses = 1 << SKIP_SHIFT;
    while (
      position > literalStart &&
      candidate > start &&
      source[position - 1] === source[candidate - 1]
    ) {
      position--;
      candidate--;
    }
    const length = matchLength(source, candidate, position, end - LITERAL_TAIL);
    at = writeSequence(source, literalStart, position, target, at, position - candidate, length);
    position += length;
    literalStart = position;
    if (position <= lastMatchStart) {
      const before = Math.imul(source.readInt32LE(position - 2), HASH_PRIME) >>> shift;
      table[before] = position - 2 - start;
    }
  }
  return writeLastLiterals(source, literalStart, end, target, at);
}

function encodeDeep(
  source: Buffer,
  start: number,
  end: number,
  target: Buffer,
  at: number,
  searchDepth: number,
): number {
  deepTables ??= {
    heads: new Int32Array(1 << DEEP_HASH_BITS),
    previous: new Int32Array(LZ4_ENCODED_BLOCK_MAX),
  };
  const { heads, previous } = deepTables;
  heads.fill(-1);
  const shift = 32 - DEEP_HASH_BITS;
  const lastMatchStart = end - MATCH_FREE_TAIL;
  const matchEndMax = end - LITERAL_TAIL;
  let literalStart = start;
  let inserted = start;
  let foundAt = 0;
  /** The longest match for `position`; its place goes to `foundAt`. */
  const longestMatch = (position: number, longerThan: number): number => {
    for (; inserted <= position; inserted++) {
      const hash = Math.imul(source.readInt32LE(inserted), HASH_PRIME) >>> shift;
      previous[inserted - start] = heads[hash]!;
      heads[hash] = inserted - start;
    }
    let longest = longerThan;
    let candidate = previous[position - start]!;
    for (let depth = searchDepth; candidate >= 0 && depth > 0; depth--) {
      const from = start + candidate;
      // A longer match must also agree where the longest so far ends.
      if (source[from + longest] === source[position + longest]) {
        const length = matchLength(source, from, position, matchEndMax);
        if (length > longest) {
          longest = length;
          foundAt = from;
        }
      }
      candidate = previous[candidate]!;
    }
    return longest > longerThan ? longest : 0;
  };
  let position = start;
  while (position <= lastMatchStart) {
    let length = longestMatch(position, MATCH_SIZE_MIN - 1);
    if (length === 0) {
      position++;
      continue;
    }
    let from = foundAt;
    // A longer match one byte on is worth the literal that it costs.
    while (position < lastMatchStart) {
      const longer = longestMatch(position + 1, length);
      if (longer === 0) break;
      position++;
      length = longer;
      from = foundAt;
    }
    at = writeSequence(source, literalStart, position, target, at, position - from, length);
    position += length;
    literalStart = position;
  }
  return writeLastLiterals(source, literalStart, end, target, at);
}

const HASH_PRIME = 0x9e3779b1 | 0;

/** At 0 where not even the first bytes agree. */
function matchLength(source: Buffer, from: number, at: number, end: number): number {
  const start = at;
  while (at + 4 <= end) {
    const difference = source.readInt32LE(at) ^ source.readInt32LE(from);
    if (difference !== 0) {
      return at - start + ((31 - Math.clz32(difference & -difference)) >>> 3);
    }
    at += 4;
    from += 4;
  }
  while (at < end && source[at] === source[from]) {
    at++;
    from++;
  }
  return at - start;
}

function writeSequence(
  source: Buffer,
  literalStart: number,
  literalEnd: number,
  target: Buffer,
  at: number,
  offset: number,
  length: number,
): number {
  const literals = literalEnd - literalStart;
  const more = length - MATCH_SIZE_MIN;
  target[at] = (Math.min(literals, 15) << 4) | Math.min(more, 15);
  at = writeLength(target, at + 1, literals);
  at = writeLiterals(source, literalStart, literalEnd, target, at);
  target[at] = offset;
  target[at + 1] = offset >>> 8;
  return writeLength(target, at + 2, more);
}

function writeLastLiterals(
  source: Buffer,
  start: number,
  end: number,
  target: Buffer,
  at: number,
): number {
  target[at] = Math.min(end - start, 15) << 4;
  at = writeLength(target, at + 1, end - start);
  return writeLiterals(source, start, end, target, at);
}

function writeLength(target: Buffer, at: number, length: number): number {
  if (length < 15) return at;
  for (length -= 15; length >= 255; length -= 255) target[at++] = 255;
  target[at++] = length;
  return at;
}

function writeLiterals(
  source: Buffer,
  start: number,
  end: number,
  target: Buffer,
  at: number,
): number {
  if (end - start > COPY_BY_BYTE_MAX) return at + source.copy(target, at, start, end);
  while (start < end) target[at++] = source[start++]!;
  return at;
}
