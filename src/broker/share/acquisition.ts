/**
 * Acquiring records for a member: of those that were fetched, the free ones that are in flight
 * already, and new ones behind them, up to a number of records.
 *
 *   fetched    |  10-19  |  20-29  |  30-39  |
 *   in flight     10-14 free, 15-19 acquired, 20-29 free
 *   acquired      10-14                20-29     30-39 (new)
 *
 * In the mode of batches the number is overstepped up to the end of the fetched batch, so that
 * batches stay whole; with strict record limits (KIP-1206) it is not. Records that have failed
 * often are delivered in smaller and smaller groups, at last alone.
 */
import { archiveStaleRecords } from "./archiving.ts";
import type { FetchedBatch } from "./fetched-batches.ts";
import { InFlightBatch } from "./in-flight-batch.ts";
import type { InFlightRecords } from "./in-flight-records.ts";
import { InFlightState } from "./in-flight-state.ts";
import type { AcquiredRange, OffsetRange } from "./offset-range.ts";
import { RecordState } from "./record-state.ts";
import { type ShareGroupLimits, throttlingDeliveryCount } from "./share-group-limits.ts";

export interface Acquired {
  readonly ranges: readonly AcquiredRange[];
  readonly count: number;
}

export interface Acquiring {
  readonly memberId: string;
  /** KIP-1206: not one record more than `recordsMax`. */
  readonly isStrict: boolean;
  /** New records are acquired in pieces of about so many. */
  readonly batchSize: number;
  readonly recordsMax: number;
  /** That the records were read from. */
  readonly fetchOffset: number;
  readonly limits: ShareGroupLimits;
  readonly lockedUntilMs: number;
}

export const NOTHING_ACQUIRED: Acquired = { ranges: [], count: 0 };

/** `batches` are those of the log, in order, as many as may be acquired of. */
export function acquire(
  records: InFlightRecords,
  batches: readonly FetchedBatch[],
  acquiring: Acquiring,
): Acquired {
  const first = batches[0];
  const last = batches.at(-1);
  if (first === undefined || last === undefined || acquiring.recordsMax <= 0) {
    return NOTHING_ACQUIRED;
  }
  if (last.lastOffset < records.startOffset) return NOTHING_ACQUIRED;
  archiveStaleRecords(records, acquiring.fetchOffset, first.baseOffset);
  records.skipGap(acquiring.fetchOffset, first.baseOffset);
  const { recordsMax, lastOffset } = boundsOf(records, acquiring, last.lastOffset);
  if (recordsMax <= 0) return NOTHING_ACQUIRED;
  return new Acquisition(records, batches, acquiring, recordsMax, lastOffset).run(first.baseOffset);
}

/** Where as many as allowed are in flight, only what is in flight can be acquired again. */
function boundsOf(
  { inFlightCount, endOffset }: InFlightRecords,
  { recordsMax, limits, fetchOffset }: Acquiring,
  lastOffset: number,
): { readonly recordsMax: number; readonly lastOffset: number } {
  const room = Math.min(recordsMax, limits.recordLocksMax - inFlightCount);
  if (room > 0 || fetchOffset > endOffset) return { recordsMax: room, lastOffset };
  return {
    recordsMax: Math.min(recordsMax, endOffset - fetchOffset + 1),
    lastOffset: Math.min(lastOffset, endOffset),
  };
}

class Acquisition {
  readonly #ranges: AcquiredRange[] = [];
  readonly #records: InFlightRecords;
  readonly #batches: readonly FetchedBatch[];
  readonly #acquiring: Acquiring;
  readonly #recordsMax: number;
  readonly #lastOffset: number;
  readonly #throttlingCount: number;
  #count = 0;
  #isThrottled = false;

  constructor(
    records: InFlightRecords,
    batches: readonly FetchedBatch[],
    acquiring: Acquiring,
    recordsMax: number,
    lastOffset: number,
  ) {
    this.#records = records;
    this.#batches = batches;
    this.#acquiring = acquiring;
    this.#recordsMax = recordsMax;
    this.#lastOffset = lastOffset;
    this.#throttlingCount = throttlingDeliveryCount(acquiring.limits);
  }

  run(fetchedFrom: number): Acquired {
    const records = this.#records;
    const from = this.#alignedStart(fetchedFrom);
    const known = records.batches.range(Math.min(fetchedFrom, from), this.#lastOffset);
    if (known.length === 0) {
      // There is no room for more, and what was in flight before the fetched batches is gone.
      if (from > this.#lastOffset) return NOTHING_ACQUIRED;
      this.#acquireNew(from, this.#lastOffset);
      return this.#acquired();
    }
    this.#acquireKnown(known, from, fetchedFrom);
    const behind = known.at(-1)!.lastOffset + 1;
    if (!this.#isFull && behind <= this.#lastOffset) this.#acquireNew(behind, this.#lastOffset);
    const last = this.#ranges.at(-1);
    if (last !== undefined) records.moveGap(last.lastOffset + 1);
    return this.#acquired();
  }

  get #isFull(): boolean {
    return this.#isThrottled || this.#count >= this.#recordsMax;
  }

  get #left(): number {
    return this.#recordsMax - this.#count;
  }

  #acquired(): Acquired {
    return { ranges: this.#ranges, count: this.#count };
  }

  /** A fetched batch may begin before the start offset, or within a batch that is in flight. */
  #alignedStart(fetchedFrom: number): number {
    const floor = this.#records.batches.floor(fetchedFrom);
    if (floor !== null && floor.lastOffset >= fetchedFrom) return floor.firstOffset;
    return Math.max(fetchedFrom, this.#records.startOffset);
  }

  #acquireKnown(known: readonly InFlightBatch[], from: number, fetchedFrom: number): void {
    const records = this.#records;
    let gapStart = from;
    for (const batch of known) {
      if (this.#isFull) return;
      if (records.gapStart !== -1) {
        if (gapStart < batch.firstOffset) this.#acquireNew(gapStart, batch.firstOffset - 1);
        gapStart = batch.lastOffset + 1;
        if (this.#isFull) return;
      }
      this.#acquireBatch(batch, fetchedFrom);
    }
  }

  #acquireBatch(batch: InFlightBatch, fetchedFrom: number): void {
    const mustThrottle = this.#mustThrottle(batch, fetchedFrom);
    if (mustThrottle && this.#count > 0) {
      this.#isThrottled = true;
      return;
    }
    const isPart = !batch.isWithin(fetchedFrom, this.#lastOffset);
    const isTooMuch = this.#acquiring.isStrict && batch.size > this.#left;
    if (batch.whole !== null && !batch.whole.isFree) return;
    if (isPart || batch.whole === null || isTooMuch || mustThrottle) {
      const count = this.#acquireRecords(batch, fetchedFrom);
      this.#count += count;
      if (mustThrottle && count > 0) this.#isThrottled = true;
      return;
    }
    const { memberId, lockedUntilMs } = this.#acquiring;
    batch.whole.acquire(memberId, lockedUntilMs);
    const { deliveryCount } = batch.whole;
    this.#ranges.push({ ...rangeOf(batch), deliveryCount });
    this.#count += batch.size;
  }

  /** Records of one batch, one by one; how many. */
  #acquireRecords(batch: InFlightBatch, fetchedFrom: number): number {
    const { memberId, lockedUntilMs, isStrict, limits } = this.#acquiring;
    const states = batch.split();
    const lastAttempt = limits.deliveryCountLimit > 2 ? limits.deliveryCountLimit : Infinity;
    const acquired: AcquiredRange[] = [];
    let countMax = isStrict ? this.#left : Infinity;
    let isThrottled = false;
    batch.visit(fetchedFrom, this.#lastOffset, (state, offset) => {
      if (!state.isFree) return true;
      const { deliveryCount } = state;
      // The last attempt is for this record alone.
      const isLastAttempt = deliveryCount + 1 >= lastAttempt;
      if (isLastAttempt && acquired.length > 0) return false;
      if (deliveryCount >= this.#throttlingCount && !isThrottled) {
        isThrottled = true;
        const halvings = deliveryCount - this.#throttlingCount + 1;
        countMax = Math.min(countMax, Math.max(1, Math.floor(states.length / 2 ** halvings)));
      }
      state.acquire(memberId, lockedUntilMs);
      const { deliveryCount: count } = state;
      acquired.push({ firstOffset: offset, lastOffset: offset, deliveryCount: count });
      return !isLastAttempt && acquired.length < countMax;
    });
    joinNeighbours(this.#ranges, acquired);
    return acquired.length;
  }

  #mustThrottle(batch: InFlightBatch, fetchedFrom: number): boolean {
    let isOften = false;
    batch.visit(fetchedFrom, this.#lastOffset, (state) => {
      isOften = state.isFree && state.deliveryCount >= this.#throttlingCount;
      return !isOften;
    });
    return isOften;
  }

  /** Records that are not in flight. */
  #acquireNew(firstOffset: number, lastOffset: number): void {
    const records = this.#records;
    const { isStrict } = this.#acquiring;
    const recordsMax = this.#left;
    const isKnown = records.batches.count === 0 && records.endOffset > firstOffset;
    const first = isKnown ? records.endOffset : firstOffset;
    let last = lastOffset;
    if (recordsMax < last - first + 1) {
      last = endOfBatchWith(this.#batches, first + recordsMax - 1);
      // Fetched batches need not end where those in flight begin.
      if (records.gapStart !== -1 && last > lastOffset) last = lastOffset;
    }
    const isCut = isStrict && last - first + 1 > recordsMax;
    const pieces = isStrict
      ? [{ firstOffset: first, lastOffset: last }]
      : this.#pieces(first, last);
    for (const piece of pieces) this.#addBatch(piece, isCut ? first + recordsMax - 1 : Infinity);
    if (records.batches.first!.firstOffset === first) records.startOffset = first;
    records.endOffset = Math.max(records.endOffset, last);
    const lastAcquired = isCut ? first + recordsMax - 1 : last;
    records.moveGap(lastAcquired + 1);
    this.#count += lastAcquired - first + 1;
  }

  /** About as large as was asked for, and along the batches of the log. */
  #pieces(first: number, last: number): OffsetRange[] {
    const { batchSize } = this.#acquiring;
    const pieces = [];
    let from = first;
    if (last - first + 1 > batchSize) {
      for (const { baseOffset } of this.#batches) {
        if (baseOffset > last) break;
        if (baseOffset <= from || baseOffset - from < batchSize) continue;
        pieces.push({ firstOffset: from, lastOffset: baseOffset - 1 });
        from = baseOffset;
      }
    }
    pieces.push({ firstOffset: from, lastOffset: last });
    return pieces;
  }

  #addBatch(range: OffsetRange, lastAcquired: number): void {
    const { memberId, lockedUntilMs } = this.#acquiring;
    const { firstOffset, lastOffset } = range;
    const state = new InFlightState(RecordState.ACQUIRED, 1, memberId, lockedUntilMs);
    const batch = new InFlightBatch(firstOffset, lastOffset, state);
    this.#records.batches.add(batch);
    if (lastAcquired < lastOffset) {
      batch.freeBehind(lastAcquired);
      this.#records.mustSearch = true;
    }
    const last = Math.min(lastAcquired, lastOffset);
    this.#ranges.push({ firstOffset, lastOffset: last, deliveryCount: 1 });
  }
}

function rangeOf({ firstOffset, lastOffset }: InFlightBatch) {
  return { firstOffset, lastOffset };
}

/** Where the batch ends that holds the offset; the offset itself where none does. */
function endOfBatchWith(batches: readonly FetchedBatch[], offset: number): number {
  const batch = batches.findLast(({ baseOffset }) => baseOffset <= offset);
  return batch === undefined ? offset : Math.max(offset, batch.lastOffset);
}

/** Neighbours that were delivered as often become one range. */
function joinNeighbours(ranges: AcquiredRange[], acquired: readonly AcquiredRange[]): void {
  let open = acquired[0];
  if (open === undefined) return;
  for (const range of acquired.slice(1)) {
    const { lastOffset, deliveryCount } = range;
    if (open.lastOffset + 1 === lastOffset && open.deliveryCount === deliveryCount) {
      open = { ...open, lastOffset };
    } else {
      ranges.push(open);
      open = range;
    }
  }
  ranges.push(open);
}
