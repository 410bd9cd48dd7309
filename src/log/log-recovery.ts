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
  NO_PARTITION_LEADER_EPOCH,
  partitionLeaderEpoch,
} from "../protocol/record-batch.ts";
import { scanBatches } from "./batch-scan.ts";
import { isCompacted } from "./log-config.ts";
import type { LogState } from "./log-state.ts";
import { removeSegments } from "./log-truncate.ts";
import type { Segment } from "./segment.ts";

/**
 * Checks all segments from that of `recoveryPoint` on and cuts the log where the first bad batch
 * begins. Returns the offset behind the last good one.
 *
 * Batches from `rewriteFrom` on are written once more, as they are: a sync may have failed before
 * the process ended, and then the kernel holds pages for clean that are nowhere but in its cache.
 */
export async function recoverFrom(
  state: LogState,
  recoveryPoint: number,
  logStartOffset: number,
  rewriteFrom: number,
): Promise<number> {
  const { segments, producers, host, name } = state;
  const toRecover = segments.between(recoveryPoint, Number.POSITIVE_INFINITY);
  const first = toRecover[0]!;
  await producers.reloadSlowly(Math.min(logStartOffset, first.baseOffset), first.baseOffset);
  // The checkpoint of epochs may be older than the last truncation; the batches know. Of a
  // compacted log they do not: those that an epoch began with may be gone.
  if (!isCompacted(state.config)) state.epochs.truncateFromEnd(first.baseOffset);
  let endOffset = first.baseOffset;
  const epochs = { latest: NO_PARTITION_LEADER_EPOCH };
  for (const segment of toRecover) {
    const sizeBefore = segment.size;
    producers.endOffset = segment.baseOffset;
    if (segment.baseOffset > 0) producers.takeSnapshot();
    endOffset = await recoverSegment(state, segment, rewriteFrom, epochs);
    producers.endOffset = endOffset;
    segment.coolDown();
    const later = toRecover.filter((other) => other.baseOffset > segment.baseOffset);
    const cutBytes = sizeBefore - segment.size;
    const goesOn = !endsEarly(state, endOffset, later[0]) && !endsLate(endOffset, later[0]);
    if (cutBytes === 0 && goesOn) continue;
    host.logger.warn(
      `${name}: cut ${cutBytes} invalid bytes off segment ${segment.baseOffset} ` +
        `and ${later.length} segments behind it, the log ends at offset ${endOffset}`,
    );
    removeSegments(state, later);
    break;
  }
  return endOffset;
}

/**
 * A loss of power may take the end of a segment and leave the next one: what follows such a hole
 * is no more than what came before it. Compacted topics have holes of their own, and so have those
 * that were compacted once, as far as the cleaner came.
 */
function endsEarly(state: LogState, endOffset: number, next: Segment | undefined): boolean {
  if (next === undefined || endOffset >= next.baseOffset) return false;
  return !isCompacted(state.config) && next.baseOffset > state.cleanerOffset;
}

/**
 * The segment was cut and the next one begun there, but the cut was lost with the power: what
 * follows was not durable either.
 */
function endsLate(endOffset: number, next: Segment | undefined): boolean {
  return next !== undefined && endOffset > next.baseOffset;
}

/** Of the batches so far. */
interface LastEpoch {
  latest: number;
}

async function recoverSegment(
  state: LogState,
  segment: Segment,
  rewriteFrom: number,
  lastEpoch: LastEpoch,
): Promise<number> {
  const { epochs, producers } = state;
  const fileSize = segment.size;
  const endOffset = await noteAll(state, segment, rewriteFrom, lastEpoch, (bytes, at) => {
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
  segment.finishRebuild(fileSize);
  return endOffset;
}

/** Notes good batches from the start of the segment; returns the offset behind the last one. */
async function noteAll(
  state: LogState,
  segment: Segment,
  rewriteFrom: number,
  lastEpoch: LastEpoch,
  visit: (bytes: Buffer, at: number) => void,
): Promise<number> {
  const { size } = segment;
  const { indexIntervalBytes } = state.config;
  let endOffset = segment.baseOffset;
  const handle = segment.log;
  const file = handle.retain();
  try {
    segment.startRebuild();
    await scanBatches(file, 0, size, (bytes, at, batchSize, position) => {
      const first = baseOffset(bytes, at);
      const last = lastOffset(bytes, at);
      const isInOrder = last >= first && (first >= endOffset || magic(bytes, at) < CURRENT_MAGIC);
      if (!isInOrder || last < endOffset || !segment.canHold(last)) return false;
      if (!isIntact(bytes, at)) return false;
      // What was cut off before the crash may show again behind what was written over it, in this
      // segment or as one of its own.
      const isOld = magic(bytes, at) < CURRENT_MAGIC;
      const epoch = isOld ? lastEpoch.latest : partitionLeaderEpoch(bytes, at);
      if (epoch !== NO_PARTITION_LEADER_EPOCH && epoch < lastEpoch.latest) return false;
      lastEpoch.latest = epoch;
      if (last >= rewriteFrom) file.write(bytes, at, batchSize, position);
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
