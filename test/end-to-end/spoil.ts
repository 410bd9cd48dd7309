/** Ways to spoil files. */
import {
  existsSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { batchSize } from "../../src/protocol/record-batch.ts";
import type { Chance } from "../fuzz/chance.ts";
import { batchStarts } from "./client.ts";
import { TOPIC } from "./specimen.ts";

/** Files of the partition by their suffix, oldest segment first. */
export function filesOf(directory: string, suffix: string, folder = `${TOPIC}-0`): string[] {
  return readdirSync(join(directory, folder))
    .filter((name) => name.endsWith(suffix))
    .sort()
    .map((name) => join(directory, folder, name));
}

/** -1 is the last: the active segment's. */
export function fileOf(directory: string, suffix: string, index: number, folder?: string): string {
  const path = filesOf(directory, suffix, folder).at(index);
  if (path === undefined) throw new Error(`no file ${index} of ${suffix}`);
  return path;
}

export function flipBit(path: string, chance: Chance): void {
  const position = chance.below(statSync(path).size);
  const bytes = readFileSync(path);
  bytes[position]! ^= 1 << chance.below(8);
  writeFileSync(path, bytes);
}

/**
 * A bit that readers can see to be wrong. No checksum covers base offset and leader epoch, which
 * leaders set: Kafka itself notices damage to them in recovery alone, as does Bunka.
 */
export function flipCheckedBit(path: string, chance: Chance): void {
  const bytes = readFileSync(path);
  const starts = batchStarts(bytes);
  const start = chance.pick(starts);
  const end = start + batchSize(bytes, start);
  let position = start;
  while (position - start < 8 || (position - start >= 12 && position - start < 16)) {
    position = start + chance.below(end - start);
  }
  bytes[position]! ^= 1 << chance.below(8);
  writeFileSync(path, bytes);
}

/** Cuts a random part off, at least a byte. */
export function tear(path: string, chance: Chance, bytesMax = Number.POSITIVE_INFINITY): void {
  const { size } = statSync(path);
  truncateSync(path, size - 1 - chance.below(Math.min(size, bytesMax)));
}

export function addZeros(path: string, count: number): void {
  truncateSync(path, statSync(path).size + count);
}

export function addBytes(path: string, bytes: Uint8Array): void {
  const descriptor = openSync(path, "a");
  writeSync(descriptor, bytes);
  closeSync(descriptor);
}

export function remove(path: string): void {
  if (!existsSync(path)) throw new Error(`${path} is not there to be removed`);
  rmSync(path, { recursive: true });
}

export function garbage(path: string, chance: Chance): void {
  writeFileSync(path, chance.bytes(100 + chance.below(200)));
}
