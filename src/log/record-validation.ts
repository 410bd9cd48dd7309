/**
 * What a leader checks of a batch before it may go into the log, and what it sets in it: Kafka's
 * rules with Kafka's errors.
 *
 *   header   one whole batch of magic 2 | size | checksum | codec | counts, offsets, sequence
 *   records  (decompressed, within a bound) structure | keys, on a compacted topic | timestamps:
 *            record-examination.ts
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
import type { Clock } from "../base/world.ts";
import { isCompressionType } from "../protocol/compression.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import * as header from "../protocol/record-batch.ts";
import type { Conversion } from "./append-result.ts";
import type { LogConfig } from "./log-config.ts";
import type { AppendOrigin } from "./producer-checks.ts";
import {
  examineBriefly,
  examineRecords,
  type Examination,
  type InvalidBatch,
  invalidRecord,
  reject,
  tooLarge,
} from "./record-examination.ts";
import { WRONG_CHECKSUM, WRONG_MAGIC, WRONG_OFFSET_OR_SEQUENCE } from "./validation-stats.ts";

export interface ProducedBatch {
  readonly config: LogConfig;
  readonly origin: Extract<AppendOrigin, "client" | "coordinator">;
  /** As messages to the client name it: "topic-0". */
  readonly topicPartition: string;
  /** The log's end: what the first record's offset becomes. */
  readonly firstOffset: number;
  readonly leaderEpoch: number;
  readonly nowMs: number;
  readonly clock: Clock;
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
  /** Null where the records could be looked at where they lie. */
  readonly conversion: Conversion | null;
}

/** Changes `bytes` only when it accepts them. What lies behind one whole batch is left out. */
export function validateBatch(bytes: Buffer, batch: ProducedBatch): ValidBatch | InvalidBatch {
  const size = checkHeader(bytes, batch);
  return typeof size === "number"
    ? acceptExamined(bytes, batch, examineRecords(bytes, size, batch, batch.clock))
    : size;
}

/**
 * The same; null, with nothing changed, when the records take so long to look through that a thread
 * should: the header is in order then, and `acceptExamined` does the rest.
 */
export function validateBriefly(
  bytes: Buffer,
  batch: ProducedBatch,
): ValidBatch | InvalidBatch | null {
  const size = checkHeader(bytes, batch);
  if (typeof size !== "number") return size;
  const examination = examineBriefly(bytes, size, batch, batch.clock);
  return examination === null ? null : acceptExamined(bytes, batch, examination);
}

/** Makes true of the batch at `bytes[0]` what was found. */
export function acceptExamined(
  bytes: Buffer,
  batch: ProducedBatch,
  examination: Examination,
): ValidBatch | InvalidBatch {
  const appendTimeMs = batch.config.messageTimestampType === "LogAppendTime" ? batch.nowMs : -1;
  if ("maxTimestamp" in examination) {
    const { maxTimestamp, temporaryBytes } = examination;
    setHeader(bytes, batch, maxTimestamp, appendTimeMs);
    const conversion = temporaryBytes === 0 ? null : { recordCount: 0, tookMs: 0, temporaryBytes };
    return accept(bytes, batch, appendTimeMs, conversion);
  }
  if ("errorCode" in examination) return examination;
  const { rewritten, tookMs, temporaryBytes } = examination;
  header.setBaseOffset(rewritten, 0, batch.firstOffset);
  header.setPartitionLeaderEpoch(rewritten, 0, batch.leaderEpoch);
  const recordCount = header.recordCount(rewritten, 0);
  return accept(rewritten, batch, appendTimeMs, { recordCount, tookMs, temporaryBytes });
}

/** The size of the one batch that is there, or what is wrong with its header. */
function checkHeader(bytes: Buffer, batch: ProducedBatch): number | InvalidBatch {
  try {
    const size = header.nextBatchSize(bytes, 0, bytes.length);
    return headerError(bytes, size, batch) ?? size;
  } catch (error) {
    // Whatever else is wrong with the bytes is turned into a result where it is found.
    if (!(error instanceof ProtocolError)) throw error;
    return reject(ErrorCode.CORRUPT_MESSAGE, error.message);
  }
}

function headerError(bytes: Buffer, size: number, batch: ProducedBatch): InvalidBatch | null {
  if (size === 0) return invalidRecord("There is no whole record batch");
  if (header.magic(bytes, 0) !== header.CURRENT_MAGIC) {
    return invalidRecord(
      `Record batches of magic ${header.magic(bytes, 0)} are not taken`,
      WRONG_MAGIC,
    );
  }
  if (header.nextBatchSize(bytes, size, bytes.length) > 0) {
    return invalidRecord("There is more than one record batch");
  }
  const isClient = batch.origin === "client";
  if (isClient && header.baseOffset(bytes, 0) !== 0) {
    return flawed(`The base offset is ${header.baseOffset(bytes, 0)} and not 0`);
  }
  const { maxMessageBytes } = batch.config;
  if (size > maxMessageBytes) return tooLarge(size, maxMessageBytes);
  if (!header.isIntact(bytes, 0)) {
    return reject(
      ErrorCode.CORRUPT_MESSAGE,
      "The record batch's checksum is wrong",
      WRONG_CHECKSUM,
    );
  }
  if (!isCompressionType(header.compressionOf(bytes, 0))) {
    return reject(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, "There is no such codec");
  }
  if (!Number.isSafeInteger(header.producerId(bytes, 0))) {
    return invalidRecord("No producer id is beyond 2^53");
  }
  const offsets = header.lastOffsetDelta(bytes, 0) + 1;
  const count = header.recordCount(bytes, 0);
  if (offsets <= 0) return flawed(`The last offset is ${offsets - 1} from the first`);
  if (count <= 0) return flawed(`The record count is ${count}`);
  if (offsets !== count) return flawed(`${count} records cannot have ${offsets} offsets`);
  if (!isClient) return null;
  if (header.isControl(bytes, 0)) return flawed("Clients write no control records");
  if (header.hasProducerId(bytes, 0) && header.baseSequence(bytes, 0) < 0) {
    return flawed(`The sequence number is ${header.baseSequence(bytes, 0)}`);
  }
  return null;
}

function flawed(message: string): InvalidBatch {
  return invalidRecord(message, WRONG_OFFSET_OR_SEQUENCE);
}

/** All that the ordinary batch needs. */
function setHeader(
  bytes: Buffer,
  batch: ProducedBatch,
  maxTimestamp: number,
  appendTimeMs: number,
): void {
  header.setBaseOffset(bytes, 0, batch.firstOffset);
  header.setPartitionLeaderEpoch(bytes, 0, batch.leaderEpoch);
  if (appendTimeMs === -1) {
    header.setMaxTimestamp(bytes, 0, header.TimestampType.CREATE_TIME, maxTimestamp);
  } else {
    header.setMaxTimestamp(bytes, 0, header.TimestampType.LOG_APPEND_TIME, appendTimeMs);
  }
}

function accept(
  bytes: Buffer,
  batch: ProducedBatch,
  appendTimeMs: number,
  conversion: Conversion | null,
): ValidBatch {
  return {
    bytes,
    size: header.batchSize(bytes, 0),
    firstOffset: batch.firstOffset,
    lastOffset: header.lastOffset(bytes, 0),
    maxTimestamp: header.maxTimestamp(bytes, 0),
    appendTimeMs,
    conversion,
  };
}
