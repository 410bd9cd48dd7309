/**
 * Batches whose offsets are set already, as replication and KRaft's leader bring them: they are
 * checked, not changed.
 */
import { ErrorCode } from "../protocol/error-code.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import {
  baseOffset,
  batchSize,
  isIntact,
  lastOffset,
  maxTimestamp,
  nextBatchSize,
  NO_PARTITION_LEADER_EPOCH,
  partitionLeaderEpoch,
} from "../protocol/record-batch.ts";
import type { BatchRun } from "./log-append.ts";
import type { Refusal } from "./producer-checks.ts";

export interface GivenBatches {
  /** Of the batches that may be appended: a last one that is not whole does not count. */
  readonly size: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly maxTimestamp: number;
}

/**
 * `leaderEpoch` bounds what replication may bring: batches of a later epoch were sent by a leader
 * that this replica does not follow yet, and are left out (KAFKA-18723). With `isLeader` every
 * batch must have that very epoch.
 */
export function checkGivenBatches(
  bytes: Buffer,
  logEndOffset: number,
  leaderEpoch: number,
  isLeader: boolean,
): GivenBatches | Refusal {
  let at = 0;
  let firstOffset = -1;
  let last = -1;
  let timestamp = -1;
  try {
    while (at < bytes.length) {
      const size = nextBatchSize(bytes, at, bytes.length);
      if (size === 0) break;
      const epoch = partitionLeaderEpoch(bytes, at);
      if (isLeader && epoch !== leaderEpoch) {
        return invalid(`expected leader epoch ${leaderEpoch} but the batch has ${epoch}`);
      }
      if (epoch !== NO_PARTITION_LEADER_EPOCH && epoch > leaderEpoch) break;
      const first = baseOffset(bytes, at);
      if (first <= last || lastOffset(bytes, at) < first) {
        return invalid(`Out of order offsets: ${first} behind ${last}`);
      }
      if (!isIntact(bytes, at)) {
        return { errorCode: ErrorCode.CORRUPT_MESSAGE, message: `Record is corrupt at ${first}` };
      }
      if (firstOffset === -1) firstOffset = first;
      last = lastOffset(bytes, at);
      timestamp = Math.max(timestamp, maxTimestamp(bytes, at));
      at += size;
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { errorCode: ErrorCode.CORRUPT_MESSAGE, message: error.message };
  }
  if (at > 0 && firstOffset < logEndOffset) {
    return invalid(`First offset ${firstOffset} is less than the next offset ${logEndOffset}`);
  }
  return { size: at, firstOffset, lastOffset: last, maxTimestamp: timestamp };
}

/** The same batches in parts that a segment may have, or of one batch where that is larger. */
export function* inParts(bytes: Buffer, size: number, sizeMax: number): Generator<BatchRun> {
  let from = 0;
  let firstOffset = baseOffset(bytes, 0);
  let last = lastOffset(bytes, 0);
  let timestamp = -1;
  for (let at = 0; at < size;) {
    const end = at + batchSize(bytes, at);
    const next = lastOffset(bytes, at);
    const isTooMuch = end - from > sizeMax || next - firstOffset > SPAN_MAX;
    if (isTooMuch && at > from) {
      const part = bytes.subarray(from, at);
      yield {
        bytes: part,
        size: at - from,
        firstOffset,
        lastOffset: last,
        maxTimestamp: timestamp,
      };
      from = at;
      firstOffset = baseOffset(bytes, at);
      timestamp = -1;
    }
    last = next;
    timestamp = Math.max(timestamp, maxTimestamp(bytes, at));
    at = end;
  }
  const rest = bytes.subarray(from, size);
  yield { bytes: rest, size: size - from, firstOffset, lastOffset: last, maxTimestamp: timestamp };
}

/** Offsets of a segment. */
const SPAN_MAX = 2 ** 31 - 1;

function invalid(message: string): Refusal {
  return { errorCode: ErrorCode.INVALID_RECORD, message };
}
