/**
 * Those who wait for the high watermark to pass an offset: acks=all, and the coordinators.
 *
 *   front -> offset 10, offset 14, offset 14, offset 20 -> back
 *
 * Appends are ordered, so waits come in the order of their offsets: an advance answers from the
 * front and stops at the first that must go on waiting. Nothing is scanned. Only who sends a batch
 * once more waits for an offset that others are beyond: those few are kept beside.
 */
import { Queue } from "../base/queue.ts";
import type { Clock, Timer } from "../base/world.ts";
import { ErrorCode } from "../protocol/error-code.ts";

interface Wait {
  readonly offset: number;
  resolve: ((errorCode: ErrorCode) => void) | null;
  timer: Timer | null;
}

export class CommitQueue {
  readonly #clock: Clock;
  readonly #waits = new Queue<Wait>();
  /** Behind their time: in no order. */
  #late: Wait[] = NONE;
  #lastOffset = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Resolves with NONE, with REQUEST_TIMED_OUT (never for a timeout of Infinity), or with the
   * reason given to `fail`.
   */
  wait(offset: number, timeoutMs: number): Promise<ErrorCode> {
    this.#forgetTimedOut();
    const { promise, resolve } = Promise.withResolvers<ErrorCode>();
    const wait: Wait = { offset, resolve, timer: null };
    if (timeoutMs < Infinity) {
      wait.timer = this.#clock.schedule(timeoutMs, () => settle(wait, ErrorCode.REQUEST_TIMED_OUT));
    }
    if (this.#waits.length > 0 && offset < this.#lastOffset) {
      this.#late = [...this.#late, wait];
    } else {
      this.#lastOffset = offset;
      this.#waits.push(wait);
    }
    return promise;
  }

  get length(): number {
    return this.#waits.length + this.#late.length;
  }

  advance(highWatermark: number): void {
    while (this.#waits.length > 0 && this.#waits.first().offset <= highWatermark) {
      settle(this.#waits.shift(), ErrorCode.NONE);
    }
    if (this.#late.length > 0) this.#advanceLate(highWatermark);
  }

  fail(errorCode: ErrorCode): void {
    while (this.#waits.length > 0) settle(this.#waits.shift(), errorCode);
    const late = this.#late;
    this.#late = NONE;
    for (const wait of late) settle(wait, errorCode);
  }

  #advanceLate(highWatermark: number): void {
    const late = this.#late;
    this.#late = late.filter(({ offset }) => offset > highWatermark);
    for (const wait of late) if (wait.offset <= highWatermark) settle(wait, ErrorCode.NONE);
  }

  /** The high watermark may stand still for hours, and its waiters come and go. */
  #forgetTimedOut(): void {
    while (this.#waits.length > 0 && this.#waits.first().resolve === null) this.#waits.shift();
    if (this.#late.length === 0) return;
    this.#late = this.#late.filter(({ resolve }) => resolve !== null);
  }
}

const NONE: Wait[] = [];

/** One that timed out stays until its turn comes, or somebody else waits; it is answered once. */
function settle(wait: Wait, errorCode: ErrorCode): void {
  wait.timer?.cancel();
  wait.resolve?.(errorCode);
  wait.resolve = null;
}
