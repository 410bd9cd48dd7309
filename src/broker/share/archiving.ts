/**
 * Records that are archived without anybody's word: those before a new start of the log, those
 * that compaction has removed, and those of aborted transactions.
 *
 * Nothing of it is kept: after a restart the log says the same again.
 */
import type { InFlightBatch } from "./in-flight-batch.ts";
import type { InFlightRecords } from "./in-flight-records.ts";
import type { AcquiredRange, OffsetRange } from "./offset-range.ts";
import { isTerminal, RecordState } from "./record-state.ts";

/** The log begins at `logStartOffset` now. Acquired records stay so until their members answer. */
export function moveStartTo(records: InFlightRecords, logStartOffset: number): void {
  if (logStartOffset <= records.startOffset) return;
  if (records.batches.count === 0) {
    records.startOffset = logStartOffset;
    records.endOffset = logStartOffset;
    records.doneCount = 0;
    return;
  }
  const doneCount = countDone(records, logStartOffset);
  const range = { firstOffset: records.startOffset, lastOffset: logStartOffset - 1 };
  const archived = archive([...records.batches], range, RecordState.AVAILABLE);
  if (archived > 0) records.mustSearch = true;
  records.startOffset = logStartOffset;
  records.doneCount -= doneCount;
  records.endOffset = Math.max(records.endOffset, logStartOffset);
}

/** Records before the start that came back to be free are nobody's any more. */
export function archiveBeforeStart({ startOffset }: InFlightRecords, batch: InFlightBatch): void {
  if (batch.firstOffset >= startOffset) return;
  const range = { firstOffset: batch.firstOffset, lastOffset: startOffset - 1 };
  archive([batch], range, RecordState.AVAILABLE);
}

/** A fetch from `fetchOffset` gave `baseOffset` first: what was between is gone from the log. */
export function archiveStaleRecords(
  records: InFlightRecords,
  fetchOffset: number,
  baseOffset: number,
): void {
  const { batches } = records;
  if (batches.count === 0 || fetchOffset >= baseOffset) return;
  const floor = batches.floor(fetchOffset);
  const isWithin = floor !== null && floor.lastOffset >= fetchOffset;
  const stale = batches.range(isWithin ? floor.firstOffset : fetchOffset, baseOffset - 1);
  const range = { firstOffset: fetchOffset, lastOffset: baseOffset - 1 };
  const archived = archive(stale, range, RecordState.AVAILABLE);
  records.doneCount += archived;
  if (archived > 0) records.mustSearch = true;
}

/** Records of aborted transactions were just acquired: takes them from what is acquired. */
export function archiveAborted(
  records: InFlightRecords,
  acquired: readonly AcquiredRange[],
  aborted: readonly OffsetRange[],
): AcquiredRange[] {
  for (const range of aborted) {
    const floor = records.batches.floor(range.firstOffset);
    const from = floor?.firstOffset ?? range.firstOffset;
    const batches = records.batches.range(from, range.lastOffset);
    records.doneCount += archive(batches, range, RecordState.ACQUIRED);
  }
  return acquired.flatMap((range) => without(range, aborted));
}

/** Archives what is in state `from`; how many records that were. */
function archive(
  batches: readonly InFlightBatch[],
  { firstOffset, lastOffset }: OffsetRange,
  from: RecordState,
): number {
  let count = 0;
  for (const batch of batches) {
    const { whole } = batch;
    if (whole !== null) {
      const isBeside = batch.firstOffset > lastOffset || batch.lastOffset < firstOffset;
      if (whole.state !== from || isBeside) continue;
      if (!batch.isWithin(firstOffset, lastOffset)) batch.split();
    }
    batch.visit(firstOffset, lastOffset, (state, first, last) => {
      if (state.state !== from) return;
      state.archive();
      count += last - first + 1;
    });
  }
  return count;
}

function countDone(records: InFlightRecords, beforeOffset: number): number {
  let count = 0;
  for (const batch of records.batches) {
    batch.visit(records.startOffset, beforeOffset - 1, (state, first, last) => {
      if (isTerminal(state.state)) count += last - first + 1;
    });
  }
  return count;
}

/** What is left of a range; `holes` are in order. */
function without(range: AcquiredRange, holes: readonly OffsetRange[]): AcquiredRange[] {
  const left: AcquiredRange[] = [];
  let from = range.firstOffset;
  for (const { firstOffset, lastOffset } of holes) {
    if (lastOffset < from || firstOffset > range.lastOffset) continue;
    if (firstOffset > from) left.push({ ...range, firstOffset: from, lastOffset: firstOffset - 1 });
    from = lastOffset + 1;
  }
  if (from <= range.lastOffset) left.push({ ...range, firstOffset: from });
  return left;
}
