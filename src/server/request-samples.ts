/**
 * What was measured of requests, on its way to their histograms. A request touches half a dozen of
 * them, each in memory of its own that other work has pushed out of the cache since; here its row
 * goes behind the one before it, and many rows are taken over together (measured: recorded at once
 * a request took 240 ns more than one that is not counted, so 130, the clock included).
 *
 *   kinds  | Produce         | Fetch           | ...
 *   rows   | 8 numbers       | 8 numbers       | ...     in the order of `ROW`
 */
/** In milliseconds and bytes. */
export const ROW = {
  queue: 0,
  local: 1,
  remote: 2,
  responseQueue: 3,
  send: 4,
  total: 5,
  requestBytes: 6,
  responseBytes: 7,
} as const;
const ROW_SIZE = 8;
const ROWS = 128;

/** Whose histograms a row goes to. */
export interface RowTaker {
  take(rows: Float64Array, at: number): void;
}

export class RequestSamples {
  readonly rows = new Float64Array(ROWS * ROW_SIZE);
  readonly #kinds = new Array<RowTaker | null>(ROWS).fill(null);
  #count = 0;

  /** Where the caller writes a row of `kind`. */
  add(kind: RowTaker): number {
    if (this.#count === ROWS) this.drain();
    const at = this.#count++;
    this.#kinds[at] = kind;
    return at * ROW_SIZE;
  }

  drain(): void {
    const count = this.#count;
    this.#count = 0;
    for (let at = 0; at < count; at++) this.#kinds[at]!.take(this.rows, at * ROW_SIZE);
  }
}
