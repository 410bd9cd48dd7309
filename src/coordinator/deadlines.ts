/**
 * Many deadlines behind one timer of the clock: one for every member of every group.
 *
 *   heap      by `queuedMs`, earliest first       ─┐
 *   timer     for the first of the heap            │  one of each per shard
 *   deadline  dueMs >= queuedMs, or not in heap   ─┘
 *
 * Moving a deadline later, which every heartbeat does, writes one number: the heap learns of it
 * when the old time comes. Only what moves earlier, is new, or is cancelled, is sorted.
 *
 * Invariants: a deadline is in the heap exactly while it is set; `dueMs` is never before
 * `queuedMs`; the clock's timer fires no later than the first of the heap needs.
 */
import { assert } from "../base/assert.ts";
import type { Clock, Timer } from "../base/world.ts";

const NOT_QUEUED = -1;

export class Deadline {
  /** When the callback runs; Infinity when it is not set. */
  dueMs = Infinity;
  /** Place and time in the heap: for `Deadlines` alone. */
  index = NOT_QUEUED;
  queuedMs = Infinity;

  constructor(
    readonly owner: Deadlines,
    readonly expire: () => void,
  ) {}

  get isSet(): boolean {
    return this.index !== NOT_QUEUED;
  }

  /** Runs the callback once, `delayMs` from now, in place of any earlier setting. */
  set(delayMs: number): void {
    this.owner.set(this, delayMs);
  }

  cancel(): void {
    this.owner.cancel(this);
  }
}

export class Deadlines {
  readonly #clock: Clock;
  readonly #heap: Deadline[] = [];
  #timer: Timer | null = null;
  #timerMs = Infinity;
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  create(expire: () => void): Deadline {
    return new Deadline(this, expire);
  }

  /** How many are set. */
  get count(): number {
    return this.#heap.length;
  }

  set(deadline: Deadline, delayMs: number): void {
    if (this.#isClosed) return;
    deadline.dueMs = this.#clock.monotonicMs() + Math.max(0, delayMs);
    if (deadline.index === NOT_QUEUED) {
      deadline.index = this.#heap.length;
      this.#heap.push(deadline);
    } else if (deadline.dueMs >= deadline.queuedMs) {
      return;
    }
    deadline.queuedMs = deadline.dueMs;
    this.#up(deadline);
    this.#arm();
  }

  cancel(deadline: Deadline): void {
    if (deadline.index !== NOT_QUEUED) this.#remove(deadline);
  }

  /** Nothing fires any more, and nothing can be set. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#timer = null;
    for (const deadline of this.#heap) forget(deadline);
    this.#heap.length = 0;
  }

  #expireDue(): void {
    this.#timer = null;
    this.#timerMs = Infinity;
    const nowMs = this.#clock.monotonicMs();
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.queuedMs > nowMs) break;
      if (first.dueMs > nowMs) {
        first.queuedMs = first.dueMs;
        this.#down(first);
      } else {
        this.#remove(first);
        first.expire();
      }
    }
    this.#arm();
  }

  #arm(): void {
    const first = this.#heap[0];
    if (first === undefined || first.queuedMs >= this.#timerMs) return;
    this.#timer?.cancel();
    this.#timerMs = first.queuedMs;
    const delayMs = Math.max(0, first.queuedMs - this.#clock.monotonicMs());
    this.#timer = this.#clock.schedule(delayMs, () => this.#expireDue());
  }

  #remove(deadline: Deadline): void {
    const last = this.#heap.pop();
    assert(last !== undefined, "a deadline that is set lies in the heap");
    if (last !== deadline) {
      last.index = deadline.index;
      this.#heap[last.index] = last;
      this.#up(last);
      this.#down(last);
    }
    forget(deadline);
  }

  #up(deadline: Deadline): void {
    const heap = this.#heap;
    let index = deadline.index;
    while (index > 0) {
      const parent = heap[(index - 1) >> 1]!;
      if (parent.queuedMs <= deadline.queuedMs) break;
      heap[index] = parent;
      const above = parent.index;
      parent.index = index;
      index = above;
    }
    heap[index] = deadline;
    deadline.index = index;
  }

  #down(deadline: Deadline): void {
    const heap = this.#heap;
    let index = deadline.index;
    for (;;) {
      const left = heap[2 * index + 1];
      const right = heap[2 * index + 2];
      if (left === undefined) break;
      const child = right !== undefined && right.queuedMs < left.queuedMs ? right : left;
      if (child.queuedMs >= deadline.queuedMs) break;
      heap[index] = child;
      const below = child.index;
      child.index = index;
      index = below;
    }
    heap[index] = deadline;
    deadline.index = index;
  }
}

function forget(deadline: Deadline): void {
  deadline.index = NOT_QUEUED;
  deadline.dueMs = Infinity;
  deadline.queuedMs = Infinity;
}
