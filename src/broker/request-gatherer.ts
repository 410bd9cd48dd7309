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
  /** How many partitions an entry is about. */
  readonly partitionCountOf: (entry: E) => number;
  /** Of a request, which has at least one entry. */
  readonly partitionCountMax: number;
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
    const { partitionCountOf, partitionCountMax } = this.#options;
    let [count, partitionCount] = [0, 0];
    for (const entry of this.#waiting) {
      partitionCount += partitionCountOf(entry);
      if (count > 0 && partitionCount > partitionCountMax) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }
}

export interface BrokerGatherersOptions<E> extends Omit<
  GathererOptions<E>,
  "send" | "partitionCountMax"
> {
  readonly send: (brokerId: number, entries: readonly E[]) => Promise<void>;
}

/** Requests of one kind to any broker. */
export class BrokerGatherers<E> {
  readonly #options: BrokerGatherersOptions<E>;
  readonly #gatherers = new Map<number, RequestGatherer<E>>();

  constructor(options: BrokerGatherersOptions<E>) {
    this.#options = options;
  }

  /** By the ids of those that were ever asked. */
  all(): Iterable<readonly [brokerId: number, gatherer: RequestGatherer<E>]> {
    return this.#gatherers;
  }

  of(brokerId: number): RequestGatherer<E> {
    const known = this.#gatherers.get(brokerId);
    if (known !== undefined) return known;
    const { send, ...options } = this.#options;
    const gatherer = new RequestGatherer<E>({
      ...options,
      partitionCountMax: PARTITION_COUNT_MAX,
      send: (entries) => send(brokerId, entries),
    });
    this.#gatherers.set(brokerId, gatherer);
    return gatherer;
  }
}

const PARTITION_COUNT_MAX = 10_000;
