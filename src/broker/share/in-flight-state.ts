/**
 * The state of one record of a share partition, or of a batch of them that have the same.
 *
 *   begin(next) --- written ------> settle(true)    stays as it is
 *        `--------- not written --> settle(false)   as it was; or free, if its lock is over
 *
 * Invariants: only what is ACQUIRED has a member and a lock; between `begin` and `settle` nothing
 * but `archive` changes the state.
 */
import { assert } from "../../base/assert.ts";
import { mayFollow, RecordState } from "./record-state.ts";

/** Of `memberId`: nobody has it. */
export const NO_MEMBER = "";
const NOT_LOCKED = Infinity;

export class InFlightState {
  state: RecordState;
  deliveryCount: number;
  memberId: string;
  /** On the monotonic clock; NOT_LOCKED unless it is acquired, or was until just now. */
  lockedUntilMs: number;
  /** What an unfinished change goes back to when it cannot be written. */
  #before: { readonly state: RecordState; readonly memberId: string } | null = null;
  #limitBefore = 0;
  /** The log begins behind it: there is nothing to go back to. */
  #isGone = false;

  constructor(
    state: RecordState,
    deliveryCount: number,
    memberId = NO_MEMBER,
    lockedUntilMs = NOT_LOCKED,
  ) {
    this.state = state;
    this.deliveryCount = deliveryCount;
    this.memberId = memberId;
    this.lockedUntilMs = lockedUntilMs;
  }

  /** A change of it is being written. */
  get isChanging(): boolean {
    return this.#before !== null;
  }

  get isFree(): boolean {
    return this.state === RecordState.AVAILABLE && !this.isChanging;
  }

  /** With its unfinished change. */
  copy(): InFlightState {
    const { state, deliveryCount, memberId, lockedUntilMs } = this;
    const copy = new InFlightState(state, deliveryCount, memberId, lockedUntilMs);
    copy.#before = this.#before;
    copy.#limitBefore = this.#limitBefore;
    copy.#isGone = this.#isGone;
    return copy;
  }

  acquire(memberId: string, lockedUntilMs: number): void {
    assert(this.isFree, "what is acquired was free");
    this.state = RecordState.ACQUIRED;
    this.deliveryCount++;
    this.memberId = memberId;
    this.lockedUntilMs = lockedUntilMs;
  }

  /** Takes back an acquisition of which nobody has heard. */
  giveBack(): void {
    assert(this.state === RecordState.ACQUIRED && !this.isChanging, "it was just acquired");
    this.state = RecordState.AVAILABLE;
    this.deliveryCount--;
    this.memberId = NO_MEMBER;
    this.lockedUntilMs = NOT_LOCKED;
  }

  /** Changes it for good; false where it may not. */
  change(next: RecordState, deliveryCountLimit: number): boolean {
    if (!this.#move(next, deliveryCountLimit)) return false;
    this.lockedUntilMs = NOT_LOCKED;
    return true;
  }

  /** Changes it until `settle`; false where it may not. The lock goes on meanwhile. */
  begin(next: RecordState, deliveryCountLimit: number): boolean {
    const { state, memberId } = this;
    if (!this.#move(next, deliveryCountLimit)) return false;
    this.#before = { state, memberId };
    this.#limitBefore = deliveryCountLimit;
    return true;
  }

  settle(isWritten: boolean, nowMs: number): void {
    const before = this.#before;
    this.#before = null;
    if (isWritten || this.#isGone) {
      this.lockedUntilMs = NOT_LOCKED;
      return;
    }
    assert(before !== null, "what is settled was begun");
    if (this.lockedUntilMs > nowMs) {
      this.state = before.state;
      this.memberId = before.memberId;
      return;
    }
    const isSpent = this.deliveryCount >= this.#limitBefore;
    this.state = isSpent ? RecordState.ARCHIVED : RecordState.AVAILABLE;
    this.lockedUntilMs = NOT_LOCKED;
  }

  archive(): void {
    this.#isGone = true;
    this.state = RecordState.ARCHIVED;
    this.memberId = NO_MEMBER;
    this.lockedUntilMs = NOT_LOCKED;
  }

  #move(wanted: RecordState, deliveryCountLimit: number): boolean {
    if (this.isChanging) return false;
    const isSpent = this.deliveryCount >= deliveryCountLimit;
    const next = wanted === RecordState.AVAILABLE && isSpent ? RecordState.ARCHIVED : wanted;
    if (!mayFollow(this.state, next)) return false;
    this.state = next;
    this.memberId = NO_MEMBER;
    return true;
  }
}
