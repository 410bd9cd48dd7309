/**
 * What members say of records they have acquired, and what becomes of those they leave behind.
 *
 * Each begins changes of states, which are settled when they have been written, or not:
 *
 *   acknowledge --> changes --> written? --> settle(true)   --> the start offset may move
 *        `-- refused: settle(false)    `---> settle(false)
 *
 * A lock that is over does not wait to be written: the record is free at once, and should the write
 * fail, the same happens again after a restart.
 */
import { assert } from "../../base/assert.ts";
import type { ShareStateBatch } from "../../coordinator/share/persister.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { archiveBeforeStart } from "./archiving.ts";
import type { InFlightBatch } from "./in-flight-batch.ts";
import type { InFlightRecords } from "./in-flight-records.ts";
import { type InFlightState, NO_MEMBER } from "./in-flight-state.ts";
import { AcknowledgeType, isTerminal, RecordState, stateAfter } from "./record-state.ts";
import type { ShareGroupLimits } from "./share-group-limits.ts";
import { type ShareError, shareError } from "./share-error.ts";

/** `acknowledgeTypes` has one for all, or one for each. */
export interface AcknowledgedBatch {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly acknowledgeTypes: readonly number[];
}

/** Of neighbouring records in one batch. */
export interface Change {
  readonly batch: InFlightBatch;
  readonly kept: ShareStateBatch;
}

export class Acknowledging {
  /** In the order in which they were begun. */
  readonly changes: Change[] = [];
  readonly #records: InFlightRecords;
  readonly #memberId: string;
  readonly #limits: ShareGroupLimits;
  readonly #now: () => number;

  constructor(
    records: InFlightRecords,
    memberId: string,
    limits: ShareGroupLimits,
    /** On the monotonic clock, in milliseconds. */
    now: () => number,
  ) {
    this.#records = records;
    this.#memberId = memberId;
    this.#limits = limits;
    this.#now = now;
  }

  /** Null, or why nothing of it counts: then `settle(false)` is due. */
  acknowledge(batches: readonly AcknowledgedBatch[]): ShareError | null {
    for (const acknowledged of batches) {
      if (acknowledged.lastOffset < this.#records.startOffset) continue;
      const found = this.#batchesOf(acknowledged);
      if (!Array.isArray(found)) return found;
      for (const batch of found) {
        const error = this.#acknowledgeBatch(batch, acknowledged);
        if (error !== null) return error;
      }
    }
    return null;
  }

  /** The member has left: its records are free for others. */
  release(): void {
    for (const batch of this.#records.batches) {
      if (
        batch.isWholeAcquired &&
        this.#isOwn(batch.whole!) &&
        this.#records.startIsInside(batch)
      ) {
        batch.split();
      }
      batch.visit(batch.firstOffset, batch.lastOffset, (state, first, last) => {
        if (state.state !== RecordState.ACQUIRED || !this.#isOwn(state)) return;
        const isGone = last < this.#records.startOffset;
        const next = isGone ? RecordState.ARCHIVED : RecordState.AVAILABLE;
        const isBegun = this.#begin(batch, state, next, first, last);
        assert(isBegun, "what is acquired can be released");
      });
    }
  }

  /** Ends all changes. */
  settle(isWritten: boolean): void {
    settleChanges(this.#records, this.changes, isWritten, this.#now());
  }

  #isOwn({ memberId }: InFlightState): boolean {
    return memberId === this.#memberId || memberId === NO_MEMBER;
  }

  /** Batches in flight that hold what is acknowledged. */
  #batchesOf({ firstOffset, lastOffset }: AcknowledgedBatch): InFlightBatch[] | ShareError {
    const { batches, startOffset } = this.#records;
    let floor = batches.floor(firstOffset);
    if (floor === null && firstOffset < startOffset) floor = batches.floor(startOffset);
    if (floor === null) {
      return shareError(
        ErrorCode.INVALID_RECORD_STATE,
        "Batch record not found. The request batch offsets are not found in the cache.",
      );
    }
    const found = batches.range(floor.firstOffset, lastOffset);
    const last = found.at(-1)!;
    if (last.lastOffset < firstOffset) return pastAcquired("first");
    if (lastOffset > last.lastOffset) return pastAcquired("last");
    return found;
  }

  #acknowledgeBatch(batch: InFlightBatch, acknowledged: AcknowledgedBatch): ShareError | null {
    const records = this.#records;
    if (batch.lastOffset < records.startOffset) return null;
    const { firstOffset, lastOffset, acknowledgeTypes } = acknowledged;
    const { whole } = batch;
    if (whole !== null) {
      const error = this.#wholeError(whole);
      if (error !== null) return error;
      const isPart = !batch.isWithin(firstOffset, lastOffset) || records.startIsInside(batch);
      if (isPart || acknowledgeTypes.length > 1) batch.split();
    }
    let error: ShareError | null = null;
    const from = Math.max(firstOffset, records.startOffset);
    batch.visit(from, lastOffset, (state, first, last) => {
      error = batch.whole === null ? this.#recordError(state) : null;
      const type =
        acknowledgeTypes.length > 1 ? acknowledgeTypes[first - firstOffset]! : acknowledgeTypes[0]!;
      error ??= this.#change(batch, state, type, first, last);
      return error === null;
    });
    return error;
  }

  #change(
    batch: InFlightBatch,
    state: InFlightState,
    type: number,
    first: number,
    last: number,
  ): ShareError | null {
    if (type === AcknowledgeType.RENEW) {
      if (!this.#limits.mayRenew) {
        return invalidState("Renewing acquisition locks is not enabled for the group.");
      }
      state.lockedUntilMs = this.#now() + this.#limits.recordLockDurationMs;
      return null;
    }
    const next = stateAfter(type);
    const isBegun = next !== null && this.#begin(batch, state, next, first, last);
    return isBegun ? null : invalidState("Unable to acknowledge records for the batch");
  }

  #begin(
    batch: InFlightBatch,
    state: InFlightState,
    next: RecordState,
    firstOffset: number,
    lastOffset: number,
  ): boolean {
    if (!state.begin(next, this.#limits.deliveryCountLimit)) return false;
    const kept = keptState(state, firstOffset, lastOffset);
    this.changes.push({ batch, kept });
    if (isTerminal(state.state)) {
      this.#records.doneCount += this.#records.countFromStart(firstOffset, lastOffset);
    }
    return true;
  }

  #wholeError({ memberId, isChanging }: InFlightState): ShareError | null {
    if (memberId === NO_MEMBER) return invalidState(NOT_ACQUIRED);
    if (memberId !== this.#memberId) return invalidState("Member is not the owner of batch record");
    return isChanging ? invalidState(CHANGING) : null;
  }

  #recordError({ state, memberId, isChanging }: InFlightState): ShareError | null {
    if (state !== RecordState.ACQUIRED) {
      return invalidState("The offset cannot be acknowledged. The offset is not acquired.");
    }
    if (isChanging) return invalidState(CHANGING);
    return memberId === this.#memberId ? null : invalidState("Member is not the owner of offset");
  }
}

/** Frees what has been locked for too long, for good; what is to be kept of it. */
export function releaseExpired(
  records: InFlightRecords,
  { deliveryCountLimit }: ShareGroupLimits,
  nowMs: number,
): ShareStateBatch[] {
  const kept: ShareStateBatch[] = [];
  for (const batch of records.batches) {
    const { whole } = batch;
    const isOver = batch.isWholeAcquired && whole!.lockedUntilMs <= nowMs;
    if (isOver && records.startIsInside(batch)) batch.split();
    batch.visit(batch.firstOffset, batch.lastOffset, (state, first, last) => {
      if (state.state !== RecordState.ACQUIRED || state.lockedUntilMs > nowMs) return;
      const isGone = last < records.startOffset;
      const next = isGone ? RecordState.ARCHIVED : RecordState.AVAILABLE;
      if (!state.change(next, deliveryCountLimit)) return;
      kept.push(keptState(state, first, last));
      if (state.isFree) records.mustSearch = true;
      else records.doneCount += records.countFromStart(first, last);
    });
  }
  return kept;
}

/** When the first lock is over that is not yet; Infinity when nothing is locked. */
export function nextExpiry(records: InFlightRecords, nowMs: number): number {
  let nextMs = Infinity;
  for (const batch of records.batches) {
    batch.visit(batch.firstOffset, batch.lastOffset, ({ lockedUntilMs, isChanging }) => {
      // What is over and still being written is settled when that is done.
      if (lockedUntilMs > nowMs || !isChanging) nextMs = Math.min(nextMs, lockedUntilMs);
    });
  }
  return nextMs;
}

/** Gives back what was acquired for an answer that will not be sent. */
export function giveBack(
  records: InFlightRecords,
  memberId: string,
  ranges: readonly { readonly firstOffset: number; readonly lastOffset: number }[],
): void {
  for (const { firstOffset, lastOffset } of ranges) {
    const floor = records.batches.floor(firstOffset);
    for (const batch of records.batches.range(floor?.firstOffset ?? firstOffset, lastOffset)) {
      if (batch.whole !== null && !batch.isWithin(firstOffset, lastOffset)) batch.split();
      batch.visit(firstOffset, lastOffset, (state) => {
        const isItsOwn = state.state === RecordState.ACQUIRED && state.memberId === memberId;
        if (isItsOwn && !state.isChanging) state.giveBack();
      });
    }
  }
  records.mustSearch = true;
}

function settleChanges(
  records: InFlightRecords,
  changes: readonly Change[],
  isWritten: boolean,
  nowMs: number,
): void {
  for (const { batch, kept } of changes) {
    const wasDone = isTerminal(kept.deliveryState as RecordState);
    batch.visit(kept.firstOffset, kept.lastOffset, (state, first, last) => {
      state.settle(isWritten, nowMs);
      if (state.state === RecordState.AVAILABLE) records.mustSearch = true;
      if (wasDone && !isTerminal(state.state)) {
        records.doneCount -= records.countFromStart(first, last);
      }
    });
    archiveBeforeStart(records, batch);
  }
}

/** Neighbours in the same state as one. */
export function joinKept(kept: readonly ShareStateBatch[]): ShareStateBatch[] {
  const joined: ShareStateBatch[] = [];
  for (const batch of kept) {
    const last = joined.at(-1);
    const isNext =
      last !== undefined &&
      last.lastOffset + 1 === batch.firstOffset &&
      last.deliveryState === batch.deliveryState &&
      last.deliveryCount === batch.deliveryCount;
    if (isNext) joined[joined.length - 1] = { ...last, lastOffset: batch.lastOffset };
    else joined.push(batch);
  }
  return joined;
}

function keptState(state: InFlightState, firstOffset: number, lastOffset: number): ShareStateBatch {
  const { state: deliveryState, deliveryCount } = state;
  return { firstOffset, lastOffset, deliveryState, deliveryCount };
}

const NOT_ACQUIRED = "The batch cannot be acknowledged. The batch is not in the acquired state.";
const CHANGING =
  "The record state is invalid. The acknowledgement of delivery could not be completed.";

function invalidState(message: string): ShareError {
  return shareError(ErrorCode.INVALID_RECORD_STATE, message);
}

function pastAcquired(which: "first" | "last"): ShareError {
  return shareError(
    ErrorCode.INVALID_REQUEST,
    `Batch record not found. The ${which} offset in request is past acquired records.`,
  );
}
