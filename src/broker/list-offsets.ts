/** ListOffsets for one partition: what may be asked for, and how far the asker may see. */
import {
  EARLIEST_LOCAL_TIMESTAMP,
  EARLIEST_PENDING_UPLOAD_TIMESTAMP,
  EARLIEST_TIMESTAMP,
  LATEST_TIERED_TIMESTAMP,
  LATEST_TIMESTAMP,
  MAX_TIMESTAMP,
} from "../log/timestamp-search.ts";
import { readableEnd } from "../partition/fetch-read.ts";
import type { Partition } from "../partition/partition.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";

export interface OffsetQuery {
  readonly timestamp: number;
  /** -1 when the client does not say. */
  readonly currentLeaderEpoch: number;
  /** CONSUMER, DEBUGGER, or the id of a follower. */
  readonly replicaId: number;
  readonly isolationLevel: number;
}

export interface OffsetAnswer {
  readonly errorCode: ErrorCode;
  readonly timestamp: number;
  readonly offset: number;
  readonly leaderEpoch: number;
}

/** Of `replicaId`: sees what is committed. */
export const CONSUMER = -1;
/** Of `replicaId`: is answered by any replica. */
const DEBUGGER = -2;

/** From which version of the request on each of the special timestamps is known. */
const SPECIAL_TIMESTAMPS: ReadonlyMap<number, number> = new Map([
  [LATEST_TIMESTAMP, 1],
  [EARLIEST_TIMESTAMP, 1],
  [MAX_TIMESTAMP, 7],
  [EARLIEST_LOCAL_TIMESTAMP, 8],
  [LATEST_TIERED_TIMESTAMP, 9],
  [EARLIEST_PENDING_UPLOAD_TIMESTAMP, 11],
]);

export function isKnownTimestamp(timestamp: number, version: number): boolean {
  return timestamp >= 0 || version >= (SPECIAL_TIMESTAMPS.get(timestamp) ?? Infinity);
}

export async function listOffset(partition: Partition, query: OffsetQuery): Promise<OffsetAnswer> {
  const refused = reasonAgainst(partition, query);
  if (refused !== ErrorCode.NONE) return nothing(refused);
  const { timestamp, replicaId, isolationLevel } = query;
  const isConsumer = replicaId === CONSUMER;
  const { log } = partition;
  const end = isConsumer ? readableEnd(partition, isolationLevel) : log.logEndOffset;
  const isLagging = isConsumer && isBehindItsEpoch(partition);
  if (timestamp === LATEST_TIMESTAMP) {
    if (isLagging) return nothing(ErrorCode.OFFSET_NOT_AVAILABLE);
    const { leaderEpoch } = partition;
    return { errorCode: ErrorCode.NONE, timestamp: -1, offset: end, leaderEpoch };
  }
  try {
    const found = await log.offsetForTimestamp(timestamp);
    // The search may have waited for the disk, or found it broken.
    const late = reasonAgainst(partition, query);
    if (late !== ErrorCode.NONE) return nothing(late);
    const isStart = timestamp === EARLIEST_TIMESTAMP || timestamp === EARLIEST_LOCAL_TIMESTAMP;
    const isVisible = found !== null && (isStart || found.offset < end);
    if (isVisible) return { errorCode: ErrorCode.NONE, ...found };
    return nothing(isLagging ? ErrorCode.OFFSET_NOT_AVAILABLE : ErrorCode.NONE);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return nothing(ErrorCode.CORRUPT_MESSAGE);
  }
}

function reasonAgainst(partition: Partition, query: OffsetQuery): ErrorCode {
  const error = partition.leaderError(query.currentLeaderEpoch);
  const isFine = error === ErrorCode.NOT_LEADER_OR_FOLLOWER && query.replicaId === DEBUGGER;
  return isFine ? ErrorCode.NONE : error;
}

/**
 * KIP-207: until the high watermark has come to where its epoch begins, a new leader does not know
 * what is committed.
 */
function isBehindItsEpoch({ log, leaderEpoch }: Partition): boolean {
  const { highWatermark, logEndOffset } = log;
  if (highWatermark === logEndOffset || log.latestEpoch !== leaderEpoch) return false;
  return log.endOffsetFor(leaderEpoch - 1).endOffset > highWatermark;
}

/** No such offset, or an error. */
export function nothing(errorCode: ErrorCode): OffsetAnswer {
  return { errorCode, timestamp: -1, offset: -1, leaderEpoch: -1 };
}
