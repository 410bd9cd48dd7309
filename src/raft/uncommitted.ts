/**
 * What lies in the log and is not committed yet, with those who wait until it is.
 *
 *   front -> [batch up to 10]  [somebody, for 10]  [batch up to 14] -> back
 *
 * The high watermark passes them from the front: first all it has passed is handed on, then those
 * who wait for it are told, both in the order in which they came.
 */
interface Waiting<Batch> {
  readonly endOffset: number;
  /** Null: waits for others only. */
  readonly batch: Batch | null;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class Uncommitted<Batch> {
  readonly #committed: (batches: readonly Batch[]) => void;
  #waiting: Waiting<Batch>[] = [];

  constructor(committed: (batches: readonly Batch[]) => void) {
    this.#committed = committed;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Resolves when all below `endOffset`, where the batch ends, is committed. */
  add(endOffset: number, batch: Batch | null): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ endOffset, batch, resolve, reject });
    });
  }

  /** Resolves when everything that was added so far is committed. */
  whenAll(): Promise<void> {
    const last = this.#waiting.at(-1);
    return last === undefined ? Promise.resolve() : this.add(last.endOffset, null);
  }

  advance(highWatermark: number): void {
    const isPassed = ({ endOffset }: Waiting<Batch>) => endOffset <= highWatermark;
    const passed = this.#waiting.splice(0, this.#waiting.findLastIndex(isPassed) + 1);
    this.#committed(passed.flatMap(({ batch }) => (batch === null ? [] : [batch])));
    for (const { resolve } of passed) resolve();
  }

  /** Nothing can be committed any more. */
  fail(error: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
