/**
 * The batches that the load generator sends, made before anything is measured: one for each
 * partition, in a file of `size, record count, bytes` each.
 */
import { closeSync, existsSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type CompressionName, compressionTypeOf } from "../../src/protocol/compression.ts";
import { buildBatch, type NewRecord } from "../../src/protocol/record-batch-builder.ts";
import { sampleText } from "../kit/sample-text.ts";

export interface BatchShape {
  /** Of the value. */
  readonly recordBytes: number;
  /** At most, unless one record is larger; before compression. */
  readonly batchBytes: number;
  readonly codec?: CompressionName;
  readonly keyBytes?: number;
}

const BATCH_HEADER_SIZE = 61;
/** Lengths, deltas and attributes of a record. */
const RECORD_OVERHEAD = 9;

/** More partitions than that share batches. */
const BATCHES_MAX = 32;

/** The file of batches of such a shape, in `folder`: made once. */
export function batchesFile(folder: string, shape: BatchShape, partitions: number): string {
  const count = Math.min(partitions, BATCHES_MAX);
  const path = join(folder, `batches-${Bun.hash(JSON.stringify([shape, count])).toString(36)}`);
  if (!existsSync(path)) writeBatches(path, shape, count);
  return path;
}

function writeBatches(path: string, shape: BatchShape, count: number): void {
  const file = openSync(path, "w");
  for (let index = 0; index < count; index++) {
    const records = recordsOf(shape, index);
    const compression = compressionTypeOf(shape.codec ?? "none");
    const batch = buildBatch({ records, compression });
    const head = Buffer.alloc(8);
    head.writeInt32BE(batch.length, 0);
    head.writeInt32BE(records.length, 4);
    writeSync(file, head);
    writeSync(file, batch);
  }
  closeSync(file);
}

function recordsOf(shape: BatchShape, seed: number): NewRecord[] {
  const { recordBytes, batchBytes, keyBytes = 0 } = shape;
  const one = recordBytes + keyBytes + RECORD_OVERHEAD;
  const count = Math.max(1, Math.floor((batchBytes - BATCH_HEADER_SIZE) / one));
  const timestamp = Date.now();
  const isCompressed = (shape.codec ?? "none") !== "none";
  return Array.from({ length: count }, (_, index) => ({
    timestamp,
    key: keyBytes === 0 ? null : Buffer.from(`${seed}-${index}`.padStart(keyBytes, "key-")),
    // What is not compressed is of bytes that nobody could compress.
    value: isCompressed
      ? sampleText(recordBytes, seed * 1000 + index + 1)
      : crypto.getRandomValues(Buffer.alloc(recordBytes)),
  }));
}
