/** Asynchronous work, a few pieces at a time, in the order in which it came. */
import { Queue } from "../base/queue.ts";

export class WorkQueue {
  readonly #concurrencyMax: number;
  readonly #waiting = new Queue<() => void>();
  #running = 0;
  #idle: (() => void)[] = [];

  constructor(concurrencyMax: number) {
    this.#concurrencyMax = concurrencyMax;
  }

  /** Settles as `work` does. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#concurrencyMax) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#running++;
    try {
      return await work();
    } finally {
      this.#running--;
      if (this.#waiting.length > 0) this.#waiting.shift()();
      else if (this.#running === 0) for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  /** Pieces that run or wait. */
  get length(): number {
    return this.#running + this.#waiting.length;
  }

  /** Resolves when nothing runs or waits. */
  async whenIdle(): Promise<void> {
    if (this.#running === 0 && this.#waiting.length === 0) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }
}
