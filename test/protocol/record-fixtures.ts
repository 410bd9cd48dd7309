/** Batches that Apache Kafka 4.3.1 wrote: see fixtures-records/RecordFixtures.java. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32c } from "../../src/base/crc32c.ts";
import type { RecordHeader } from "../../src/protocol/record-cursor.ts";

const FOLDER = join(import.meta.dir, "fixtures-records");

/** Offset, timestamp, key, value, headers; see `hex`. */
export type FixtureRecord = [
  number,
  number,
  string | null,
  string | null,
  [string, string | null][],
];

export interface FixtureBatch {
  baseOffset: number;
  lastOffset: number;
  nextOffset: number;
  size: number;
  crc: number;
  partitionLeaderEpoch: number;
  compression: string;
  timestampType: string;
  maxTimestamp: number;
  producerId: number;
  producerEpoch: number;
  baseSequence: number;
  lastSequence: number;
  isTransactional: boolean;
  isControl: boolean;
  deleteHorizonMs: number | null;
  count: number;
  records: FixtureRecord[];
}

/** What Java found in each of them. */
export const fixtures: Record<string, FixtureBatch[]> = JSON.parse(
  readFileSync(join(FOLDER, "index.json"), "utf8"),
);

export function fixtureBytes(name: string): Buffer {
  return readFileSync(join(FOLDER, `${name}.bin`));
}

/** As Java prints them: of what is long only size and checksum. */
export function hex(bytes: Buffer | null): string | null {
  if (bytes === null) return null;
  if (bytes.length <= 48) return bytes.toString("hex");
  return `${bytes.length} bytes, crc32c ${crc32c(bytes, 0, bytes.length)}`;
}

export function hexHeaders(headers: readonly RecordHeader[]): [string, string | null][] {
  return headers.map(({ key, value }) => [Buffer.from(key).toString("hex"), hex(value)]);
}
