/** Batches made anew, for another codec or because something in them has to be put right. */
import { compress, type CompressionType } from "../protocol/compression.ts";
import { buildBatch, type NewRecord } from "../protocol/record-batch-builder.ts";
import * as header from "../protocol/record-batch.ts";
import { RecordCursor } from "../protocol/record-cursor.ts";

/** The records of a batch once all of them have been seen. */
export interface CheckedRecords {
  /** Uncompressed, in `bytes[start...end]`. */
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  /** -1 where none has one. */
  readonly maxTimestamp: number;
  /** Numbered from 0 without a gap. */
  readonly areInOrder: boolean;
  /** Memory that it took to look: 0 where they lie open. */
  readonly temporaryBytes: number;
}

export interface Rewriting {
  readonly compression: CompressionType;
  /** Null for the codec's default. */
  readonly compressionLevel: number | null;
  readonly baseOffset: number;
  readonly partitionLeaderEpoch: number;
  /** -1 where the records keep their own timestamps. */
  readonly appendTimeMs: number;
}

/** The batch at `source[0]`, of which `records` are the records. */
export function rewriteBatch(
  source: Buffer,
  records: CheckedRecords,
  rewriting: Rewriting,
): Buffer {
  // A timestamp that was the batch's becomes the record's own.
  const isStamped = header.timestampTypeOf(source, 0) === header.TimestampType.LOG_APPEND_TIME;
  return records.areInOrder && !isStamped
    ? recompress(source, records, rewriting)
    : rebuild(source, records, rewriting);
}

/** Over records of the batch at `source[0]` that lie in `bytes[start...end]`, uncompressed. */
export function cursorOf(source: Buffer, bytes: Buffer, start: number, end: number): RecordCursor {
  const isStamped = header.timestampTypeOf(source, 0) === header.TimestampType.LOG_APPEND_TIME;
  return new RecordCursor({
    bytes,
    start,
    end,
    count: header.recordCount(source, 0),
    baseOffset: header.baseOffset(source, 0),
    baseTimestamp: header.baseTimestamp(source, 0),
    logAppendTime: isStamped ? header.maxTimestamp(source, 0) : null,
  });
}

/** The records' bytes as they are, behind a header for them. */
function recompress(source: Buffer, records: CheckedRecords, rewriting: Rewriting): Buffer {
  const { compression, compressionLevel, appendTimeMs } = rewriting;
  const plain = records.bytes.subarray(records.start, records.end);
  const compressed = compress(compression, plain, compressionLevel ?? undefined);
  const size = header.BATCH_HEADER_SIZE + compressed.length;
  const rewritten = Buffer.allocUnsafe(size);
  compressed.copy(rewritten, header.BATCH_HEADER_SIZE);
  const kept = header.TRANSACTIONAL_FLAG | header.CONTROL_FLAG;
  const timestampFlag = appendTimeMs === -1 ? 0 : header.LOG_APPEND_TIME_FLAG;
  header.writeBatchHeader(rewritten, 0, {
    baseOffset: rewriting.baseOffset,
    size,
    partitionLeaderEpoch: rewriting.partitionLeaderEpoch,
    attributes: (header.attributes(source, 0) & kept) | compression | timestampFlag,
    lastOffsetDelta: header.lastOffsetDelta(source, 0),
    baseTimestamp: header.baseTimestamp(source, 0),
    maxTimestamp: appendTimeMs === -1 ? records.maxTimestamp : appendTimeMs,
    producerId: header.producerId(source, 0),
    producerEpoch: header.producerEpoch(source, 0),
    baseSequence: header.baseSequence(source, 0),
    recordCount: header.recordCount(source, 0),
  });
  return rewritten;
}

/** Every record anew, numbered from 0 and with the timestamp that was checked. */
function rebuild(source: Buffer, records: CheckedRecords, rewriting: Rewriting): Buffer {
  const cursor = cursorOf(source, records.bytes, records.start, records.end);
  const rebuilt: NewRecord[] = [];
  while (cursor.next()) {
    rebuilt.push({
      timestamp: cursor.timestamp,
      key: cursor.key(),
      value: cursor.value(),
      headers: cursor.headers(),
    });
  }
  const { compressionLevel, appendTimeMs } = rewriting;
  return buildBatch({
    records: rebuilt,
    baseOffset: rewriting.baseOffset,
    compression: rewriting.compression,
    ...(compressionLevel === null ? {} : { compressionLevel }),
    partitionLeaderEpoch: rewriting.partitionLeaderEpoch,
    producerId: header.producerId(source, 0),
    producerEpoch: header.producerEpoch(source, 0),
    baseSequence: header.baseSequence(source, 0),
    isTransactional: header.isTransactional(source, 0),
    isControl: header.isControl(source, 0),
    logAppendTime: appendTimeMs === -1 ? null : appendTimeMs,
  });
}
