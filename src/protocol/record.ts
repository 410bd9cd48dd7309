/** Records out of batches: for whoever needs the records themselves, not just their bytes. */
import {
  baseOffset,
  baseTimestamp,
  BATCH_HEADER_SIZE,
  batchSize,
  compressionOf,
  CURRENT_MAGIC,
  magic,
  maxTimestamp,
  recordCount,
  TimestampType,
  timestampTypeOf,
} from "./record-batch.ts";
import { CompressionType, decompress, isCompressionType } from "./compression.ts";
import { ProtocolError } from "./protocol-error.ts";
import { RecordCursor, type RecordHeader } from "./record-cursor.ts";

export interface DecodedRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly RecordHeader[];
}

/** What decompressing one batch may make, whatever it promises. */
export const DECOMPRESSED_SIZE_MAX = 64 * 1024 * 1024;

/**
 * The records of the batch that begins at `at`, which must be whole (`nextBatchSize`) and of magic
 * 2. Its checksum is not looked at. Keys and values are views: into `bytes`, where the batch is
 * not compressed. Throws `ProtocolError`.
 */
export function readRecords(
  bytes: Buffer,
  at: number,
  decompressedSizeMax = DECOMPRESSED_SIZE_MAX,
): DecodedRecord[] {
  const records: DecodedRecord[] = [];
  const cursor = openBatch(bytes, at, decompressedSizeMax);
  while (cursor.next()) {
    records.push({
      offset: cursor.offset,
      timestamp: cursor.timestamp,
      key: cursor.key(),
      value: cursor.value(),
      headers: cursor.headers(),
    });
  }
  return records;
}

/** The same without an object for each record. */
export function openBatch(
  bytes: Buffer,
  at: number,
  decompressedSizeMax = DECOMPRESSED_SIZE_MAX,
): RecordCursor {
  if (magic(bytes, at) !== CURRENT_MAGIC) {
    throw new ProtocolError(`records of magic ${magic(bytes, at)}`);
  }
  const size = batchSize(bytes, at);
  if (size < BATCH_HEADER_SIZE) throw new ProtocolError(`a record batch of ${size} bytes`);
  const count = recordCount(bytes, at);
  const compression = compressionOf(bytes, at);
  let uncompressed = bytes;
  let start = at + BATCH_HEADER_SIZE;
  let end = at + size;
  // An empty batch, which compaction leaves behind, has nothing to decompress.
  if (compression !== CompressionType.NONE && count > 0) {
    uncompressed = decompressRecords(compression, bytes.subarray(start, end), decompressedSizeMax);
    start = 0;
    end = uncompressed.length;
  }
  return new RecordCursor({
    bytes: uncompressed,
    start,
    end,
    count,
    baseOffset: baseOffset(bytes, at),
    baseTimestamp: baseTimestamp(bytes, at),
    logAppendTime:
      timestampTypeOf(bytes, at) === TimestampType.LOG_APPEND_TIME ? maxTimestamp(bytes, at) : null,
  });
}

function decompressRecords(compression: number, bytes: Buffer, sizeMax: number): Buffer {
  if (!isCompressionType(compression)) {
    throw new ProtocolError(`records of compression ${compression}`);
  }
  return decompress(compression, bytes, sizeMax);
}
