/**
 * What a leader looks for in the records of a batch whose header is in order: structure, keys on a
 * compacted topic, timestamps; and the batch anew where the topic wants another codec, or where
 * something has to be put right. It changes nothing, and needs nothing but the bytes and some
 * settings, so it may run in a thread (examiner/batch-examiner.ts).
 *
 * On the loop it is held to a millisecond or so: `LOOP_BOUNDS`.
 */
import { assert } from "../base/assert.ts";
import type { Clock } from "../base/world.ts";
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
import type { Refusal } from "./producer-checks.ts";
import { inspectRecords, TIMESTAMP_MAX } from "./record-inspection.ts";
import type { Flaw } from "./validation-stats.ts";

/** The settings of a log that records are held to. */
export type ExaminationConfig = Pick<
  LogConfig,
  | "cleanupPolicy"
  | "compressionGzipLevel"
  | "compressionLz4Level"
  | "compressionType"
  | "compressionZstdLevel"
  | "maxMessageBytes"
  | "messageTimestampAfterMaxMs"
  | "messageTimestampBeforeMaxMs"
  | "messageTimestampType"
  | "segmentBytes"
>;

export interface ExaminedBatch {
  readonly config: ExaminationConfig;
  /** As messages to the client name it: "topic-0". */
  readonly topicPartition: string;
  readonly nowMs: number;
}

/** Kafka tells the client the message only where there are record errors. */
export interface InvalidBatch extends Refusal {
  readonly recordErrors: readonly RecordError[];
  /** What it is counted as. */
  readonly flaw: Flaw | null;
}

/** A batch anew: its base offset and leader epoch are still to be set. */
export interface RewrittenBatch {
  readonly rewritten: Buffer;
  readonly tookMs: number;
  readonly temporaryBytes: number;
}

/** What is to be known of a batch that may stay as it is. */
export interface KeptBatch {
  readonly maxTimestamp: number;
  /** See `CheckedRecords`. */
  readonly temporaryBytes: number;
}

export type Examination = InvalidBatch | RewrittenBatch | KeptBatch;

/** Bytes for about a millisecond of work of each kind. */
interface ExaminationBounds {
  readonly compressedMax: number;
  readonly plainMax: number;
  /** Records that have to be looked at one by one. */
  readonly unusualMax: number;
}

/** Decompressed, a batch may be so large, or four times as large as it may be compressed. */
const DECOMPRESSED_BATCH_SIZE = 64 * 1024 * 1024;

const LOOP_BOUNDS: ExaminationBounds = {
  compressedMax: 256 * 1024,
  plainMax: 256 * 1024,
  unusualMax: 64 * 1024,
};
const NO_BOUNDS: ExaminationBounds = {
  compressedMax: Infinity,
  plainMax: Infinity,
  unusualMax: Infinity,
};

/**
 * Of the batch in `bytes[0...size]`, however long it takes. A thread has no clock: whoever asks it
 * knows how long it took.
 */
export function examineRecords(
  bytes: Buffer,
  size: number,
  batch: ExaminedBatch,
  clock: Clock | null,
): Examination {
  const examination = examine(bytes, size, batch, NO_BOUNDS, clock);
  assert(examination !== null, "without bounds there is an end");
  return examination;
}

/** The same, or null when it would hold the loop. */
export function examineBriefly(
  bytes: Buffer,
  size: number,
  batch: ExaminedBatch,
  clock: Clock,
): Examination | null {
  return examine(bytes, size, batch, LOOP_BOUNDS, clock);
}

function examine(
  bytes: Buffer,
  size: number,
  batch: ExaminedBatch,
  bounds: ExaminationBounds,
  clock: Clock | null,
): Examination | null {
  const { config } = batch;
  const source = header.compressionOf(bytes, 0);
  assert(isCompressionType(source), "a codec that was checked with the header");
  const target = targetCompression(bytes, source, config);
  let recordBytes = bytes;
  let start = header.BATCH_HEADER_SIZE;
  let end = size;
  if (source !== CompressionType.NONE) {
    if (size > bounds.compressedMax) return null;
    const compressed = bytes.subarray(start, end);
    const decompressed = decompressRecords(source, compressed, config, bounds);
    if (!Buffer.isBuffer(decompressed)) return decompressed;
    recordBytes = decompressed;
    start = 0;
    end = decompressed.length;
  }
  const isCodecKept = source === target;
  if (!isCodecKept && isLongToCompress(target, end - start, config, bounds)) return null;
  const records = checkRecords(bytes, recordBytes, start, end, isCodecKept, batch, bounds);
  if (records === null || "errorCode" in records) return records;
  if (isCodecKept && records.areInOrder) return checkSegmentSize(size, config) ?? records;
  if (isLongToCompress(target, end - start, config, bounds)) return null;
  const startMs = clock?.monotonicMs() ?? 0;
  const rewritten = rewrite(bytes, records, target, batch);
  if (!Buffer.isBuffer(rewritten)) return rewritten;
  const tookMs = (clock?.monotonicMs() ?? 0) - startMs;
  const plainSize = header.BATCH_HEADER_SIZE + end - start;
  return { rewritten, tookMs, temporaryBytes: records.temporaryBytes + plainSize };
}

function rewrite(
  bytes: Buffer,
  records: CheckedRecords,
  target: CompressionType,
  { config, nowMs }: ExaminedBatch,
): Buffer | InvalidBatch {
  const rewritten = rewriteBatch(bytes, records, {
    compression: target,
    compressionLevel: compressionLevel(target, config),
    baseOffset: 0,
    partitionLeaderEpoch: -1,
    appendTimeMs: config.messageTimestampType === "LogAppendTime" ? nowMs : -1,
  });
  const { maxMessageBytes } = config;
  if (rewritten.length > maxMessageBytes) return tooLarge(rewritten.length, maxMessageBytes);
  return checkSegmentSize(rewritten.length, config) ?? rewritten;
}

function checkSegmentSize(size: number, { segmentBytes }: ExaminationConfig): InvalidBatch | null {
  if (size <= segmentBytes) return null;
  const message = `The record batch has ${size} bytes, a segment at most ${segmentBytes}`;
  return reject(ErrorCode.RECORD_LIST_TOO_LARGE, message);
}

/** Null where that would take too long. */
function decompressRecords(
  compression: CompressionType,
  compressed: Buffer,
  config: ExaminationConfig,
  { plainMax }: ExaminationBounds,
): Buffer | InvalidBatch | null {
  const sizeMax = Math.max(DECOMPRESSED_BATCH_SIZE, 4 * config.maxMessageBytes);
  try {
    return decompress(compression, compressed, Math.min(sizeMax, plainMax));
  } catch (error) {
    if (error instanceof OutputTooLargeError) {
      if (plainMax < sizeMax) return null;
      // A producer answers this by making smaller batches.
      return reject(ErrorCode.MESSAGE_TOO_LARGE, `Decompressed, it is above ${sizeMax} bytes`);
    }
    if (error instanceof ProtocolError) return invalidRecord(error.message);
    throw error;
  }
}

/** Null where that would take too long. */
function checkRecords(
  bytes: Buffer,
  recordBytes: Buffer,
  start: number,
  end: number,
  isCodecKept: boolean,
  batch: ExaminedBatch,
  { unusualMax }: ExaminationBounds,
): CheckedRecords | InvalidBatch | null {
  const { config, nowMs } = batch;
  const temporaryBytes = recordBytes === bytes ? 0 : header.BATCH_HEADER_SIZE + end;
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
      return {
        bytes: recordBytes,
        start,
        end,
        maxTimestamp: walked,
        areInOrder: true,
        temporaryBytes,
      };
    }
  }
  if (end - start > unusualMax) return null;
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
    return "errorCode" in inspected
      ? inspected
      : { bytes: recordBytes, start, end, ...inspected, temporaryBytes };
  } catch (error) {
    if (error instanceof ProtocolError) return invalidRecord(error.message);
    throw error;
  }
}

function targetCompression(
  bytes: Buffer,
  source: CompressionType,
  config: ExaminationConfig,
): CompressionType {
  if (config.compressionType === "producer") return source;
  // Markers are written as they are, unless they come compressed.
  if (source === CompressionType.NONE && header.isControl(bytes, 0)) return source;
  return config.compressionType === "uncompressed"
    ? CompressionType.NONE
    : compressionTypeOf(config.compressionType);
}

/** The levels are those of the topic's own codec; a producer's is kept at the codec's default. */
function compressionLevel(type: CompressionType, config: ExaminationConfig): number | null {
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

/**
 * Measured on text, MB/s: snappy, lz4 and zstd 3 make 450-1000, gzip 30-70, lz4 12 and zstd 9
 * 10-50, zstd 19 2-3.
 */
function isLongToCompress(
  type: CompressionType,
  plainSize: number,
  config: ExaminationConfig,
  { plainMax }: ExaminationBounds,
): boolean {
  const level = compressionLevel(type, config);
  switch (type) {
    case CompressionType.NONE:
      return plainSize > plainMax;
    case CompressionType.SNAPPY:
      return plainSize > plainMax / 2;
    case CompressionType.GZIP:
      return plainSize > plainMax / 16;
    case CompressionType.LZ4:
      return plainSize > plainMax / (level === null || level === LZ4_FAST_LEVEL ? 2 : 64);
    case CompressionType.ZSTD:
      if (level === null || level <= ZSTD_FAST_LEVEL) return plainSize > plainMax / 2;
      return plainSize > plainMax / (level <= ZSTD_MIDDLE_LEVEL ? 32 : 512);
  }
}

const LZ4_FAST_LEVEL = 9;
const ZSTD_FAST_LEVEL = 3;
const ZSTD_MIDDLE_LEVEL = 9;

export function tooLarge(size: number, sizeMax: number): InvalidBatch {
  const message = `The record batch has ${size} bytes, where ${sizeMax} are allowed`;
  return reject(ErrorCode.MESSAGE_TOO_LARGE, message);
}

export function invalidRecord(message: string, flaw: Flaw | null = null): InvalidBatch {
  return reject(ErrorCode.INVALID_RECORD, message, flaw);
}

export function reject(
  errorCode: ErrorCode,
  message: string,
  flaw: Flaw | null = null,
): InvalidBatch {
  return { errorCode, message, recordErrors: [], flaw };
}
