/** KIP-1106: where a share group begins in a partition of which it has no state. */
import { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP } from "../../log/timestamp-search.ts";
import type { Partition } from "../../partition/partition.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { listOffset } from "../list-offsets.ts";
import { durationMs } from "../settings/duration.ts";
import { type ShareError, shareError } from "./share-error.ts";

/** `reset` is the group's share.auto.offset.reset: latest, earliest, or by_duration:P... */
export async function firstOffsetFor(
  partition: Partition,
  leaderEpoch: number,
  reset: string,
  wallMs: number,
): Promise<number | ShareError> {
  const timestamp = timestampFor(reset, wallMs);
  const { errorCode, offset } = await listOffset(partition, {
    timestamp,
    currentLeaderEpoch: leaderEpoch,
    replicaId: CONSUMER,
    isolationLevel: READ_UNCOMMITTED,
  });
  if (errorCode !== ErrorCode.NONE) return shareError(errorCode, null);
  if (offset >= 0) return offset;
  const { topic, index } = partition;
  return shareError(
    ErrorCode.OFFSET_NOT_AVAILABLE,
    `Offset for timestamp ${timestamp} not found for topic partition: ${topic}-${index}`,
  );
}

function timestampFor(reset: string, wallMs: number): number {
  if (reset === "earliest") return EARLIEST_TIMESTAMP;
  if (!reset.startsWith(BY_DURATION)) return LATEST_TIMESTAMP;
  return Math.max(0, wallMs - (durationMs(reset.slice(BY_DURATION.length)) ?? 0));
}

const BY_DURATION = "by_duration:";
const CONSUMER = -1;
const READ_UNCOMMITTED = 0;
