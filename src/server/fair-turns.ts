/**
 * How long the loop takes requests without a break. What comes later than that is kept, and taken
 * in further turns in the order in which it came; between them are timers, and all that waits for
 * the end of a turn.
 *
 *   data a | data b | data c | data d - data e - data f     end of turn   timers   data, kept
 *   \_______ TURN_MS ________/  kept     kept     kept   |    d    e   |         |   f ...
 *
 * A loop that has a thousand sockets with data asks for more of them before it looks at a timer, up
 * to 48 times: with 5,000 busy clients a turn took a second.
 *
 * The end of a turn is not asked for while there is little to do: work goes on without a break for
 * as long as it is never away for a moment, and to keep one chunk too many costs no one anything.
 * Large chunks are not kept (to take them is cheap for their size, and they are few), and who sends
 * more has what is kept taken first.
 */
import { TURN_MS } from "../base/turns.ts";
import type { Clock } from "../base/world.ts";

/** Without anything to do: a turn has ended, or there is no hurry. */
const BREAK_MS = 1;

export interface Keeper {
  /** What is kept shall be taken now. */
  turnCame(): void;
}

export class FairTurns {
  readonly #clock: Clock;
  /** What comes now stands behind these. */
  #keptCount = 0;
  /** Since when there was no break. */
  #sinceMs = 0;
  #lastMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether what comes now is to be kept. */
  isOver(nowMs: number): boolean {
    if (this.#keptCount > 0) return true;
    if (nowMs - this.#lastMs > BREAK_MS) this.#sinceMs = nowMs;
    return nowMs - this.#sinceMs >= TURN_MS;
  }

  /** Something was done until now. */
  worked(nowMs: number): void {
    this.#lastMs = nowMs;
  }

  /** Calls it once, when its turn has come. */
  keep(keeper: Keeper): void {
    this.#keptCount++;
    this.#clock.soon(() => {
      try {
        keeper.turnCame();
      } finally {
        this.#keptCount--;
        if (this.#keptCount === 0) this.#lastMs = -Infinity;
      }
    });
  }
}
