/**
 * Requests of one kind to one broker: while one is under way, what is to be asked next gathers, and
 * goes together when that one is answered.
 *
 *   add -> [ waiting ] -- end of the turn, or the last one answered --> send -> ...
 */
import type { Clock } from "../base/world.ts";

export interface GathererOptions<E> {
  readonly clock: Clock;
  /** How much of a request an entry takes; together at most `weightMax`, but at least one entry. */
  readonly weightOf: (entry: E) => number;
  readonly weightMax: number;
  /** Sees to all of the entries, whatever happens; the next are sent when it resolves. */
  readonly send: (entries: readonly E[]) => Promise<void>;
}

export class RequestGatherer<E> {
  readonly #options: GathererOptions<E>;
  readonly #waiting: E[] = [];
  #isBusy = false;

  constructor(options: GathererOptions<E>) {
    this.#options = options;
  }

  /** Not yet sent. */
  get waiting(): readonly E[] {
    return this.#waiting;
  }

  add(entry: E): void {
    this.#waiting.push(entry);
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#options.clock.afterTurn(() => void this.#work());
  }

  /** Takes those out that are not to be sent; returns them. */
  remove(isUnwanted: (entry: E) => boolean): E[] {
    const removed = this.#waiting.filter(isUnwanted);
    if (removed.length === 0) return removed;
    const kept = this.#waiting.filter((entry) => !isUnwanted(entry));
    this.#waiting.splice(0, this.#waiting.length, ...kept);
    return removed;
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) await this.#options.send(this.#take());
    this.#isBusy = false;
  }

  #take(): E[] {
    const { weightOf, weightMax } = this.#options;
    let [count, weight] = [0, 0];
    for (const entry of this.#waiting) {
      weight += weightOf(entry);
      if (count > 0 && weight > weightMax) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }
}
