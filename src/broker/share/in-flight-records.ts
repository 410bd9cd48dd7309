/**
 * What a share partition knows of its records: those from its start offset to its end offset.
 *
 *        start offset                        end offset
 *   done |  [10-14 whole][15-19 split][20-24]  |  not fetched yet
 *        `-- all below is acknowledged or archived
 *
 * While nothing is in flight the end offset is the next to be fetched; else it is the last that
 * was. After a restart there may be offsets between the batches that were fetched then and never
 * acknowledged: the gap window covers them until they have been acquired anew. Later gaps between
 * batches are offsets at which the log has nothing.
 *
 * Invariants: batches do not overlap; `doneCount` is how many records from the start offset on are
 * in a terminal state; `mustSearch` is set whenever a record below the end may be free.
 */
import type { ShareStateBatch } from "../../coordinator/share/persister.ts";
import { InFlightBatch } from "./in-flight-batch.ts";
import { InFlightBatches } from "./in-flight-batches.ts";
import { InFlightState } from "./in-flight-state.ts";
import { isTerminal, recordStateOf } from "./record-state.ts";

/** Offsets that were fetched before a restart, and of which nothing is known. */
interface GapWindow {
  startOffset: number;
  /** It counts only as long as this is the end offset. */
  readonly endOffset: number;
}

export class InFlightRecords {
  readonly batches = new InFlightBatches();
  startOffset = 0;
  endOffset = 0;
  /** KIP-1226: records from the start offset on that are done with. */
  doneCount = 0;
  mustSearch = false;
  #gap: GapWindow | null = null;

  /** False when what was kept cannot be. */
  load(startOffset: number, stateBatches: readonly ShareStateBatch[]): boolean {
    this.startOffset = startOffset;
    this.endOffset = startOffset;
    let gapStart = -1;
    let behind = startOffset;
    for (const { firstOffset, lastOffset, deliveryState, deliveryCount } of stateBatches) {
      const state = recordStateOf(deliveryState);
      if (firstOffset < startOffset || lastOffset < firstOffset || state === null) return false;
      if (gapStart === -1 && firstOffset > behind) gapStart = behind;
      behind = lastOffset + 1;
      const kept = new InFlightState(state, deliveryCount);
      this.batches.add(new InFlightBatch(firstOffset, lastOffset, kept));
      if (isTerminal(state)) this.doneCount += lastOffset - firstOffset + 1;
    }
    const { last } = this.batches;
    if (last === null) return true;
    this.mustSearch = true;
    this.endOffset = last.lastOffset;
    if (gapStart !== -1) this.#gap = { startOffset: gapStart, endOffset: this.endOffset };
    this.moveStart();
    return true;
  }

  /** Offsets from the first in flight to the last. */
  get inFlightCount(): number {
    return this.batches.count === 0 ? 0 : this.endOffset - this.startOffset + 1;
  }

  /** Nothing between start and end is in flight: the next fetch begins at the end offset. */
  get isFresh(): boolean {
    const { last } = this.batches;
    return last === null || this.startOffset > last.lastOffset;
  }

  /** -1 unless gaps between batches may hold records. */
  get gapStart(): number {
    const gap = this.#gap;
    return gap !== null && gap.endOffset === this.endOffset ? gap.startOffset : -1;
  }

  /** All up to the offset was looked at. */
  moveGap(offset: number): void {
    if (this.#gap === null) return;
    const { endOffset } = this.#gap;
    if (endOffset === this.endOffset && offset <= endOffset) this.#gap.startOffset = offset;
    else this.#gap = null;
  }

  nextFetchOffset(): number {
    if (this.isFresh) {
      this.mustSearch = false;
      return this.endOffset;
    }
    if (this.mustSearch) {
      const free = this.#firstFreeOffset();
      if (free !== -1) return free;
      this.mustSearch = false;
      // Batches have come to cover it all.
      this.#gap = null;
    }
    return this.endOffset + 1;
  }

  /** Of a batch's records, those from the start offset on. */
  countFromStart(firstOffset: number, lastOffset: number): number {
    return Math.max(0, lastOffset - Math.max(this.startOffset, firstOffset) + 1);
  }

  /** The start offset lies within. */
  startIsInside({ firstOffset, lastOffset }: { firstOffset: number; lastOffset: number }): boolean {
    return firstOffset < this.startOffset && lastOffset >= this.startOffset;
  }

  /**
   * The log has nothing from `fetchOffset`, which is the first that is wanted, to `baseOffset`: so
   * the gap window need not cover it. Kafka's share partition never moves on from there.
   */
  skipGap(fetchOffset: number, baseOffset: number): void {
    const { gapStart } = this;
    if (fetchOffset >= baseOffset || gapStart === -1 || gapStart >= baseOffset) return;
    this.moveGap(baseOffset);
    this.moveStart();
  }

  /** Records at the start that are done with are forgotten; whether there were any. */
  moveStart(): boolean {
    const { batches } = this;
    this.#skipToFirst();
    const { last } = batches;
    if (last === null || !this.#isStartDone()) return false;
    const { doneOffset, doneCount } = this.#doneFromStart();
    if (doneOffset === -1) return false;
    if (doneOffset === last.lastOffset) {
      this.startOffset = doneOffset + 1;
      this.endOffset = doneOffset + 1;
      batches.clear();
      this.doneCount = 0;
      return true;
    }
    const batch = batches.floor(doneOffset)!;
    const isWholeDone = doneOffset === batch.lastOffset;
    const next = isWholeDone ? batches.higher(doneOffset)!.firstOffset : doneOffset + 1;
    this.startOffset = Math.max(this.startOffset, next);
    const { gapStart } = this;
    if (isWholeDone && gapStart !== -1) this.startOffset = Math.min(gapStart, this.startOffset);
    this.doneCount -= doneCount;
    batches.removeBefore(isWholeDone ? batch.firstOffset + 1 : batch.firstOffset);
    return true;
  }

  /** From the start offset on, where the log may have something. */
  #firstFreeOffset(): number {
    let gapStart = this.gapStart === -1 ? -1 : Math.max(this.gapStart, this.startOffset);
    for (const batch of this.batches) {
      if (gapStart !== -1) {
        if (batch.firstOffset > gapStart) return gapStart;
        gapStart = Math.max(gapStart, batch.lastOffset + 1);
      }
      const free = batch.firstFreeOffset();
      if (free !== -1) return free;
    }
    return -1;
  }

  /** Before the first batch there is nothing but what the gap window may cover. */
  #skipToFirst(): void {
    const { first } = this.batches;
    if (first === null || this.startOffset >= first.firstOffset) return;
    const { gapStart } = this;
    const next = gapStart === -1 ? first.firstOffset : Math.min(gapStart, first.firstOffset);
    this.startOffset = Math.max(this.startOffset, next);
  }

  #isStartDone(): boolean {
    const batch = this.batches.floor(this.startOffset);
    // There may be a gap at the start, of which nothing is known.
    if (batch === null || batch.lastOffset < this.startOffset) return batch !== null;
    return isSettled(batch.stateAt(this.startOffset));
  }

  /** The last offset before the first that is not done with, and how many from the start are. */
  #doneFromStart(): { readonly doneOffset: number; readonly doneCount: number } {
    let doneOffset = -1;
    let doneCount = 0;
    const { gapStart } = this;
    const count = (state: InFlightState, first: number, last: number): boolean => {
      if (!isSettled(state)) return false;
      doneOffset = last;
      doneCount += this.countFromStart(first, last);
      return true;
    };
    for (const batch of this.batches) {
      if (gapStart !== -1 && batch.lastOffset >= gapStart) break;
      if (!batch.visit(batch.firstOffset, batch.lastOffset, count)) break;
    }
    return { doneOffset, doneCount };
  }
}

function isSettled(state: InFlightState): boolean {
  return isTerminal(state.state) && !state.isChanging;
}
