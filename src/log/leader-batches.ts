/** What a leader does to batches of clients and coordinators before they go into its log. */
import { ErrorCode } from "../protocol/error-code.ts";
import {
  isIntact,
  lastOffset,
  maxTimestamp,
  nextBatchSize,
  setBaseOffset,
  setMaxTimestamp,
  setPartitionLeaderEpoch,
  TimestampType,
} from "../protocol/record-batch.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import type { BatchRun } from "./log-append.ts";
import type { LogConfig } from "./log-config.ts";
import type { Refusal } from "./producer-checks.ts";

export interface AcceptedBatches extends BatchRun {
  readonly appendTimeMs: number;
}

export function acceptFromProducer(
  bytes: Buffer,
  config: LogConfig,
  logEndOffset: number,
  options: { readonly leaderEpoch: number; readonly nowMs: number },
): AcceptedBatches | Refusal {
  const isAppendTime = config.messageTimestampType === "LogAppendTime";
  let offset = logEndOffset;
  let timestamp = -1;
  let at = 0;
  try {
    while (at < bytes.length) {
      const size = nextBatchSize(bytes, at, bytes.length);
      if (size === 0 || !isIntact(bytes, at)) {
        return { errorCode: ErrorCode.CORRUPT_MESSAGE, message: "Record is corrupt" };
      }
      setBaseOffset(bytes, at, offset);
      setPartitionLeaderEpoch(bytes, at, options.leaderEpoch);
      if (isAppendTime) setMaxTimestamp(bytes, at, TimestampType.LOG_APPEND_TIME, options.nowMs);
      timestamp = Math.max(timestamp, maxTimestamp(bytes, at));
      offset = lastOffset(bytes, at) + 1;
      at += size;
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { errorCode: ErrorCode.CORRUPT_MESSAGE, message: error.message };
  }
  return {
    bytes,
    size: at,
    firstOffset: logEndOffset,
    lastOffset: offset - 1,
    maxTimestamp: timestamp,
    appendTimeMs: isAppendTime ? options.nowMs : -1,
  };
}
