/**
 * Long work in slices of time, so that others have their turns in between.
 *
 *   const slices = new Slices(clock, SLICE_MS);
 *   for (const each of all) {
 *     work(each);
 *     if (slices.isOver) await slices.next();
 *   }
 */
import type { Clock } from "./world.ts";

export class Slices {
  readonly #clock: Clock;
  readonly #sliceMs: number;
  #endMs: number;

  constructor(clock: Clock, sliceMs: number) {
    this.#clock = clock;
    this.#sliceMs = sliceMs;
    this.#endMs = clock.monotonicMs() + sliceMs;
  }

  get isOver(): boolean {
    return this.#clock.monotonicMs() >= this.#endMs;
  }

  async next(): Promise<void> {
    await endOfTurn(this.#clock);
    this.#endMs = this.#clock.monotonicMs() + this.#sliceMs;
  }
}

/** Resolves when whatever else this turn has to do is done. */
export function endOfTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.afterTurn(resolve));
}
