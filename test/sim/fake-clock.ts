/**
 * Time that stands still until a test moves it. `advance` and `settle` run whatever is due, with
 * all promises that follow from it, before they return: no test has to wait or to guess.
 *
 *   settle:   microtasks -> ends of turns -> microtasks -> ... until nothing is left
 *   advance:  settle, then each due timer in order of time (then of making), settling after each
 *   freeze:   what is due on one machine's clock waits until its thaw, and comes all at once then
 */
import { drainMicrotasks } from "bun:jsc";
import { assert } from "../../src/base/assert.ts";
import { Turns } from "../../src/base/turns.ts";
import type { Clock, Timer } from "../../src/base/world.ts";

/** 2026-01-01T00:00:00Z */
export const FAKE_WALL_MS = 1_767_225_600_000;
const TURNS_MAX = 1_000_000;
const DELAY_MS_MIN = 0.001;

export class FakeClock implements Clock {
  /** Work takes time where a test says so: this much with each look at the clock. */
  lookTakesMs = 0;
  readonly #line: TimeLine;
  readonly #turns = new Turns(this, drainMicrotasks);
  #wallBaseMs: number;
  #isStopped = false;
  #isFrozen = false;
  /** What came due while it was frozen. */
  #heldTimers: FakeTimer[] = [];
  #heldTurn: (() => void)[] = [];

  constructor(wallMs = FAKE_WALL_MS, line = new TimeLine()) {
    this.#line = line;
    this.#wallBaseMs = wallMs - line.nowMs;
  }

  /** A clock of the same time, for another machine or another life of this one. */
  fork(): FakeClock {
    return new FakeClock(this.#wallBaseMs + this.#line.nowMs, this.#line);
  }

  /** Whoever was given this clock is dead: its timers do not fire any more. */
  stop(): void {
    this.#isStopped = true;
    this.#heldTimers = [];
    this.#heldTurn = [];
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  /** As SIGSTOP does: nothing runs on this machine, and time goes on. */
  freeze(): void {
    this.#isFrozen = true;
  }

  /** As SIGCONT does. */
  thaw(): void {
    this.#isFrozen = false;
    const [turn, timers] = [this.#heldTurn, this.#heldTimers];
    this.#heldTurn = [];
    this.#heldTimers = [];
    for (const callback of turn) this.afterTurn(callback);
    for (const timer of timers) this.#line.scheduleAgain(timer);
  }

  wallMs(): number {
    return Math.floor(this.#wallBaseMs + this.#line.nowMs);
  }

  monotonicMs(): number {
    this.#line.nowMs += this.lookTakesMs;
    return this.#line.nowMs;
  }

  schedule(delayMs: number, callback: () => void): Timer {
    assert(!Number.isNaN(delayMs), "a delay is a number");
    return this.#line.schedule(delayMs, this, callback);
  }

  /** Of the line, when a timer is due. */
  fire(timer: FakeTimer): void {
    if (this.#isStopped) return;
    if (this.#isFrozen) {
      timer.isHeld = true;
      this.#heldTimers.push(timer);
    } else {
      timer.fire();
    }
  }

  afterTurn(callback: () => void): void {
    this.#line.turn.push(() => this.#run(callback));
  }

  soon(callback: () => void): void {
    this.#turns.push(callback);
  }

  /** Timers that wait, of all forks. */
  get timerCount(): number {
    return this.#line.timers.liveCount;
  }

  /** When the next timer is due, on the monotonic clock; null when none waits. */
  get nextDueMs(): number | null {
    return this.#line.timers.first()?.dueMs ?? null;
  }

  /** This machine's wall clock jumps, and nothing else does. */
  jumpWall(byMs: number): void {
    this.#wallBaseMs += byMs;
  }

  settle(): void {
    this.#line.settle();
  }

  advance(byMs: number): void {
    this.#line.advance(byMs);
  }

  /** Runs the next timer only. False when there is none. */
  step(): boolean {
    return this.#line.step();
  }

  /** Advances until `condition` holds; an assertion breaks if it does not within `byMsMax`. */
  advanceUntil(condition: () => boolean, byMsMax = 60_000): void {
    const untilMs = this.#line.nowMs + byMsMax;
    this.settle();
    while (!condition()) {
      const dueMs = this.nextDueMs;
      assert(dueMs !== null && dueMs <= untilMs, `the condition holds within ${byMsMax} ms`);
      this.step();
    }
  }

  /** The value of a promise, advancing as long as it takes. */
  await<T>(promise: Promise<T>, byMsMax = 60_000): T {
    let outcome: { value: T } | { error: unknown } | null = null;
    promise.then(
      (value) => (outcome = { value }),
      (error: unknown) => (outcome = { error }),
    );
    this.advanceUntil(() => outcome !== null, byMsMax);
    const settled = outcome as unknown as { value: T } | { error: unknown };
    if ("error" in settled) throw settled.error;
    return settled.value;
  }

  #run(callback: () => void): void {
    if (this.#isStopped) return;
    if (this.#isFrozen) this.#heldTurn.push(callback);
    else callback();
  }
}

/** What all forks of a clock share. */
class TimeLine {
  nowMs = 0;
  turn: (() => void)[] = [];
  readonly timers = new TimerHeap();
  #timersMade = 0;

  schedule(delayMs: number, clock: FakeClock, callback: () => void): Timer {
    // A difference of two times may be so small that it would not move the time at all.
    const delay = delayMs > 0 ? Math.max(delayMs, DELAY_MS_MIN) : 0;
    const dueMs = this.nowMs + delay;
    const timer = new FakeTimer(this.timers, clock, dueMs, this.#timersMade++, callback);
    if (dueMs < Infinity) this.timers.add(timer);
    else timer.isLive = false;
    return timer;
  }

  /** One that was held: it is due now, behind all that are. */
  scheduleAgain(timer: FakeTimer): void {
    timer.isHeld = false;
    if (!timer.isLive) return;
    timer.dueMs = this.nowMs;
    timer.order = this.#timersMade++;
    this.timers.add(timer);
  }

  settle(): void {
    drainMicrotasks();
    for (let turns = 0; this.turn.length > 0; turns++) {
      assert(turns < TURNS_MAX, "turns come to an end");
      const callbacks = this.turn;
      this.turn = [];
      for (const callback of callbacks) {
        callback();
        drainMicrotasks();
      }
    }
  }

  advance(byMs: number): void {
    const untilMs = this.nowMs + byMs;
    this.settle();
    for (;;) {
      const timer = this.timers.first();
      if (timer === null || timer.dueMs > untilMs) break;
      this.#fire(timer);
    }
    this.nowMs = untilMs;
    this.settle();
  }

  step(): boolean {
    this.settle();
    const timer = this.timers.first();
    if (timer === null) return false;
    this.#fire(timer);
    return true;
  }

  #fire(timer: FakeTimer): void {
    this.timers.shift();
    this.nowMs = Math.max(this.nowMs, timer.dueMs);
    timer.clock.fire(timer);
    this.settle();
  }
}

class FakeTimer implements Timer {
  isLive = true;
  /** By the frozen clock, not in the heap. */
  isHeld = false;

  constructor(
    readonly heap: TimerHeap,
    readonly clock: FakeClock,
    public dueMs: number,
    public order: number,
    readonly callback: () => void,
  ) {}

  cancel(): void {
    if (!this.isLive) return;
    this.isLive = false;
    if (!this.isHeld) this.heap.cancelled();
  }

  fire(): void {
    this.isLive = false;
    this.callback();
  }

  isBefore(other: FakeTimer): boolean {
    return this.dueMs < other.dueMs || (this.dueMs === other.dueMs && this.order < other.order);
  }
}

/** A binary heap; what is cancelled leaves it when it comes to the top, or when it is the most. */
class TimerHeap {
  #heap: FakeTimer[] = [];
  #cancelledCount = 0;

  get liveCount(): number {
    return this.#heap.length - this.#cancelledCount;
  }

  add(timer: FakeTimer): void {
    this.#heap.push(timer);
    this.#up(this.#heap.length - 1);
  }

  first(): FakeTimer | null {
    while (this.#heap.length > 0 && !this.#heap[0]!.isLive) {
      this.#cancelledCount--;
      this.shift();
    }
    return this.#heap[0] ?? null;
  }

  shift(): void {
    const last = this.#heap.pop()!;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#down(0);
  }

  cancelled(): void {
    this.#cancelledCount++;
    if (this.#cancelledCount < 64 || this.#cancelledCount * 2 < this.#heap.length) return;
    this.#heap = this.#heap.filter((timer) => timer.isLive);
    this.#cancelledCount = 0;
    for (let index = this.#heap.length >> 1; index >= 0; index--) this.#down(index);
  }

  #up(start: number): void {
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#heap[index]!.isBefore(this.#heap[parent]!)) return;
      this.#swap(index, parent);
      index = parent;
    }
  }

  #down(start: number): void {
    let index = start;
    for (;;) {
      let least = index;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child < this.#heap.length && this.#heap[child]!.isBefore(this.#heap[least]!)) {
          least = child;
        }
      }
      if (least === index) return;
      this.#swap(index, least);
      index = least;
    }
  }

  #swap(a: number, b: number): void {
    const timer = this.#heap[a]!;
    this.#heap[a] = this.#heap[b]!;
    this.#heap[b] = timer;
  }
}
