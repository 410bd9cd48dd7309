/**
 * The order in which Java walks a HashMap. Kafka's assignors hand out partitions while they walk
 * maps of members and topics: walked in the same order, ours arrive at the same assignment, and so
 * does a node that has been restarted. In a few places the order shows in records and answers, too.
 */
import { uuidToBytes } from "../base/uuid.ts";
import { javaHashCode } from "./java-hash.ts";

const LOAD_FACTOR = 0.75;
const CAPACITY_MIN = 16;

/** Of a map that grew entry by entry. */
export function grownCapacity(entryCount: number): number {
  let capacity = CAPACITY_MIN;
  while (entryCount > capacity * LOAD_FACTOR) capacity *= 2;
  return capacity;
}

/** Of a map that was made for so many entries, and then got others. */
export function sizedCapacity(size: number, entryCount: number): number {
  let capacity = 1;
  while (capacity < size || entryCount > capacity * LOAD_FACTOR) capacity *= 2;
  return capacity;
}

/** Of a set that was made from a collection of this size. */
export function copiedCapacity(size: number): number {
  const wanted = Math.max(Math.trunc(size / LOAD_FACTOR) + 1, CAPACITY_MIN);
  let capacity = CAPACITY_MIN;
  while (capacity < wanted) capacity *= 2;
  return capacity;
}

/** Which of its buckets a map keeps a key in: it is walked in this order. */
export function bucketOf(hash: number, capacity: number): number {
  return (hash ^ (hash >>> 16)) & (capacity - 1);
}

/** The keys, which were put into the map in this order, as the map gives them back. */
export function inJavaOrder<K>(
  keys: readonly K[],
  capacity: number,
  hashOf: (key: K) => number,
): K[] {
  if (keys.length < 2) return [...keys];
  const buckets = keys.map((key) => bucketOf(hashOf(key), capacity));
  // Where the next key of each bucket goes: behind those of the buckets before it.
  const places = new Uint32Array(capacity + 1);
  for (const bucket of buckets) places[bucket + 1]!++;
  for (let bucket = 1; bucket < capacity; bucket++) places[bucket]! += places[bucket - 1]!;
  const ordered = new Array<K>(keys.length);
  for (const [index, key] of keys.entries()) ordered[places[buckets[index]!]!++] = key;
  return ordered;
}

export function stringsInJavaOrder(keys: readonly string[], capacity: number): string[] {
  return inJavaOrder(keys, capacity, javaHashCode);
}

export function uuidsInJavaOrder(ids: readonly string[], capacity: number): string[] {
  return inJavaOrder(ids, capacity, uuidHashCode);
}

/** Of a set of numbers that was made from a list. */
export function numbersInJavaOrder(numbers: readonly number[]): number[] {
  return inJavaOrder(numbers, copiedCapacity(numbers.length), (number) => number);
}

/** `Uuid.hashCode()`: its four words of 32 bits, one on top of the other. */
export function uuidHashCode(uuid: string): number {
  const bytes = uuidToBytes(uuid);
  return bytes.readInt32BE(0) ^ bytes.readInt32BE(4) ^ bytes.readInt32BE(8) ^ bytes.readInt32BE(12);
}

/** `Uuid.compareTo()`: both halves are signed numbers there. */
export function compareUuids(one: string, other: string): number {
  const left = uuidToBytes(one);
  const right = uuidToBytes(other);
  for (const at of [0, 8]) {
    const high = left.readInt32BE(at) - right.readInt32BE(at);
    if (high !== 0) return high;
    const low = left.readUInt32BE(at + 4) - right.readUInt32BE(at + 4);
    if (low !== 0) return low;
  }
  return 0;
}
