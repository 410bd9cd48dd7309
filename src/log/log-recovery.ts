/**
 * After a crash: the batches of segments that may not be whole on the disk are read, checked and
 * counted, and everything that is made of them (indexes, epochs, producers) is made anew.
 */
import {
  baseOffset,
  CURRENT_MAGIC,
  isIntact,
  lastOffset,
  magic,
  maxTimestamp,
  partitionLeaderEpoch,
} from "../protocol/record-batch.ts";
import { scanBatches } from "./batch-scan.ts";
import type { LogState } from "./log-state.ts";
import { removeSegments } from "./log-truncate.ts";
import type { Segment } from "./segment.ts";

/**
 * Checks all segments from that of `recoveryPoint` on and cuts the log where the first bad batch
 * begins. Returns the offset behind the last good one.
 */
export async function recoverFrom(
  state: LogState,
  recoveryPoint: number,
  logStartOffset: number,
): Promise<number> {
  const { segments, producers, host, name } = state;
  const toRecover = segments.between(recoveryPoint, Number.POSITIVE_INFINITY);
  const first = toRecover[0]!;
  await producers.reloadSlowly(Math.min(logStartOffset, first.baseOffset), first.baseOffset);
  let endOffset = first.baseOffset;
  for (const segment of toRecover) {
    const sizeBefore = segment.size;
    producers.endOffset = segment.baseOffset;
    if (segment.baseOffset > 0) producers.takeSnapshot();
    endOffset = await recoverSegment(state, segment);
    producers.endOffset = endOffset;
    segment.coolDown();
    if (segment.size === sizeBefore) continue;
    host.logger.warn(
      `${name}: cut ${sizeBefore - segment.size} invalid bytes off segment ` +
        `${segment.baseOffset}, the log ends at offset ${endOffset}`,
    );
    const later = toRecover.filter((other) => other.baseOffset > segment.baseOffset);
    removeSegments(state, later);
    break;
  }
  return endOffset;
}

/** Builds the indexes of a segment that is not at the end; what is damaged in it stays. */
export async function rebuildSegment(state: LogState, segment: Segment): Promise<void> {
  const { size } = segment;
  await noteAll(state, segment, () => undefined);
  if (segment.size < size) {
    state.host.logger.error(
      `${state.name}: segment ${segment.baseOffset} is damaged at position ${segment.size}`,
    );
  }
  segment.finishRebuild(size);
  segment.coolDown();
}

async function recoverSegment(state: LogState, segment: Segment): Promise<number> {
  const { epochs, producers } = state;
  const endOffset = await noteAll(state, segment, (bytes, at) => {
    if (magic(bytes, at) < CURRENT_MAGIC) return;
    const epoch = partitionLeaderEpoch(bytes, at);
    if (epoch >= 0 && epoch > epochs.latestEpoch) epochs.assign(epoch, baseOffset(bytes, at));
    const completed = producers.add(bytes, at);
    if (completed === null) return;
    if (completed.isAborted) {
      const lastStableOffset = producers.state.lastStableOffsetAfter(completed);
      segment.transactionIndex.append({ ...completed, lastStableOffset });
    }
    producers.state.complete(completed);
  });
  segment.finishRebuild(segment.size);
  return endOffset;
}

/** Notes good batches from the start of the segment; returns the offset behind the last one. */
async function noteAll(
  state: LogState,
  segment: Segment,
  visit: (bytes: Buffer, at: number) => void,
): Promise<number> {
  const { size } = segment;
  const { indexIntervalBytes } = state.config;
  let endOffset = segment.baseOffset;
  const handle = segment.log;
  const file = handle.retain();
  try {
    segment.startRebuild();
    await scanBatches(file, 0, size, (bytes, at, batchSize) => {
      const first = baseOffset(bytes, at);
      const last = lastOffset(bytes, at);
      const isInOrder = last >= first && (first >= endOffset || magic(bytes, at) < CURRENT_MAGIC);
      if (!isInOrder || last < endOffset || !segment.canHold(last)) return false;
      if (!isIntact(bytes, at)) return false;
      visit(bytes, at);
      segment.noteBatch(first, last, maxTimestamp(bytes, at), batchSize, indexIntervalBytes);
      endOffset = last + 1;
      return true;
    });
  } finally {
    handle.release();
  }
  return endOffset;
}
