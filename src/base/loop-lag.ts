/**
 * How late the event loop is: what a timer, or bytes that have arrived, wait until something else
 * is done. A timer is set and its delay recorded, in microseconds.
 *
 * A hundred times a second while there is work, and never else, as an idle node shall sleep. A
 * stall is met with the chance that it takes a share of the time, so that quantiles are those of
 * whoever arrives at any moment.
 */
import { Histogram } from "./histogram.ts";
import type { Clock, Timer } from "./world.ts";

const EVERY_MS = 10;

export class LoopLag {
  readonly delaysUs = new Histogram();
  readonly #clock: Pick<Clock, "monotonicMs" | "schedule">;
  #timer: Timer | null = null;
  #hasWorked = false;
  #isStopped = false;

  constructor(clock: Pick<Clock, "monotonicMs" | "schedule">) {
    this.#clock = clock;
  }

  /** Something is done: called for each request. */
  work(): void {
    this.#hasWorked = true;
    if (this.#timer === null && !this.#isStopped) this.#watch();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #watch(): void {
    this.#hasWorked = false;
    const dueMs = this.#clock.monotonicMs() + EVERY_MS;
    this.#timer = this.#clock.schedule(EVERY_MS, () => this.#fired(dueMs));
  }

  #fired(dueMs: number): void {
    this.#timer = null;
    this.delaysUs.record((this.#clock.monotonicMs() - dueMs) * 1000);
    if (this.#hasWorked) this.#watch();
  }
}
