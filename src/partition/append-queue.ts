/**
 * Appends of one partition that wait for their turn: behind a batch that a thread looks through,
 * later ones wait however small they are, for the log has them in the order in which they came.
 *
 *   front -> [at a thread] [waits] [waits] -> back          others' partitions go on
 *
 * Invariant: the first was begun, and nothing behind it.
 */
import { Queue } from "../base/queue.ts";
import { Slices } from "../base/slices.ts";
import type { Clock } from "../base/world.ts";
import type { AppendResult } from "../log/append-result.ts";

export interface WaitingAppend {
  /** Null when it takes long: then `examined` is asked. */
  readonly briefly: () => AppendResult | null;
  readonly examined: () => Promise<AppendResult>;
}

export class AppendQueue {
  readonly #clock: Clock;
  readonly #waiting = new Queue<Waiting>();
  #isRunning = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Nobody waits: what comes now need not either. */
  get isIdle(): boolean {
    return !this.#isRunning;
  }

  /** `isLong`: it is known already. */
  push(append: WaitingAppend, isLong: boolean): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ append, isLong, resolve, reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    const slices = new Slices(this.#clock);
    while (this.#waiting.length > 0) {
      const { append, isLong, resolve, reject } = this.#waiting.first();
      try {
        const result = isLong ? null : append.briefly();
        resolve(result ?? (await append.examined()));
      } catch (error) {
        reject(error);
      }
      this.#waiting.shift();
      if (slices.isOver) await slices.next();
    }
    this.#isRunning = false;
  }
}

interface Waiting {
  readonly append: WaitingAppend;
  readonly isLong: boolean;
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: unknown) => void;
}
