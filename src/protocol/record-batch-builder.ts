/** Makes record batches, byte for byte as Kafka's MemoryRecordsBuilder does. */
import { assert } from "../base/assert.ts";
import { utf8Write } from "../base/bytes.ts";
import { varintSize, varlongSize, writeVarint, writeVarlong } from "../base/varint.ts";
import { compress, CompressionType } from "./compression.ts";
import {
  BATCH_HEADER_SIZE,
  CONTROL_FLAG,
  DELETE_HORIZON_FLAG,
  LOG_APPEND_TIME_FLAG,
  NO_PARTITION_LEADER_EPOCH,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  NO_TIMESTAMP,
  TRANSACTIONAL_FLAG,
  writeBatchHeader,
} from "./record-batch.ts";

export interface NewRecord {
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers?: readonly NewRecordHeader[];
  /** From the batch's base offset; one more than the record before when left out. */
  readonly offsetDelta?: number;
}

export interface NewRecordHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

export interface NewBatch {
  readonly records: readonly NewRecord[];
  /** 0 when left out: whoever appends sets it. */
  readonly baseOffset?: number;
  readonly compression?: CompressionType;
  readonly compressionLevel?: number;
  readonly partitionLeaderEpoch?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly isTransactional?: boolean;
  readonly isControl?: boolean;
  /** Marks the batch as stamped by the broker, at this time; the records keep their own. */
  readonly logAppendTime?: number | null;
  readonly deleteHorizonMs?: number | null;
  /** Of the last record when left out; compaction keeps that of a record which is gone. */
  readonly lastOffsetDelta?: number;
  /** The greatest of the records when left out; an empty batch keeps what it once was. */
  readonly maxTimestamp?: number;
}

export function buildBatch(batch: NewBatch): Buffer {
  const { records, compression = CompressionType.NONE, logAppendTime = null } = batch;
  const deleteHorizonMs = batch.deleteHorizonMs ?? null;
  const baseTimestamp = deleteHorizonMs ?? records[0]?.timestamp ?? NO_TIMESTAMP;
  const bodySizes = new Int32Array(records.length);
  const recordsSize = measureRecords(records, baseTimestamp, bodySizes);

  // Uncompressed records are written where they stay, others to be compressed to there.
  const isCompressed = compression !== CompressionType.NONE && records.length > 0;
  const recordsStart = isCompressed ? 0 : BATCH_HEADER_SIZE;
  const written = Buffer.allocUnsafe(recordsStart + recordsSize);
  const end = writeRecords(written, recordsStart, records, baseTimestamp, bodySizes);
  assert(end === written.length, "records of the size that was measured");
  let bytes = written;
  if (isCompressed) {
    const compressed = compress(compression, written, batch.compressionLevel);
    bytes = Buffer.allocUnsafe(BATCH_HEADER_SIZE + compressed.length);
    compressed.copy(bytes, BATCH_HEADER_SIZE);
  }
  const last = lastOffsetDeltaOf(records);
  writeBatchHeader(bytes, 0, {
    baseOffset: batch.baseOffset ?? 0,
    size: bytes.length,
    partitionLeaderEpoch: batch.partitionLeaderEpoch ?? NO_PARTITION_LEADER_EPOCH,
    attributes:
      (isCompressed ? compression : 0) |
      (logAppendTime === null ? 0 : LOG_APPEND_TIME_FLAG) |
      (batch.isTransactional === true ? TRANSACTIONAL_FLAG : 0) |
      (batch.isControl === true ? CONTROL_FLAG : 0) |
      (deleteHorizonMs === null ? 0 : DELETE_HORIZON_FLAG),
    lastOffsetDelta: batch.lastOffsetDelta ?? last,
    baseTimestamp,
    maxTimestamp: logAppendTime ?? batch.maxTimestamp ?? maxTimestampOf(records),
    producerId: batch.producerId ?? NO_PRODUCER_ID,
    producerEpoch: batch.producerEpoch ?? NO_PRODUCER_EPOCH,
    baseSequence: batch.baseSequence ?? NO_SEQUENCE,
    recordCount: records.length,
  });
  return bytes;
}

const NO_HEADERS: readonly NewRecordHeader[] = [];
/** One byte of attributes, of which none is used. */
const RECORD_ATTRIBUTES_SIZE = 1;

/** Returns the size of all; the size of each goes to `bodySizes`, without its own varint. */
function measureRecords(
  records: readonly NewRecord[],
  baseTimestamp: number,
  bodySizes: Int32Array,
): number {
  let total = 0;
  let offsetDelta = -1;
  for (let index = 0; index < records.length; index++) {
    const record = records[index]!;
    const before = offsetDelta;
    offsetDelta = record.offsetDelta ?? before + 1;
    assert(offsetDelta > before, "records in the order of their offsets");
    const headers = record.headers ?? NO_HEADERS;
    let size =
      RECORD_ATTRIBUTES_SIZE +
      varlongSize(record.timestamp - baseTimestamp) +
      varintSize(offsetDelta) +
      sizedBytesSize(record.key) +
      sizedBytesSize(record.value) +
      varintSize(headers.length);
    for (const header of headers) {
      const keySize = Buffer.byteLength(header.key);
      size += varintSize(keySize) + keySize + sizedBytesSize(header.value);
    }
    bodySizes[index] = size;
    total += varintSize(size) + size;
  }
  return total;
}

function writeRecords(
  target: Buffer,
  at: number,
  records: readonly NewRecord[],
  baseTimestamp: number,
  bodySizes: Int32Array,
): number {
  let offsetDelta = -1;
  for (let index = 0; index < records.length; index++) {
    const record = records[index]!;
    offsetDelta = record.offsetDelta ?? offsetDelta + 1;
    const headers = record.headers ?? NO_HEADERS;
    at = writeVarint(target, at, bodySizes[index]!);
    target[at++] = 0;
    at = writeVarlong(target, at, record.timestamp - baseTimestamp);
    at = writeVarint(target, at, offsetDelta);
    at = writeSizedBytes(target, at, record.key);
    at = writeSizedBytes(target, at, record.value);
    at = writeVarint(target, at, headers.length);
    for (const header of headers) {
      const keySize = Buffer.byteLength(header.key);
      at = writeVarint(target, at, keySize);
      at += utf8Write(target, header.key, at, keySize);
      at = writeSizedBytes(target, at, header.value);
    }
  }
  return at;
}

function sizedBytesSize(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : varintSize(bytes.length) + bytes.length;
}

function writeSizedBytes(target: Buffer, at: number, bytes: Uint8Array | null): number {
  if (bytes === null) return writeVarint(target, at, -1);
  at = writeVarint(target, at, bytes.length);
  target.set(bytes, at);
  return at + bytes.length;
}

function lastOffsetDeltaOf(records: readonly NewRecord[]): number {
  let offsetDelta = -1;
  for (const record of records) offsetDelta = record.offsetDelta ?? offsetDelta + 1;
  return Math.max(offsetDelta, 0);
}

function maxTimestampOf(records: readonly NewRecord[]): number {
  let max = NO_TIMESTAMP;
  for (const record of records) max = Math.max(max, record.timestamp);
  return max;
}
