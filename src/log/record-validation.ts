/**
 * What a leader checks of a batch before it may go into the log, and what it sets in it: Kafka's
 * rules with Kafka's errors.
 *
 *   header   one whole batch of magic 2 | size | checksum | codec | counts, offsets, sequence
 *   records  (decompressed, within a bound) structure | keys, on a compacted topic | timestamps
 *   set      base offset, leader epoch   outside of the checksum: the ordinary batch needs no more
 *            timestamp type and maximum  then the checksum anew
 *            another codec               then a new batch (batch-rewriting.ts), the only copy
 *
 * Stricter than Kafka in three places, each where its own consumers could not read what was kept,
 * or we could not keep it exactly:
 * - a record's declared size is held to in compressed batches too, and nothing may follow the
 *   compressed data;
 * - offsets within an uncompressed batch are put right, as they are within a compressed one;
 * - timestamps are within 2^52 milliseconds of 1970 and producer ids below 2^53.
 * What Kafka answers with UNKNOWN_SERVER_ERROR has a name here: broken compressed data is an
 * INVALID_RECORD, an unknown codec an UNSUPPORTED_COMPRESSION_TYPE, a bomb a MESSAGE_TOO_LARGE.
 */
import { assert } from "../base/assert.ts";
import {
  CompressionType,
  compressionTypeOf,
  decompress,
  isCompressionType,
} from "../protocol/compression.ts";
import { OutputTooLargeError } from "../protocol/decompression-error.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import * as header from "../protocol/record-batch.ts";
import { MALFORMED, UNUSUAL, walkRecords } from "../protocol/record-walk.ts";
import type { RecordError } from "./append-result.ts";
import { type CheckedRecords, cursorOf, rewriteBatch } from "./batch-rewriting.ts";
import { isCompacted, type LogConfig } from "./log-config.ts";
import type { AppendOrigin, Refusal } from "./producer-checks.ts";
import { inspectRecords, TIMESTAMP_MAX } from "./record-inspection.ts";

export interface ProducedBatch {
  readonly config: LogConfig;
  readonly origin: Extract<AppendOrigin, "client" | "coordinator">;
  /** As messages to the client name it: "topic-0". */
  readonly topicPartition: string;
  /** The log's end: what the first record's offset becomes. */
  readonly firstOffset: number;
  readonly leaderEpoch: number;
  readonly nowMs: number;
}

/** Ready to be written: `bytes[0...size]` is one batch. */
export interface ValidBatch {
  /** Those that came in, changed in place; others only where they had to be compressed anew. */
  readonly bytes: Buffer;
  readonly size: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  /** Kafka's offset of the maximum timestamp is the batch's last one. */
  readonly maxTimestamp: number;
  /** -1 unless the topic's timestamps are the broker's. */
  readonly appendTimeMs: number;
  readonly recordCount: number;
}

/** Kafka tells the client the message only where there are record errors. */
export interface InvalidBatch extends Refusal {
  readonly recordErrors: readonly RecordError[];
}

/** Decompressed, a batch may be so large, or four times as large as it may be compressed. */
export const DECOMPRESSED_BATCH_SIZE = 64 * 1024 * 1024;

/** Changes `bytes` only when it accepts them. What lies behind one whole batch is left out. */
export function validateBatch(bytes: Buffer, batch: ProducedBatch): ValidBatch | InvalidBatch {
  try {
    const size = header.nextBatchSize(bytes, 0, bytes.length);
    const invalid = checkHeader(bytes, size, batch);
    return invalid ?? validateRecords(bytes, size, batch);
  } catch (error) {
    // Whatever else is wrong with the bytes is turned into a result where it is found.
    if (!(error instanceof ProtocolError)) throw error;
    return reject(ErrorCode.CORRUPT_MESSAGE, error.message);
  }
}

function checkHeader(bytes: Buffer, size: number, batch: ProducedBatch): InvalidBatch | null {
  if (size === 0) return invalidRecord("There is no whole record batch");
  if (header.magic(bytes, 0) !== header.CURRENT_MAGIC) {
    return invalidRecord(`Record batches of magic ${header.magic(bytes, 0)} are not taken`);
  }
  if (header.nextBatchSize(bytes, size, bytes.length) > 0) {
    return invalidRecord("There is more than one record batch");
  }
  const isClient = batch.origin === "client";
  if (isClient && header.baseOffset(bytes, 0) !== 0) {
    return invalidRecord(`The base offset is ${header.baseOffset(bytes, 0)} and not 0`);
  }
  const { maxMessageBytes } = batch.config;
  if (size > maxMessageBytes) return tooLarge(size, maxMessageBytes);
  if (!header.isIntact(bytes, 0)) {
    return reject(ErrorCode.CORRUPT_MESSAGE, "The record batch's checksum is wrong");
  }
  if (!isCompressionType(header.compressionOf(bytes, 0))) {
    return reject(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, "There is no such codec");
  }
  if (!Number.isSafeInteger(header.producerId(bytes, 0))) {
    return invalidRecord("No producer id is beyond 2^53");
  }
  const offsets = header.lastOffsetDelta(bytes, 0) + 1;
  const count = header.recordCount(bytes, 0);
  if (offsets <= 0) return invalidRecord(`The last offset is ${offsets - 1} from the first`);
  if (count <= 0) return invalidRecord(`The record count is ${count}`);
  if (offsets !== count) return invalidRecord(`${count} records cannot have ${offsets} offsets`);
  if (!isClient) return null;
  if (header.isControl(bytes, 0)) return invalidRecord("Clients write no control records");
  if (header.hasProducerId(bytes, 0) && header.baseSequence(bytes, 0) < 0) {
    return invalidRecord(`The sequence number is ${header.baseSequence(bytes, 0)}`);
  }
  return null;
}

function validateRecords(
  bytes: Buffer,
  size: number,
  batch: ProducedBatch,
): ValidBatch | InvalidBatch {
  const source = header.compressionOf(bytes, 0);
  assert(isCompressionType(source), "a codec that was checked with the header");
  const target = targetCompression(bytes, source, batch.config);
  let recordBytes = bytes;
  let start = header.BATCH_HEADER_SIZE;
  let end = size;
  if (source !== CompressionType.NONE) {
    const compressed = bytes.subarray(start, end);
    const decompressed = decompressRecords(source, compressed, batch.config);
    if (!Buffer.isBuffer(decompressed)) return decompressed;
    recordBytes = decompressed;
    start = 0;
    end = decompressed.length;
  }
  const records = checkRecords(bytes, recordBytes, start, end, source === target, batch);
  if ("errorCode" in records) return records;

  const isLogAppendTime = batch.config.messageTimestampType === "LogAppendTime";
  const appendTimeMs = isLogAppendTime ? batch.nowMs : -1;
  if (source === target && records.areInOrder) {
    const sizeError = checkSegmentSize(size, batch.config);
    if (sizeError !== null) return sizeError;
    setHeader(bytes, batch, records, appendTimeMs);
    return accept(bytes, size, batch, appendTimeMs);
  }
  const rewritten = rewriteBatch(bytes, records, {
    compression: target,
    compressionLevel: compressionLevel(target, batch.config),
    baseOffset: batch.firstOffset,
    partitionLeaderEpoch: batch.leaderEpoch,
    appendTimeMs,
  });
  const newSize = rewritten.length;
  const { maxMessageBytes } = batch.config;
  const sizeError =
    newSize > maxMessageBytes
      ? tooLarge(newSize, maxMessageBytes)
      : checkSegmentSize(newSize, batch.config);
  return sizeError ?? accept(rewritten, newSize, batch, appendTimeMs);
}

/** All that the ordinary batch needs. */
function setHeader(
  bytes: Buffer,
  batch: ProducedBatch,
  records: CheckedRecords,
  appendTimeMs: number,
): void {
  header.setBaseOffset(bytes, 0, batch.firstOffset);
  header.setPartitionLeaderEpoch(bytes, 0, batch.leaderEpoch);
  if (appendTimeMs === -1) {
    header.setMaxTimestamp(bytes, 0, header.TimestampType.CREATE_TIME, records.maxTimestamp);
  } else {
    header.setMaxTimestamp(bytes, 0, header.TimestampType.LOG_APPEND_TIME, appendTimeMs);
  }
}

function accept(
  bytes: Buffer,
  size: number,
  batch: ProducedBatch,
  appendTimeMs: number,
): ValidBatch {
  return {
    bytes,
    size,
    firstOffset: batch.firstOffset,
    lastOffset: header.lastOffset(bytes, 0),
    maxTimestamp: header.maxTimestamp(bytes, 0),
    appendTimeMs,
    recordCount: header.recordCount(bytes, 0),
  };
}

function checkSegmentSize(size: number, { segmentBytes }: LogConfig): InvalidBatch | null {
  if (size <= segmentBytes) return null;
  const message = `The record batch has ${size} bytes, a segment at most ${segmentBytes}`;
  return reject(ErrorCode.RECORD_LIST_TOO_LARGE, message);
}

function decompressRecords(
  compression: CompressionType,
  compressed: Buffer,
  config: LogConfig,
): Buffer | InvalidBatch {
  const sizeMax = Math.max(DECOMPRESSED_BATCH_SIZE, 4 * config.maxMessageBytes);
  try {
    return decompress(compression, compressed, sizeMax);
  } catch (error) {
    // A producer answers this by making smaller batches.
    if (error instanceof OutputTooLargeError) {
      return reject(ErrorCode.MESSAGE_TOO_LARGE, `Decompressed, it is above ${sizeMax} bytes`);
    }
    if (error instanceof ProtocolError) return invalidRecord(error.message);
    throw error;
  }
}

function checkRecords(
  bytes: Buffer,
  recordBytes: Buffer,
  start: number,
  end: number,
  isCodecKept: boolean,
  batch: ProducedBatch,
): CheckedRecords | InvalidBatch {
  const { config, nowMs } = batch;
  const isCreateTime = config.messageTimestampType === "CreateTime";
  const beforeMaxMs = isCreateTime ? config.messageTimestampBeforeMaxMs : Infinity;
  const afterMaxMs = isCreateTime ? config.messageTimestampAfterMaxMs : Infinity;
  const timestampMin = Math.max(nowMs - beforeMaxMs, -TIMESTAMP_MAX);
  const timestampMax = Math.min(nowMs + afterMaxMs, TIMESTAMP_MAX);
  const keyed = isCompacted(config);
  const baseTimestamp = header.baseTimestamp(bytes, 0);
  const isStampedByClient =
    header.timestampTypeOf(bytes, 0) === header.TimestampType.LOG_APPEND_TIME;
  if (!isStampedByClient && Number.isSafeInteger(baseTimestamp)) {
    const walked = walkRecords(
      recordBytes,
      start,
      end - start,
      header.recordCount(bytes, 0),
      keyed,
      baseTimestamp,
      timestampMin,
      timestampMax,
    );
    if (walked === MALFORMED) return invalidRecord("A record is malformed");
    if (walked !== UNUSUAL) {
      return { bytes: recordBytes, start, end, maxTimestamp: walked, areInOrder: true };
    }
  }
  try {
    const inspected = inspectRecords(cursorOf(bytes, recordBytes, start, end), {
      topicPartition: batch.topicPartition,
      config,
      nowMs,
      keyed,
      timestampMin,
      timestampMax,
      baseTimestamp,
      isStampedByClient,
      areFieldsSkipped: isCodecKept && recordBytes !== bytes,
    });
    return "errorCode" in inspected ? inspected : { bytes: recordBytes, start, end, ...inspected };
  } catch (error) {
    if (error instanceof ProtocolError) return invalidRecord(error.message);
    throw error;
  }
}

function targetCompression(
  bytes: Buffer,
  source: CompressionType,
  config: LogConfig,
): CompressionType {
  if (config.compressionType === "producer") return source;
  // Markers are written as they are, unless they come compressed.
  if (source === CompressionType.NONE && header.isControl(bytes, 0)) return source;
  return config.compressionType === "uncompressed"
    ? CompressionType.NONE
    : compressionTypeOf(config.compressionType);
}

/** The levels are those of the topic's own codec; a producer's is kept at the codec's default. */
function compressionLevel(type: CompressionType, config: LogConfig): number | null {
  if (config.compressionType === "producer") return null;
  switch (type) {
    case CompressionType.GZIP:
      return config.compressionGzipLevel;
    case CompressionType.LZ4:
      return config.compressionLz4Level;
    case CompressionType.ZSTD:
      return config.compressionZstdLevel;
    default:
      return null;
  }
}

function tooLarge(size: number, sizeMax: number): InvalidBatch {
  const message = `The record batch has ${size} bytes, where ${sizeMax} are allowed`;
  return reject(ErrorCode.MESSAGE_TOO_LARGE, message);
}

function invalidRecord(message: string): InvalidBatch {
  return reject(ErrorCode.INVALID_RECORD, message);
}

function reject(errorCode: ErrorCode, message: string): InvalidBatch {
  return { errorCode, message, recordErrors: [] };
}
