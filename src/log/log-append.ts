/**
 * The end of every append: batches that have their offsets go to the active segment, or to a new
 * one behind it.
 */
import { assert } from "../base/assert.ts";
import {
  baseOffset,
  batchSize,
  isControl,
  isTransactional,
  lastOffset,
  magic,
  partitionLeaderEpoch,
  producerEpoch,
  producerId,
} from "../protocol/record-batch.ts";
import type { LogFlush } from "./log-flush.ts";
import type { LogState } from "./log-state.ts";
import type { Segment } from "./segment.ts";

/** Batches back to back in `bytes[0...size]`, of ascending offsets from the log's end on. */
export interface BatchRun {
  readonly bytes: Buffer;
  readonly size: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly maxTimestamp: number;
}

/**
 * Makes the segment active that has room for the batches. Kafka leaves a full segment before it
 * looks at what producers claim, so a batch that is refused then may begin a segment too.
 */
export function makeRoom(state: LogState, flush: LogFlush, run: BatchRun, nowMs: number): void {
  state.isChanged = true;
  state.touch();
  const { config } = state;
  const { active } = state.segments;
  if (active.shouldRoll(run.size, run.maxTimestamp, run.lastOffset, nowMs, config)) {
    roll(state, flush, run.firstOffset);
  }
}

/**
 * Appends, at once. There is room, and the producers' claims have been checked. Errors of the disk
 * are thrown, and the caller takes the directory offline, so nothing has to be taken back.
 */
export function appendRun(
  state: LogState,
  flush: LogFlush,
  run: BatchRun,
  isGathered: boolean,
): void {
  assert(run.firstOffset >= state.logEndOffset, "a log only grows");
  const { config } = state;
  const segment = state.segments.active;
  assert(segment.canHold(run.lastOffset), "offsets of one append are within 2^31");
  if (isGathered) segment.gather(run.bytes, run.size, config);
  else segment.append(run.bytes, 0, run.size, config);
  state.logEndOffset = run.lastOffset + 1;
  for (let at = 0; at < run.size; at += batchSize(run.bytes, at)) {
    takeIntoAccount(state, segment, run.bytes, at);
  }
  state.producers.endOffset = state.logEndOffset;
  if (state.epochs.isDirty) void flush.writeEpochs().catch((error) => state.diskFailed(error));
}

/**
 * Leaves the active segment for one that begins at `baseOffset` or the log's end. What is left is
 * flushed in the background. An empty active segment stays.
 */
export function roll(state: LogState, flush: LogFlush, baseOffset: number): Segment {
  const newOffset = Math.max(baseOffset, state.logEndOffset);
  const active = state.segments.active;
  if (active.size === 0 && active.canHold(newOffset)) return active;
  state.isChanged = true;
  active.close();
  const segment = state.segmentAt(newOffset, 0);
  segment.createFiles();
  state.segments.add(segment);
  state.isDirectoryDirty = true;
  state.producers.endOffset = newOffset;
  state.producers.takeSnapshot();
  void flush.flushInBackground(newOffset);
  return segment;
}

function takeIntoAccount(state: LogState, segment: Segment, bytes: Buffer, at: number): void {
  if (magic(bytes, at) < 2) {
    // Without an epoch of each record logs cannot be compared: the high watermark has to do.
    if (state.epochs.latestEpoch !== -1) state.epochs.clear();
    return;
  }
  const epoch = partitionLeaderEpoch(bytes, at);
  if (epoch >= 0) state.epochs.assign(epoch, baseOffset(bytes, at));
  const completed = state.producers.add(bytes, at);
  if (isTransactional(bytes, at)) endVerification(state, bytes, at);
  if (completed === null) return;
  assert(isControl(bytes, at), "a marker decides a transaction");
  if (completed.isAborted) {
    const lastStableOffset = state.producers.state.lastStableOffsetAfter(completed);
    const { producerId, firstOffset } = completed;
    const entry = { producerId, firstOffset, lastOffset: lastOffset(bytes, at), lastStableOffset };
    segment.transactionIndex.append(entry);
  }
  state.producers.state.complete(completed);
}

function endVerification({ verifications }: LogState, bytes: Buffer, at: number): void {
  const id = producerId(bytes, at);
  if (isControl(bytes, at)) verifications.markerAppended(id, producerEpoch(bytes, at));
  else verifications.batchAppended(id);
}
