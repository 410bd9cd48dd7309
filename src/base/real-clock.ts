/** Time of the machine. */
import { drainMicrotasks } from "bun:jsc";
import { assert } from "./assert.ts";
import { Turns } from "./turns.ts";
import type { Clock, Timer } from "./world.ts";

/** `setTimeout` takes a longer delay for none at all. */
const DELAY_MS_MAX = 2 ** 31 - 1;

export function realClock(): Clock {
  return new RealClock();
}

class RealClock implements Clock {
  #turn: (() => void)[] = [];
  readonly #turns = new Turns(this, drainMicrotasks);

  wallMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  schedule(delayMs: number, callback: () => void): Timer {
    assert(!Number.isNaN(delayMs), "a delay is a number");
    return new RealTimer(delayMs, callback);
  }

  /**
   * An immediate runs when all sockets that were ready have been handled, and costs no system call.
   * All callbacks of a turn share one.
   */
  afterTurn(callback: () => void): void {
    if (this.#turn.push(callback) === 1) setImmediate(() => this.#endTurn());
  }

  soon(callback: () => void): void {
    this.#turns.push(callback);
  }

  #endTurn(): void {
    const callbacks = this.#turn;
    this.#turn = [];
    for (const callback of callbacks) callback();
  }
}

class RealTimer implements Timer {
  #handle: NodeJS.Timeout;

  constructor(delayMs: number, callback: () => void) {
    this.#handle = this.#start(delayMs, callback);
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }

  #start(delayMs: number, callback: () => void): NodeJS.Timeout {
    if (delayMs <= DELAY_MS_MAX) return setTimeout(callback, Math.max(0, delayMs));
    return setTimeout(() => {
      this.#handle = this.#start(delayMs - DELAY_MS_MAX, callback);
    }, DELAY_MS_MAX);
  }
}
