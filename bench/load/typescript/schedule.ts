/**
 * The open loop's schedule: request k is due at k intervals behind the start, whatever became of
 * those before it. Groups of partitions take turns, so that the n-th batch of a partition is request
 * n * groups + group.
 */
export class Schedule {
  readonly #intervalUs: number;
  readonly #groupCount: number;
  readonly #spread: number;
  #total: number;

  /** `requestBytes` a request, `bytesPerSecond` of them, for `seconds`. */
  constructor(options: {
    readonly requestBytes: number;
    readonly bytesPerSecond: number;
    readonly seconds: number;
    readonly groupCount: number;
    readonly spread: number;
  }) {
    this.#intervalUs = (options.requestBytes / options.bytesPerSecond) * 1e6;
    this.#groupCount = options.groupCount;
    this.#spread = options.spread;
    this.#total = Math.floor((options.seconds * 1e6) / this.#intervalUs);
  }

  /** Requests in all. */
  get total(): number {
    return this.#total;
  }

  /** No more than were issued until now. */
  end(issued: number): void {
    this.#total = issued;
  }

  /** Microseconds behind the start. */
  dueUs(request: number): number {
    return request * this.#intervalUs;
  }

  /** How many are due at that time. */
  dueCount(elapsedUs: number): number {
    return Math.min(this.#total, Math.floor(elapsedUs / this.#intervalUs) + 1);
  }

  groupOf(request: number): number {
    return request % this.#groupCount;
  }

  dueUsOfBatch(partition: number, n: number): number {
    return this.dueUs(n * this.#groupCount + Math.floor(partition / this.#spread));
  }

  /** Batches that a partition gets in all. */
  batchesOf(partition: number): number {
    const group = Math.floor(partition / this.#spread);
    return Math.max(0, Math.ceil((this.#total - group) / this.#groupCount));
  }
}
