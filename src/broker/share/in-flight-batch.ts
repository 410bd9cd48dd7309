/**
 * Neighbouring records that were fetched together: one state for all, or one for each.
 *
 *   10 .......... 14   whole: { ACQUIRED, member a }
 *   10 11 12 13 14     split: [ACKNOWLEDGED, ACQUIRED, AVAILABLE, ...]
 *
 * It is split when something happens to a part of it, and stays so.
 */
import { assert } from "../../base/assert.ts";
import { InFlightState } from "./in-flight-state.ts";
import { RecordState } from "./record-state.ts";

export class InFlightBatch {
  #whole: InFlightState | null;
  #states: InFlightState[] | null = null;

  constructor(
    readonly firstOffset: number,
    readonly lastOffset: number,
    state: InFlightState,
  ) {
    assert(firstOffset <= lastOffset, "a batch has a record");
    this.#whole = state;
  }

  get size(): number {
    return this.lastOffset - this.firstOffset + 1;
  }

  /** Null when it is split. */
  get whole(): InFlightState | null {
    return this.#whole;
  }

  /** By place: of `firstOffset` first. Null while it is whole. */
  get states(): readonly InFlightState[] | null {
    return this.#states;
  }

  stateAt(offset: number): InFlightState {
    return this.#whole ?? this.#states![offset - this.firstOffset]!;
  }

  isWithin(firstOffset: number, lastOffset: number): boolean {
    return this.firstOffset >= firstOffset && this.lastOffset <= lastOffset;
  }

  /** From now on each record has a state of its own. */
  split(): readonly InFlightState[] {
    const whole = this.#whole;
    if (whole === null) return this.#states!;
    this.#states = Array.from({ length: this.size }, () => whole.copy());
    this.#whole = null;
    return this.#states;
  }

  /** Of a batch that was just acquired: the records behind `lastOffset` were not. */
  freeBehind(lastOffset: number): void {
    const states = this.split();
    for (let index = lastOffset + 1 - this.firstOffset; index < states.length; index++) {
      states[index]!.giveBack();
    }
  }

  /** Visits states with the offsets they stand for, within bounds; false from `visit` ends it. */
  visit(
    firstOffset: number,
    lastOffset: number,
    visit: (state: InFlightState, firstOffset: number, lastOffset: number) => boolean | void,
  ): boolean {
    if (this.#whole !== null) {
      const first = Math.max(firstOffset, this.firstOffset);
      const last = Math.min(lastOffset, this.lastOffset);
      return first > last || visit(this.#whole, first, last) !== false;
    }
    const states = this.#states!;
    const end = Math.min(lastOffset, this.lastOffset) - this.firstOffset;
    for (let index = Math.max(0, firstOffset - this.firstOffset); index <= end; index++) {
      const offset = this.firstOffset + index;
      if (visit(states[index]!, offset, offset) === false) return false;
    }
    return true;
  }

  /** The first record that may be acquired; -1 when there is none. */
  firstFreeOffset(): number {
    if (this.#whole !== null) return this.#whole.isFree ? this.firstOffset : -1;
    const index = this.#states!.findIndex((state) => state.isFree);
    return index === -1 ? -1 : this.firstOffset + index;
  }

  get isWholeAcquired(): boolean {
    return this.#whole?.state === RecordState.ACQUIRED;
  }
}
