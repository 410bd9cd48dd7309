/**
 * Works in steps, one after another: what comes while one is under way waits for it.
 *
 *   run(a) - a slice at once ---- more in later turns ---- done
 *   run(b)                     waits                           - at once ...
 *
 * What takes no longer than a slice, and has nothing before it, is done when `run` returns.
 */
import { Queue } from "./queue.ts";
import { Slices, type Steps } from "./slices.ts";
import type { Clock } from "./world.ts";

export class StepsQueue {
  readonly #clock: Clock;
  readonly #waiting = new Queue<() => void>();
  #isUnderWay = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * `steps` is called when its turn has come, and ends with what comes of it, for which nobody
   * behind it waits; rejects with what it throws.
   */
  run<R>(steps: () => Steps<Promise<R>>): Promise<R> {
    if (!this.#isUnderWay) return this.#begin(steps);
    return new Promise((resolve) => {
      this.#waiting.push(() => resolve(this.#begin(steps)));
    });
  }

  #begin<R>(begin: () => Steps<Promise<R>>): Promise<R> {
    this.#isUnderWay = true;
    const slices = new Slices(this.#clock);
    let isLeft = false;
    try {
      const steps = begin();
      const taken = slices.take(steps);
      if (taken !== null) return taken.value;
      isLeft = true;
      return this.#goOn(steps, slices);
    } catch (error) {
      return Promise.reject(error);
    } finally {
      if (!isLeft) this.#ended();
    }
  }

  async #goOn<R>(steps: Steps<Promise<R>>, slices: Slices): Promise<R> {
    let value: { readonly promise: Promise<R> };
    try {
      await slices.next();
      // A promise that is not awaited here: the next one begins before it is settled.
      value = await slices.finish(wrapped(steps));
    } finally {
      this.#ended();
    }
    return value.promise;
  }

  #ended(): void {
    this.#isUnderWay = false;
    while (this.#waiting.length > 0 && !this.#isUnderWay) this.#waiting.shift()();
  }
}

function* wrapped<R>(steps: Steps<Promise<R>>): Steps<{ readonly promise: Promise<R> }> {
  return { promise: yield* steps };
}
