/** What a partition has to say to a fetch: where its records lie, not the records themselves. */
import type { AbortedTransaction } from "../log/transaction-index.ts";
import type { EpochEnd } from "../log/leader-epochs.ts";
import type { LogSlice } from "../log/log-slice.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import type { Partition } from "./partition.ts";

export interface FetchPosition {
  readonly fetchOffset: number;
  /** -1 when the client does not say. */
  readonly currentLeaderEpoch: number;
  /** Epoch of the last record that the client has; -1 when it does not say. */
  readonly lastFetchedEpoch: number;
}

export interface PartitionRead {
  readonly errorCode: ErrorCode;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  /** The log parted from the client's at this epoch: it must truncate before it goes on. */
  readonly divergingEpoch: EpochEnd | null;
  /** Null unless only committed records are wanted. */
  readonly abortedTransactions: readonly AbortedTransaction[] | null;
  /** To be released by whoever asked. Null on an error. */
  readonly slice: LogSlice | null;
  /** KIP-392: the consumer had better ask this broker; NO_REPLICA when it need not. */
  readonly preferredReadReplica: number;
}

export const NO_REPLICA = -1;

/** What a replica of the partition says besides. */
export interface FollowerFetch extends FetchPosition {
  readonly replicaId: number;
  /** KIP-903; -1 when it does not say. */
  readonly brokerEpoch: number;
  readonly logStartOffset: number;
  /** When the request came, by the monotonic clock. */
  readonly receivedMs: number;
}

/** KIP-98: which records a consumer may see. */
export const READ_COMMITTED = 1;
/** Replicas get all that there is. */
export const READ_LOG_END = 2;

export function failedRead(errorCode: ErrorCode): PartitionRead {
  return {
    errorCode,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    divergingEpoch: null,
    abortedTransactions: null,
    slice: null,
    preferredReadReplica: NO_REPLICA,
  };
}

/** What a leader says to a consumer that another replica serves better; null when none does. */
export function preferredReplica(
  partition: Partition,
  { fetchOffset, currentLeaderEpoch }: FetchPosition,
  select: (partition: Partition, fetchOffset: number) => number | null,
): PartitionRead | null {
  if (!partition.isLeader) return null;
  const preferredReadReplica = select(partition, fetchOffset);
  if (preferredReadReplica === null) return null;
  const refused = partition.readError(currentLeaderEpoch, true);
  if (refused !== ErrorCode.NONE) return failedRead(refused);
  const { highWatermark, lastStableOffset, logStartOffset } = partition.log;
  return {
    errorCode: ErrorCode.NONE,
    highWatermark,
    lastStableOffset,
    logStartOffset,
    divergingEpoch: null,
    abortedTransactions: null,
    slice: null,
    preferredReadReplica,
  };
}

/** Where readers of this isolation level must stop. */
export function readableEnd(partition: Partition, isolationLevel: number): number {
  const { log } = partition;
  if (isolationLevel === READ_LOG_END) return log.logEndOffset;
  return isolationLevel === READ_COMMITTED ? log.lastStableOffset : log.highWatermark;
}

/**
 * The same as `readPartition` for a replica, whose fetch also tells how far it is: once nothing
 * speaks against it.
 */
export function readAsFollower(
  partition: Partition,
  fetch: FollowerFetch,
  sizeMax: number,
  isAtLeastOne: boolean,
): PartitionRead | Promise<PartitionRead> {
  const { replicaId, brokerEpoch, fetchOffset, logStartOffset, receivedMs } = fetch;
  const refused = partition.followerError(replicaId, fetch.currentLeaderEpoch);
  if (refused !== ErrorCode.NONE) return failedRead(refused);
  const { leaderEpoch } = partition;
  // What is appended behind the read does not make the follower late.
  const { logEndOffset } = partition.log;
  const known = { ...fetch, currentLeaderEpoch: leaderEpoch };
  const read = readPartition(partition, known, READ_LOG_END, sizeMax, isAtLeastOne);
  return read instanceof Promise ? read.then(told) : told(read);

  function told(found: PartitionRead): PartitionRead {
    if (found.errorCode !== ErrorCode.NONE || found.divergingEpoch !== null) return found;
    const lost = partition.leaderError(leaderEpoch);
    const errorCode =
      lost !== ErrorCode.NONE
        ? lost
        : partition.followerFetched(
            replicaId,
            brokerEpoch,
            fetchOffset,
            logStartOffset,
            receivedMs,
            logEndOffset,
          );
    if (errorCode === ErrorCode.NONE) return found;
    found.slice?.release();
    return failedRead(errorCode);
  }
}

/**
 * Up to `sizeMax` bytes from a position on; with `isAtLeastOne`, the first batch even if it is
 * larger. Usually answers at once: a promise only where an index must be read from the disk. With
 * `mayFollow` (KIP-392) a replica that does not lead answers too.
 */
export function readPartition(
  partition: Partition,
  position: FetchPosition,
  isolationLevel: number,
  sizeMax: number,
  isAtLeastOne: boolean,
  mayFollow = false,
): PartitionRead | Promise<PartitionRead> {
  const { log } = partition;
  const readError = partition.readError(position.currentLeaderEpoch, mayFollow);
  if (readError !== ErrorCode.NONE) return failedRead(readError);
  const { fetchOffset, lastFetchedEpoch } = position;
  const end = readableEnd(partition, isolationLevel);
  const found = (
    slice: LogSlice | null,
    divergingEpoch: EpochEnd | null,
    aborted: readonly AbortedTransaction[] | null,
  ): PartitionRead => ({
    errorCode: ErrorCode.NONE,
    highWatermark: log.highWatermark,
    lastStableOffset: log.lastStableOffset,
    logStartOffset: log.logStartOffset,
    divergingEpoch,
    abortedTransactions: aborted,
    slice,
    preferredReadReplica: NO_REPLICA,
  });
  if (lastFetchedEpoch >= 0) {
    if (fetchOffset < log.logStartOffset) return failedRead(ErrorCode.OFFSET_OUT_OF_RANGE);
    const own = log.endOffsetFor(lastFetchedEpoch);
    if (own.endOffset < 0) return failedRead(ErrorCode.OFFSET_OUT_OF_RANGE);
    if (own.epoch < lastFetchedEpoch || own.endOffset < fetchOffset) {
      return found(null, own, null);
    }
  }
  if (fetchOffset < log.logStartOffset || fetchOffset > log.logEndOffset) {
    return failedRead(ErrorCode.OFFSET_OUT_OF_RANGE);
  }
  const slice = log.read(fetchOffset, sizeMax, end, isAtLeastOne);
  return slice instanceof Promise ? slice.then(checked) : checked(slice);

  function checked(slice: LogSlice): PartitionRead {
    if (slice.errorCode !== ErrorCode.NONE) return refused(slice, slice.errorCode);
    if (isolationLevel !== READ_COMMITTED) return found(slice, null, null);
    const aborted = log.abortedTransactions(fetchOffset, slice);
    // Without them the reader would take what was aborted for committed.
    if (aborted === null) return refused(slice, ErrorCode.KAFKA_STORAGE_ERROR);
    return found(slice, null, aborted);
  }
}

function refused(slice: LogSlice, errorCode: ErrorCode): PartitionRead {
  slice.release();
  return failedRead(errorCode);
}
