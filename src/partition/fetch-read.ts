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
}

/** KIP-98: which records a consumer may see. */
export const READ_COMMITTED = 1;

export function failedRead(errorCode: ErrorCode): PartitionRead {
  return {
    errorCode,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    divergingEpoch: null,
    abortedTransactions: null,
    slice: null,
  };
}

/** Where readers of this isolation level must stop. */
export function readableEnd(partition: Partition, isolationLevel: number): number {
  const { log } = partition;
  return isolationLevel === READ_COMMITTED ? log.lastStableOffset : log.highWatermark;
}

/**
 * Up to `sizeMax` bytes from a position on; with `isAtLeastOne`, the first batch even if it is
 * larger. Usually answers at once: a promise only where an index must be read from the disk.
 */
export function readPartition(
  partition: Partition,
  position: FetchPosition,
  isolationLevel: number,
  sizeMax: number,
  isAtLeastOne: boolean,
): PartitionRead | Promise<PartitionRead> {
  const { log } = partition;
  const leaderError = partition.leaderError(position.currentLeaderEpoch);
  if (leaderError !== ErrorCode.NONE) return failedRead(leaderError);
  const { fetchOffset, lastFetchedEpoch } = position;
  const end = readableEnd(partition, isolationLevel);
  const found = (slice: LogSlice | null, divergingEpoch: EpochEnd | null): PartitionRead => ({
    errorCode: ErrorCode.NONE,
    highWatermark: log.highWatermark,
    lastStableOffset: log.lastStableOffset,
    logStartOffset: log.logStartOffset,
    divergingEpoch,
    abortedTransactions:
      isolationLevel === READ_COMMITTED && slice !== null
        ? log.abortedTransactions(fetchOffset, slice)
        : null,
    slice,
  });
  if (lastFetchedEpoch >= 0) {
    if (fetchOffset < log.logStartOffset) return failedRead(ErrorCode.OFFSET_OUT_OF_RANGE);
    const own = log.endOffsetFor(lastFetchedEpoch);
    if (own.endOffset < 0) return failedRead(ErrorCode.OFFSET_OUT_OF_RANGE);
    if (own.epoch < lastFetchedEpoch || own.endOffset < fetchOffset) return found(null, own);
  }
  if (fetchOffset < log.logStartOffset || fetchOffset > log.logEndOffset) {
    return failedRead(ErrorCode.OFFSET_OUT_OF_RANGE);
  }
  const slice = log.read(fetchOffset, sizeMax, end, isAtLeastOne);
  return slice instanceof Promise ? slice.then(checked) : checked(slice);

  function checked(slice: LogSlice): PartitionRead {
    if (slice.errorCode === ErrorCode.NONE) return found(slice, null);
    slice.release();
    return failedRead(slice.errorCode);
  }
}
