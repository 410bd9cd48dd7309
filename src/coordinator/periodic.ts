/** Work that a coordinator does again and again: the next time comes an interval after the last. */
import type { Clock, Timer } from "../base/world.ts";

export class Periodic {
  readonly #clock: Clock;
  readonly #timers = new Map<() => Promise<void>, Timer>();
  #isStopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The interval is asked for anew each time. */
  every(intervalMs: () => number, work: () => Promise<void>): void {
    if (this.#isStopped) return;
    const timer = this.#clock.schedule(
      intervalMs(),
      () => void work().then(() => this.every(intervalMs, work)),
    );
    this.#timers.set(work, timer);
  }

  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers.values()) timer.cancel();
  }
}
