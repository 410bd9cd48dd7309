/**
 * What is wrong with which record of a batch: Kafka's checks in Kafka's order, with the messages
 * that its clients show to people. Only for batches that the fast walk did not pass.
 */
import { ErrorCode } from "../protocol/error-code.ts";
import { NO_TIMESTAMP } from "../protocol/record-batch.ts";
import type { RecordCursor } from "../protocol/record-cursor.ts";
import type { RecordError } from "./append-result.ts";
import { type LogConfig, NEVER } from "./log-config.ts";
import type { Flaw } from "./validation-stats.ts";

export interface Inspection {
  readonly topicPartition: string;
  readonly config: Pick<
    LogConfig,
    "messageTimestampAfterMaxMs" | "messageTimestampBeforeMaxMs" | "messageTimestampType"
  >;
  readonly nowMs: number;
  /** Every record must have a key. */
  readonly keyed: boolean;
  readonly timestampMin: number;
  readonly timestampMax: number;
  readonly baseTimestamp: number;
  /** The client set the flag that only a broker may. */
  readonly isStampedByClient: boolean;
  /** Kafka describes a record otherwise when it has not looked at key and value. */
  readonly areFieldsSkipped: boolean;
}

export interface Rejection {
  readonly errorCode: ErrorCode;
  readonly message: string;
  readonly recordErrors: readonly RecordError[];
  readonly flaw: Flaw | null;
}

/** Exact in a double with room to spare: the year 144,000 and as much before 1970. */
export const TIMESTAMP_MAX = 2 ** 52;

/** So many records are named one by one: more would make the answer longer than the request. */
const RECORD_ERRORS_MAX = 10_000;

const NO_KEY = "Compacted topic cannot accept message without key";

/** Throws `ProtocolError` where a record cannot be read. */
export function inspectRecords(
  cursor: RecordCursor,
  inspection: Inspection,
): { maxTimestamp: number; areInOrder: boolean } | Rejection {
  const recordErrors: RecordError[] = [];
  let errorCount = 0;
  let keylessCount = 0;
  let isTimestampWrong = false;
  let maxTimestamp = NO_TIMESTAMP;
  let areInOrder = true;
  while (cursor.next()) {
    let message: string | null = null;
    if (inspection.keyed && cursor.keySize < 0) {
      const { topicPartition } = inspection;
      keylessCount++;
      message = `${NO_KEY} in topic partition ${topicPartition}`;
    } else {
      message = timestampError(cursor, inspection);
      isTimestampWrong ||= message !== null;
    }
    if (message !== null) {
      errorCount++;
      if (errorCount <= RECORD_ERRORS_MAX) recordErrors.push({ batchIndex: cursor.index, message });
    }
    maxTimestamp = Math.max(maxTimestamp, cursor.timestamp);
    areInOrder &&= cursor.offsetDelta === cursor.index;
  }
  if (errorCount === 0) return { maxTimestamp, areInOrder };
  const flaw: Flaw | null = keylessCount === 0 ? null : { kind: "noKey", count: keylessCount };
  if (isTimestampWrong) {
    return {
      errorCode: ErrorCode.INVALID_TIMESTAMP,
      message: "One or more records have been rejected due to invalid timestamp",
      recordErrors,
      flaw,
    };
  }
  const firstErrors = recordErrors.slice(0, 3).map(describe).join(", ");
  return {
    errorCode: ErrorCode.INVALID_RECORD,
    message:
      `One or more records have been rejected due to ${errorCount} record errors in total, ` +
      `and only showing the first three errors at most: [${firstErrors}]`,
    recordErrors,
    flaw,
  };
}

function timestampError(cursor: RecordCursor, inspection: Inspection): string | null {
  const { config, baseTimestamp, timestampMin, timestampMax, isStampedByClient } = inspection;
  const delta = cursor.timestampDelta;
  const isExact = Number.isSafeInteger(baseTimestamp) && Number.isSafeInteger(delta);
  if (!isExact || Math.abs(baseTimestamp + delta) > TIMESTAMP_MAX) {
    return outOfRange(cursor, inspection);
  }
  const { timestamp } = cursor;
  if (config.messageTimestampType === "CreateTime" && timestamp !== NO_TIMESTAMP) {
    const isWithin = timestamp >= timestampMin && timestamp <= timestampMax;
    return isWithin ? null : outOfRange(cursor, inspection);
  }
  if (!isStampedByClient) return null;
  return (
    `Invalid timestamp type in message ${nameOf(cursor, inspection)}. ` +
    "Producer should not set timestamp type to LogAppendTime."
  );
}

function outOfRange(cursor: RecordCursor, { config, nowMs }: Inspection): string {
  const now = BigInt(nowMs);
  const earliest = BigInt.asIntN(64, now - longOf(config.messageTimestampBeforeMaxMs));
  const latest = BigInt.asIntN(64, now + longOf(config.messageTimestampAfterMaxMs));
  return (
    `Timestamp ${BigInt(cursor.timestamp)} of message with offset ${cursor.offset} ` +
    `is out of range. The timestamp should be within [${earliest}, ${latest}]`
  );
}

/** Long.MAX_VALUE is not a double. */
function longOf(value: number): bigint {
  return value >= NEVER ? 2n ** 63n - 1n : BigInt(value);
}

function nameOf(cursor: RecordCursor, { areFieldsSkipped }: Inspection): string {
  const [keySize, valueSize] = areFieldsSkipped
    ? [cursor.keySize, cursor.valueSize]
    : [Math.max(cursor.keySize, 0), Math.max(cursor.valueSize, 0)];
  const kind = areFieldsSkipped ? "PartialDefaultRecord" : "DefaultRecord";
  const sizes = `key=${keySize} bytes, value=${valueSize} bytes`;
  return `${kind}(offset=${cursor.offset}, timestamp=${cursor.timestamp}, ${sizes})`;
}

function describe({ batchIndex, message }: RecordError): string {
  return `RecordError(batchIndex=${batchIndex}, message='${message}')`;
}
