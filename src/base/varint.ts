/**
 * Kafka's signed varints: zigzag (0, -1, 1, -2, ... become 0, 1, 2, 3, ...), then seven bits a
 * byte, lowest first. Writing only: a reader needs the position behind them and has its own loop.
 *
 * A varint is an int32; a varlong an int64 held in a double, exact up to 2^53.
 */
import { assert } from "./assert.ts";

export function varintSize(value: number): number {
  const raw = (value << 1) ^ (value >> 31);
  // 38 - clz is at least 6 and at most 38: ceil(bits / 7), but 1 for no bits at all.
  return raw === 0 ? 1 : Math.floor((38 - Math.clz32(raw)) / 7);
}

/** Returns the position behind it. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let raw = (value << 1) ^ (value >> 31);
  while ((raw & ~0x7f) !== 0) {
    bytes[at++] = (raw & 0x7f) | 0x80;
    raw >>>= 7;
  }
  bytes[at++] = raw;
  return at;
}

export function varlongSize(value: number): number {
  if (value === (value | 0)) return varintSize(value);
  let size = 1;
  for (let rest = restOf(value); rest > 0; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/** Returns the position behind it. */
export function writeVarlong(bytes: Uint8Array, at: number, value: number): number {
  if (value === (value | 0)) return writeVarint(bytes, at, value);
  let rest = restOf(value);
  let group = value >= 0 ? (value % 64) * 2 : (-(value + 1) % 64) * 2 + 1;
  while (rest > 0) {
    bytes[at++] = group | 0x80;
    group = rest % 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[at++] = group;
  return at;
}

/** What is left of the zigzag form without its seven lowest bits: the whole might be inexact. */
function restOf(value: number): number {
  assert(Number.isSafeInteger(value), "a varlong within 2^53");
  return Math.floor((value >= 0 ? value : -(value + 1)) / 64);
}
