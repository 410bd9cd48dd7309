/**
 * ListOffsets: from a timestamp, or one of Kafka's special ones, to an offset. The first segment
 * that has come to the timestamp is searched: time index -> offset index -> batches -> records,
 * those of compressed batches too.
 */
import { maxTimestamp, partitionLeaderEpoch } from "../protocol/record-batch.ts";
import { openBatch } from "../protocol/record.ts";
import { scanBatches } from "./batch-scan.ts";
import type { LogState } from "./log-state.ts";
import { FOUND, type Segment } from "./segment.ts";

export const LATEST_TIMESTAMP = -1;
export const EARLIEST_TIMESTAMP = -2;
export const MAX_TIMESTAMP = -3;
export const EARLIEST_LOCAL_TIMESTAMP = -4;
export const LATEST_TIERED_TIMESTAMP = -5;
export const EARLIEST_PENDING_UPLOAD_TIMESTAMP = -6;

export interface TimestampAnswer {
  /** -1 for the ends of the log. */
  readonly timestamp: number;
  readonly offset: number;
  /** -1 when not known. */
  readonly leaderEpoch: number;
}

const SEARCH_CHUNK_SIZE = 64 << 10;

/** Null when no record is that late. Throws `ProtocolError` when a batch cannot be read. */
export async function offsetForTimestamp(
  state: LogState,
  timestamp: number,
): Promise<TimestampAnswer | null> {
  const { epochs, logStartOffset, logEndOffset } = state;
  switch (timestamp) {
    case LATEST_TIMESTAMP:
      return { timestamp: -1, offset: logEndOffset, leaderEpoch: epochs.latestEpoch };
    case EARLIEST_TIMESTAMP:
    case EARLIEST_LOCAL_TIMESTAMP: {
      const { earliest } = epochs;
      const isKnown = earliest !== null && earliest.startOffset <= logStartOffset;
      return { timestamp: -1, offset: logStartOffset, leaderEpoch: isKnown ? earliest.epoch : -1 };
    }
    case LATEST_TIERED_TIMESTAMP:
    case EARLIEST_PENDING_UPLOAD_TIMESTAMP:
      return { timestamp: -1, offset: -1, leaderEpoch: -1 };
    case MAX_TIMESTAMP:
      return searchMaxTimestamp(state);
    default:
      return searchTimestamp(state, timestamp);
  }
}

function searchMaxTimestamp(state: LogState): Promise<TimestampAnswer | null> {
  state.touch();
  let latest = state.segments.first;
  for (const segment of state.segments.all) {
    segment.checkMaxTimestamp();
    if (segment.maxTimestamp > latest.maxTimestamp) latest = segment;
  }
  const wanted = latest.maxTimestamp;
  const isWanted = (timestamp: number): boolean => timestamp === wanted;
  return searchSegment(latest, latest.maxTimestampOffset, 0, isWanted);
}

/**
 * A segment may have come to the timestamp with records alone that lie before the log's start:
 * then those behind it are searched. Kafka gives up there, and its consumer skips to the end.
 */
async function searchTimestamp(state: LogState, target: number): Promise<TimestampAnswer | null> {
  state.touch();
  const isLateEnough = (timestamp: number): boolean => timestamp >= target;
  let segment: Segment | null = state.segments.first;
  while (segment !== null) {
    segment.checkMaxTimestamp();
    if (segment.largestTimestamp >= target) {
      const { logStartOffset } = state;
      const fromOffset = Math.max(indexedOffset(segment, target), logStartOffset);
      const found = await searchSegment(segment, fromOffset, logStartOffset, isLateEnough);
      if (found !== null) return found;
    }
    // Segments may have gone in the meantime.
    segment = state.segments.higher(segment);
  }
  return null;
}

/** All records before it are earlier than `target`. An entry that lies counts for nothing. */
function indexedOffset(segment: Segment, target: number): number {
  const { timeIndex } = segment;
  timeIndex.lookup(target);
  const { foundTimestamp, foundOffset } = timeIndex;
  if (foundTimestamp === -1 || segment.hasBatch(foundOffset, foundTimestamp)) return foundOffset;
  segment.isIndexDamaged = true;
  return segment.baseOffset;
}

/** The first record of `offsetMin` or above whose timestamp is wanted, from `fromOffset` on. */
async function searchSegment(
  segment: Segment,
  fromOffset: number,
  offsetMin: number,
  isWanted: (timestamp: number) => boolean,
): Promise<TimestampAnswer | null> {
  const from = segment.locate(fromOffset, true) === FOUND ? segment.foundPosition : 0;
  let found: TimestampAnswer | null = null;
  const handle = segment.log;
  const file = handle.retain();
  try {
    const visit = (bytes: Buffer, at: number): boolean => {
      // A batch knows its latest record: most need no look inside.
      if (!isWanted(maxTimestamp(bytes, at))) return true;
      const cursor = openBatch(bytes, at);
      while (cursor.next()) {
        if (cursor.offset < offsetMin || !isWanted(cursor.timestamp)) continue;
        const leaderEpoch = partitionLeaderEpoch(bytes, at);
        found = { timestamp: cursor.timestamp, offset: cursor.offset, leaderEpoch };
        return false;
      }
      return true;
    };
    await scanBatches(file, from, segment.size, visit, SEARCH_CHUNK_SIZE);
  } finally {
    handle.release();
  }
  return found;
}
