/**
 * What may take a while, in turns of the loop: what was called for is done in its order, with all
 * that follows from it at once (its promises), until TURN_MS are over; what is left comes in the
 * next turn, behind the sockets that are ready then.
 *
 *   turn:  sockets, timers | ends of the turn | a, b, c   over   | sockets ...| d, e, f
 *                                               \__ TURN_MS __/
 *
 * Without it each of fifty long answers may have its slice in one turn, and one write may wake
 * fifty consumers: it is their sum that holds the loop.
 */
import { Queue } from "./queue.ts";
import type { Clock } from "./world.ts";

/** Long enough to be worth a turn, and short enough for whoever waits for the next. */
export const TURN_MS = 1;

export class Turns {
  readonly #clock: Pick<Clock, "monotonicMs" | "afterTurn">;
  readonly #drainMicrotasks: () => void;
  readonly #waiting = new Queue<() => void>();
  #isTaking = false;
  readonly #goOn = () => this.#take();

  constructor(clock: Pick<Clock, "monotonicMs" | "afterTurn">, drainMicrotasks: () => void) {
    this.#clock = clock;
    this.#drainMicrotasks = drainMicrotasks;
  }

  push(callback: () => void): void {
    this.#waiting.push(callback);
    if (this.#waiting.length === 1 && !this.#isTaking) this.#clock.afterTurn(this.#goOn);
  }

  #take(): void {
    // What is called for meanwhile is for the next turn.
    let left = this.#waiting.length;
    const endMs = this.#clock.monotonicMs() + TURN_MS;
    this.#isTaking = true;
    try {
      do {
        this.#waiting.shift()();
        this.#drainMicrotasks();
        left--;
      } while (left > 0 && this.#clock.monotonicMs() < endMs);
    } finally {
      this.#isTaking = false;
      if (this.#waiting.length > 0) this.#clock.afterTurn(this.#goOn);
    }
  }
}
