/**
 * How long the loop takes requests without a break. What comes later than that is kept, and taken
 * in further turns in the order in which it came; between them are timers, and all that waits for
 * the end of a turn.
 *
 *   data a | data b | data c | data d - data e - data f     end of turn   timers   data, kept
 *   \_______ TAKEN_MS _______/  kept     kept     kept   |    d    e   |         |   f ...
 *
 * A loop that has a thousand sockets with data asks for more of them before it looks at a timer, up
 * to 48 times: with 5,000 busy clients a turn took a second.
 *
 * The end of a turn is not asked for while there is little to do: work goes on without a break for
 * as long as it is never away for a moment, and to keep one chunk too many costs no one anything.
 * Large chunks are not kept (to take them is cheap for their size, and they are few), and who sends
 * more has what is kept taken first.
 */
import { Queue } from "../base/queue.ts";
import { SLICE_MS } from "../base/slices.ts";
import type { Clock } from "../base/world.ts";

/** Without anything to do: a turn has ended, or there is no hurry. */
const BREAK_MS = 1;

export interface Keeper {
  /** What is kept shall be taken now. */
  turnCame(): void;
}

export class FairTurns {
  readonly #clock: Clock;
  readonly #keepers = new Queue<Keeper>();
  /** Some keep something, and what comes now stands behind them. */
  #isDue = false;
  /** Since when there was no break. */
  #sinceMs = 0;
  #lastMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether what comes now is to be kept. */
  isOver(nowMs: number): boolean {
    if (this.#isDue) return true;
    if (nowMs - this.#lastMs > BREAK_MS) this.#sinceMs = nowMs;
    return nowMs - this.#sinceMs >= SLICE_MS;
  }

  /** Something was done until now. */
  worked(nowMs: number): void {
    this.#lastMs = nowMs;
  }

  /** Calls it once, when its turn has come. */
  keep(keeper: Keeper): void {
    this.#keepers.push(keeper);
    if (this.#isDue) return;
    this.#isDue = true;
    this.#clock.afterTurn(() => this.#goOn());
  }

  #goOn(): void {
    const endMs = this.#clock.monotonicMs() + SLICE_MS;
    try {
      do this.#keepers.shift().turnCame();
      while (this.#keepers.length > 0 && this.#clock.monotonicMs() < endMs);
    } finally {
      this.#isDue = this.#keepers.length > 0;
      if (this.#isDue) this.#clock.afterTurn(() => this.#goOn());
      else this.#lastMs = -Infinity;
    }
  }
}
