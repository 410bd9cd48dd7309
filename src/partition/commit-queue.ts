/**
 * Those who wait for the high watermark to pass an offset: acks=all, and the coordinators.
 *
 *   front -> offset 10, offset 14, offset 14, offset 20 -> back
 *
 * Appends are ordered, so waits come in the order of their offsets: an advance answers from the
 * front and stops at the first that must go on waiting. Nothing is scanned.
 */
import { assert } from "../base/assert.ts";
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
  #lastOffset = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Resolves with NONE, with REQUEST_TIMED_OUT (never for a timeout of Infinity), or with the
   * reason given to `fail`.
   */
  wait(offset: number, timeoutMs: number): Promise<ErrorCode> {
    assert(offset >= this.#lastOffset || this.#waits.length === 0, "waits come in order");
    this.#lastOffset = offset;
    const { promise, resolve } = Promise.withResolvers<ErrorCode>();
    const wait: Wait = { offset, resolve, timer: null };
    if (timeoutMs < Infinity) {
      wait.timer = this.#clock.schedule(timeoutMs, () => settle(wait, ErrorCode.REQUEST_TIMED_OUT));
    }
    this.#waits.push(wait);
    return promise;
  }

  get length(): number {
    return this.#waits.length;
  }

  advance(highWatermark: number): void {
    while (this.#waits.length > 0 && this.#waits.first().offset <= highWatermark) {
      settle(this.#waits.shift(), ErrorCode.NONE);
    }
  }

  fail(errorCode: ErrorCode): void {
    while (this.#waits.length > 0) settle(this.#waits.shift(), errorCode);
  }
}

/** One that timed out stays in the queue until its turn comes; it is answered only once. */
function settle(wait: Wait, errorCode: ErrorCode): void {
  wait.timer?.cancel();
  wait.resolve?.(errorCode);
  wait.resolve = null;
}
