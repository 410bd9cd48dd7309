/**
 * Those who wait until what they appended is committed. A quorum of one commits what is on its
 * disk: everything that was appended while one sync was under way shares the next.
 *
 *   add, add -> end of turn -> [ sync ] -> both committed, in order
 *                  add, add ....... wait ...... [ sync ] -> both committed
 */
import type { Clock } from "../base/world.ts";

interface Waiting<Entry> {
  readonly endOffset: number;
  /** Null: waits for others only. */
  readonly entry: Entry | null;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface CommitTarget<Entry> {
  /** Behind the last record appended. */
  endOffset(): number;
  /** Makes everything appended so far durable. */
  sync(): Promise<void>;
  /** Entries that end at or below `upTo`, oldest first. */
  committed(entries: readonly Entry[], upTo: number): void;
  /** Nothing can be committed any more. */
  failed(error: unknown): void;
}

export class CommitQueue<Entry> {
  readonly #clock: Clock;
  readonly #target: CommitTarget<Entry>;
  #waiting: Waiting<Entry>[] = [];
  #isRunning = false;

  constructor(clock: Clock, target: CommitTarget<Entry>) {
    this.#clock = clock;
    this.#target = target;
  }

  /** Resolves when the records of `entry`, up to `endOffset`, are committed. */
  add(endOffset: number, entry: Entry | null): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ endOffset, entry, resolve, reject });
      if (this.#isRunning) return;
      this.#isRunning = true;
      this.#clock.afterTurn(() => {
        this.#run().catch((error: unknown) => this.fail(error));
      });
    });
  }

  /** Resolves when everything that was added so far is committed. */
  whenAll(): Promise<void> {
    const last = this.#waiting.at(-1);
    return last === undefined ? Promise.resolve() : this.add(last.endOffset, null);
  }

  /** Rejects all who wait. */
  fail(error: unknown): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#target.failed(error);
    for (const { reject } of waiting) reject(error);
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const upTo = this.#target.endOffset();
      await this.#target.sync();
      const count = this.#waiting.findLastIndex((waiting) => waiting.endOffset <= upTo) + 1;
      const done = this.#waiting.splice(0, count);
      const entries = done.flatMap(({ entry }) => (entry === null ? [] : [entry]));
      this.#target.committed(entries, upTo);
      for (const { resolve } of done) resolve();
    }
    this.#isRunning = false;
  }
}
