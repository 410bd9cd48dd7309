/**
 * Kafka's uuids: 16 bytes in files and requests, 22 characters of base64url (without padding)
 * wherever people or maps of ours meet them.
 */
import { assert } from "./assert.ts";
import { latin1Slice } from "./bytes.ts";
import type { Random } from "./world.ts";

/** "No uuid" in every request and record. */
export const ZERO_UUID = "AAAAAAAAAAAAAAAAAAAAAA";

/** The topic id of `__cluster_metadata`. Kafka hands it out to nothing else. */
export const METADATA_TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAQ";

export const UUID_SIZE = 16;

/** A random uuid of version 4. Never one that begins with "-", which tools take for a flag. */
export function randomUuid(random: Random): string {
  const bytes = new Uint8Array(UUID_SIZE);
  for (;;) {
    random.fill(bytes);
    bytes[6] = (bytes[6]! & 0x0f) | 0x40;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    const uuid = uuidFromBytes(bytes, 0);
    if (!uuid.startsWith("-")) return uuid;
  }
}

/** Whether text from outside (a file, a flag) is a uuid in its one canonical spelling. */
export function isUuid(text: string): boolean {
  return /^[A-Za-z0-9_-]{21}[AQgw]$/.test(text);
}

export function uuidFromBytes(bytes: Uint8Array, at: number): string {
  assert(at >= 0 && at + UUID_SIZE <= bytes.length, "16 bytes of a uuid");
  let index = 0;
  for (let from = at; index < 20; from += 3, index += 4) {
    const word = (bytes[from]! << 16) | (bytes[from + 1]! << 8) | bytes[from + 2]!;
    scratch[index] = LETTERS[word >> 18]!;
    scratch[index + 1] = LETTERS[(word >> 12) & 63]!;
    scratch[index + 2] = LETTERS[(word >> 6) & 63]!;
    scratch[index + 3] = LETTERS[word & 63]!;
  }
  const last = bytes[at + 15]!;
  scratch[20] = LETTERS[last >> 2]!;
  scratch[21] = LETTERS[(last & 3) << 4]!;
  return latin1Slice(scratch, 0, 22);
}

export function uuidToBytes(uuid: string): Buffer {
  const bytes = Buffer.allocUnsafe(UUID_SIZE);
  writeUuid(uuid, bytes, 0);
  return bytes;
}

/** The same into `target`, without a new object. */
export function writeUuid(uuid: string, target: Uint8Array, at: number): void {
  assert(uuid.length === 22, "22 characters of a uuid");
  assert(at >= 0 && at + UUID_SIZE <= target.length, "room for a uuid");
  let index = 0;
  for (let to = at; index < 20; to += 3, index += 4) {
    const word =
      (digit(uuid, index) << 18) |
      (digit(uuid, index + 1) << 12) |
      (digit(uuid, index + 2) << 6) |
      digit(uuid, index + 3);
    target[to] = word >> 16;
    target[to + 1] = word >> 8;
    target[to + 2] = word;
  }
  target[at + 15] = (digit(uuid, 20) << 2) | (digit(uuid, 21) >> 4);
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const LETTERS = Buffer.from(ALPHABET, "latin1");
const DIGITS = new Int8Array(128).fill(-1);
for (let value = 0; value < 64; value++) DIGITS[LETTERS[value]!] = value;
const scratch = Buffer.alloc(22);

function digit(uuid: string, index: number): number {
  const value = DIGITS[uuid.charCodeAt(index)] ?? -1;
  assert(value >= 0, "a base64url character in a uuid");
  return value;
}
