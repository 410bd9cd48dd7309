/**
 * Finding what a reader may have. Nothing of it is read here but headers of batches, and those are
 * mostly known or cached: only then the answer comes at once.
 */
import { ErrorCode } from "../protocol/error-code.ts";
import { COLD } from "./index-file.ts";
import { rebuildIndexes } from "./index-rebuild.ts";
import { emptySlice, LogSlice } from "./log-slice.ts";
import type { LogState } from "./log-state.ts";
import { BEYOND_END, DAMAGED, FOUND, type Segment } from "./segment.ts";
import type { AbortedTransaction } from "./transaction-index.ts";

export interface ReadRequest {
  readonly offset: number;
  readonly sizeMax: number;
  /** Exclusive: high watermark, last stable offset or the end of the log. */
  readonly upToOffset: number;
  /** Gives the first batch whole even when it is larger than `sizeMax`. */
  readonly minOneBatch: boolean;
}

/** After so many waits for the disk the last look waits within the turn. */
const WARM_MAX = 16;

export function readLog(state: LogState, request: ReadRequest): LogSlice | Promise<LogSlice> {
  if (state.failure !== null) return emptySlice(ErrorCode.KAFKA_STORAGE_ERROR);
  const { offset, upToOffset } = request;
  if (offset < state.logStartOffset || offset > state.logEndOffset) {
    return emptySlice(ErrorCode.OFFSET_OUT_OF_RANGE);
  }
  if (offset >= Math.min(upToOffset, state.logEndOffset)) return emptySlice();
  state.touch();
  return state.attempt(
    () => {
      const found = locate(state, request, false);
      if (state.segments.floor(offset)?.isIndexDamaged === true) repair(state, offset);
      return found instanceof LogSlice ? found : readCold(state, request, found);
    },
    () => emptySlice(ErrorCode.KAFKA_STORAGE_ERROR),
  );
}

/** Aborted transactions that a reader of `slice` must know to leave their records out. Waits. */
export function abortedTransactions(
  state: LogState,
  fromOffset: number,
  slice: LogSlice,
): AbortedTransaction[] {
  const found: AbortedTransaction[] = [];
  let segment = state.segments.floor(Math.max(fromOffset, slice.segmentBaseOffset));
  if (slice.size === 0 || segment === null) return found;
  const end = slice.position + slice.size;
  const bound = segment.offsetIndex.offsetAtOrBehind(end);
  const next = state.segments.higher(segment);
  const upperBoundOffset = bound !== -1 ? bound : (next?.baseOffset ?? state.logEndOffset);
  while (segment !== null) {
    if (segment.transactionIndex.collect(fromOffset, upperBoundOffset, found)) break;
    segment = state.segments.higher(segment);
  }
  return found;
}

/** The slice, or the segment that has to be warmed first. */
function locate(state: LogState, request: ReadRequest, mayWait: boolean): LogSlice | Segment {
  const { offset, sizeMax, minOneBatch } = request;
  const upToOffset = Math.min(request.upToOffset, state.logEndOffset);
  let segment = state.segments.floor(offset);
  while (segment !== null && segment.baseOffset < upToOffset) {
    const status = segment.locate(offset, mayWait);
    if (status === COLD) return segment;
    if (status === DAMAGED) return damaged(state, segment, offset);
    if (status === BEYOND_END) {
      // All that followed in this segment was compacted away.
      segment = state.segments.higher(segment);
      continue;
    }
    const { foundPosition: position, foundSize } = segment;
    let end = segment.size;
    const next = state.segments.higher(segment);
    if (upToOffset < (next?.baseOffset ?? state.logEndOffset)) {
      const endStatus = segment.locate(upToOffset, mayWait);
      if (endStatus === COLD) return segment;
      if (endStatus === FOUND) end = segment.foundPosition;
    }
    if (foundSize > sizeMax && !minOneBatch) return emptySlice();
    const size = Math.min(end - position, Math.max(sizeMax, foundSize));
    if (size <= 0) return emptySlice();
    const file = segment.logUpTo(position + size);
    return new LogSlice(ErrorCode.NONE, segment.baseOffset, position, size, file);
  }
  return emptySlice();
}

async function readCold(
  state: LogState,
  request: ReadRequest,
  firstSegment: Segment,
): Promise<LogSlice> {
  try {
    let segment = firstSegment;
    for (let round = 0; round < WARM_MAX; round++) {
      await segment.warm();
      const again = checkAgain(state, request);
      if (again !== null) return again;
      const found = locate(state, request, round === WARM_MAX - 1);
      if (found instanceof LogSlice) return found;
      segment = found;
    }
    return emptySlice(ErrorCode.KAFKA_STORAGE_ERROR);
  } catch (error) {
    state.diskFailed(error);
    return emptySlice(ErrorCode.KAFKA_STORAGE_ERROR);
  }
}

/** The log may have changed while the disk was waited for. */
function checkAgain(state: LogState, request: ReadRequest): LogSlice | null {
  if (state.failure !== null) return emptySlice(ErrorCode.KAFKA_STORAGE_ERROR);
  if (request.offset < state.logStartOffset || request.offset > state.logEndOffset) {
    return emptySlice(ErrorCode.OFFSET_OUT_OF_RANGE);
  }
  return null;
}

/** Readers get their answer without the index; it is built anew behind them. */
function repair(state: LogState, offset: number): void {
  const segment = state.segments.floor(offset);
  if (segment === null || segment === state.segments.active) return;
  segment.isIndexDamaged = false;
  const { host, name } = state;
  host.logger.warn(`${name}: the index of segment ${segment.baseOffset} is damaged`);
  host.background
    .run(() => rebuildIndexes(state, segment))
    .catch((error: unknown) => state.diskFailed(error));
}

function damaged(state: LogState, segment: Segment, offset: number): LogSlice {
  const { host, name } = state;
  host.logger.error(`${name}: segment ${segment.baseOffset} is damaged before offset ${offset}`);
  return emptySlice(ErrorCode.CORRUPT_MESSAGE);
}
