/**
 * Requests of one kind to one broker: while one is under way, what is to be asked next gathers, and
 * goes together when that one is answered.
 *
 *   add -> [ waiting ] -- end of the turn, or the last one answered --> [ under way ] -> answered
 *                `------------- given up: another broker is to be asked -------'
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
  #underWay = new Set<E>();
  /** Resolves when nobody waits for what is under way. */
  #abandoned = Promise.withResolvers<void>();
  #isBusy = false;

  constructor(options: GathererOptions<E>) {
    this.#options = options;
  }

  add(entry: E): void {
    this.#waiting.push(entry);
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#options.clock.afterTurn(() => void this.#work());
  }

  /** Takes those out that are not sent yet, and returns them. */
  remove(isUnwanted: (entry: E) => boolean): E[] {
    const removed = this.#waiting.filter(isUnwanted);
    if (removed.length === 0) return removed;
    const kept = this.#waiting.filter((entry) => !isUnwanted(entry));
    this.#waiting.splice(0, this.#waiting.length, ...kept);
    return removed;
  }

  /**
   * The same, and those under way: whoever asked for them is told so by the caller. Once all of a
   * request is given up, the next need not wait for a broker that is silent.
   */
  giveUp(isUnwanted: (entry: E) => boolean): E[] {
    const givenUp = this.remove(isUnwanted);
    for (const entry of this.#underWay) {
      if (isUnwanted(entry) && this.#underWay.delete(entry)) givenUp.push(entry);
    }
    if (this.#underWay.size === 0) this.#abandoned.resolve();
    return givenUp;
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      const entries = this.#take();
      this.#underWay = new Set(entries);
      this.#abandoned = Promise.withResolvers<void>();
      await Promise.race([this.#options.send(entries), this.#abandoned.promise]);
    }
    this.#underWay.clear();
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
