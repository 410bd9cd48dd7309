/**
 * What happens to the logs of a node by itself, until it stops: in slices of time, so that requests
 * go on meanwhile.
 *
 *   every    at intervals: retention, checkpoints, producers that expire; log-manager.ts says what
 *   warmed   a log that was used is looked at until it has been idle for a while: then it gives
 *            files, memory and reserved blocks back
 */
import { Slices } from "../base/slices.ts";
import type { Clock, Timer } from "../base/world.ts";
import type { FileHandles } from "./file-handles.ts";
import type { Coolable } from "./log-host.ts";

/** A file that nobody used for one to two of these closes. */
const IDLE_MS = 10_000;
/** Timers of JavaScript hold no more; a longer time is never. */
const TIMER_MAX_MS = 2 ** 31 - 1;

export class Housekeeping {
  readonly #clock: Clock;
  readonly #handles: FileHandles;
  readonly #timers = new Set<Timer>();
  #warm: Coolable[] = [];
  #isSweeping = false;
  #isStopped = false;

  constructor(clock: Clock, handles: FileHandles) {
    this.#clock = clock;
    this.#handles = handles;
  }

  /** Runs later unless the node stops before. */
  schedule(delayMs: number, work: () => void): void {
    if (this.#isStopped || delayMs > TIMER_MAX_MS) return;
    const timer = this.#clock.schedule(delayMs, () => {
      this.#timers.delete(timer);
      work();
    });
    this.#timers.add(timer);
  }

  /** The interval is asked for anew each time, and counts from the end of the work. */
  every(
    intervalMs: () => number,
    work: () => Promise<void>,
    firstDelayMs: number = intervalMs(),
  ): void {
    this.schedule(firstDelayMs, () => {
      void work().then(() => this.every(intervalMs, work));
    });
  }

  async forEach<T>(all: Iterable<T>, visit: (each: T) => void): Promise<void> {
    const slices = new Slices(this.#clock);
    for (const each of all) {
      if (this.#isStopped) return;
      visit(each);
      if (slices.isOver) await slices.next();
    }
  }

  warmed(log: Coolable): void {
    this.#warm.push(log);
    if (this.#isSweeping) return;
    this.#isSweeping = true;
    this.#sweepLater();
  }

  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #sweepLater(): void {
    this.schedule(IDLE_MS, () => void this.#sweep());
  }

  async #sweep(): Promise<void> {
    await this.forEach(this.#handles.openHandles(), (handle) => this.#handles.sweepOne(handle));
    const warm = this.#warm;
    this.#warm = [];
    await this.forEach(warm, (log) => {
      if (!log.coolDown()) this.#warm.push(log);
    });
    this.#isSweeping = this.#warm.length > 0 || this.#handles.openCount > 0;
    if (this.#isSweeping) this.#sweepLater();
  }
}
