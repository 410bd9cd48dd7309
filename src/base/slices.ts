/**
 * Long work in slices of time, so that others have their turns in between.
 *
 *   const slices = new Slices(clock);
 *   for (const each of all) {
 *     work(each);
 *     if (slices.isOver) await slices.next();
 *   }
 */
import type { Clock } from "./world.ts";

/** Long enough to be worth a turn, and short enough for whoever waits for the next. */
export const SLICE_MS = 1;

/** Work that can stop between any two of its steps. */
export type Steps<R> = Generator<undefined, R, undefined>;

export class Slices {
  readonly #clock: Clock;
  readonly #sliceMs: number;
  #endMs: number;

  constructor(clock: Clock, sliceMs = SLICE_MS) {
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

  /** As `Array.map`: what others do to `all` meanwhile is seen. */
  async map<T, R>(all: readonly T[], work: (each: T, index: number) => R): Promise<R[]> {
    const done: R[] = [];
    const pace = new Pace(LOOK_EVERY);
    for (let index = 0; index < all.length; index++) {
      done.push(work(all[index]!, index));
      if (pace.endsStep() && this.isOver) await this.next();
    }
    return done;
  }

  /** Takes all steps, and gives what the last one returns. */
  async finish<R>(steps: Steps<R>): Promise<R> {
    for (;;) {
      const taken = this.take(steps);
      if (taken !== null) return taken.value;
      await this.next();
    }
  }

  /** Takes steps until the slice is over; null where some are left then. */
  take<R>(steps: Steps<R>): { readonly value: R } | null {
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step;
      if (this.isOver) return null;
    }
  }
}

/** So many make a step: to stop behind each costs as much as a little work. */
export class Pace {
  readonly #size: number;
  #left: number;

  constructor(size: number) {
    this.#size = size;
    this.#left = size;
  }

  /** One more is done: whether a step ends with it. */
  endsStep(): boolean {
    if (--this.#left > 0) return false;
    this.#left = this.#size;
    return true;
  }
}

/** The same without a break, for whoever cannot wait. */
export function finishNow<R>(steps: Steps<R>): R {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Looking at the clock costs as much as a little work. */
const LOOK_EVERY = 16;

/** Resolves when whatever else this turn has to do is done. */
export function endOfTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.soon(resolve));
}
