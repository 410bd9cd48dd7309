/** CRC-32C (Castagnoli): the checksum of record batches and producer snapshots. */
import { assert } from "./assert.ts";
import { loadCompiled, loadEmbeddedCrc32c, type NativeCrc32c } from "./native.ts";

/**
 * The checksum of `bytes[offset...offset + length]`, from 0 to 2^32 - 1. `seed` is the checksum of
 * the bytes before these, where they were not all at hand at once.
 */
export function crc32c(bytes: Uint8Array, offset: number, length: number, seed = 0): number {
  return implementation(bytes, offset, length, seed);
}

/** The fallback, eight bytes a step. */
export function crc32cInTypeScript(
  bytes: Uint8Array,
  offset: number,
  length: number,
  seed: number,
): number {
  assert(offset >= 0 && length >= 0 && offset + length <= bytes.length, "a range within the bytes");
  const table = tableOf();
  const end = offset + length;
  const wideEnd = end - (length & 7);
  let at = offset;
  let crc = ~seed;
  while (at < wideEnd) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc =
      table[0x700 + (crc & 255)]! ^
      table[0x600 + ((crc >>> 8) & 255)]! ^
      table[0x500 + ((crc >>> 16) & 255)]! ^
      table[0x400 + (crc >>> 24)]! ^
      table[0x300 + bytes[at + 4]!]! ^
      table[0x200 + bytes[at + 5]!]! ^
      table[0x100 + bytes[at + 6]!]! ^
      table[bytes[at + 7]!]!;
    at += 8;
  }
  while (at < end) crc = (crc >>> 8) ^ table[(crc ^ bytes[at++]!) & 255]!;
  return ~crc >>> 0;
}

const implementation: NativeCrc32c =
  loadCompiled()?.crc32c ?? loadEmbeddedCrc32c() ?? crc32cInTypeScript;

/** What a byte does to the checksum with 0, 1, ... 7 bytes behind it: eight tables of 256. */
let madeTable: Int32Array | null = null;

/** Made when it is first needed, which mostly is never. */
function tableOf(): Int32Array {
  madeTable ??= makeTable();
  return madeTable;
}

function makeTable(): Int32Array {
  const table = new Int32Array(8 * 256);
  for (let value = 0; value < 256; value++) {
    let crc = value;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
    table[value] = crc;
  }
  for (let index = 256; index < table.length; index++) {
    const before = table[index - 256]!;
    table[index] = (before >>> 8) ^ table[before & 255]!;
  }
  return table;
}
