/**
 * How late the event loop is: what a timer, or bytes that have arrived, wait until something else
 * is done. A timer is set and its delay recorded, in microseconds.
 *
 * While there is work it is looked at a hundred times a second; else rarely, as an idle node shall
 * sleep. A stall is met with the chance that it takes a share of the time, so that quantiles are
 * those of whoever arrives at any moment.
 */
import { Histogram } from "./histogram.ts";
import type { Clock, Timer } from "./world.ts";

const BUSY_MS = 10;
const IDLE_MS = 500;

export class LoopLag {
  readonly delaysUs = new Histogram();
  readonly startedMs: number;
  readonly #clock: Clock;
  readonly #workDone: () => number;
  #seen = 0;
  #timer: Timer | null = null;

  /** `workDone` grows with everything that the node does. */
  constructor(clock: Clock, workDone: () => number) {
    this.#clock = clock;
    this.startedMs = clock.monotonicMs();
    this.#workDone = workDone;
  }

  start(): void {
    this.#set(IDLE_MS);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #set(delayMs: number): void {
    const dueMs = this.#clock.monotonicMs() + delayMs;
    this.#timer = this.#clock.schedule(delayMs, () => this.#fired(dueMs));
  }

  #fired(dueMs: number): void {
    this.delaysUs.record((this.#clock.monotonicMs() - dueMs) * 1000);
    const done = this.#workDone();
    this.#set(done === this.#seen ? IDLE_MS : BUSY_MS);
    this.#seen = done;
  }
}
