/** The batches of a share partition by their first offsets, in order, none over another. */
import type { InFlightBatch } from "./in-flight-batch.ts";

export class InFlightBatches implements Iterable<InFlightBatch> {
  #batches: InFlightBatch[] = [];

  get count(): number {
    return this.#batches.length;
  }

  get first(): InFlightBatch | null {
    return this.#batches[0] ?? null;
  }

  get last(): InFlightBatch | null {
    return this.#batches.at(-1) ?? null;
  }

  /** The last batch that begins at or before the offset. */
  floor(offset: number): InFlightBatch | null {
    return this.#batches[this.#placeBehind(offset) - 1] ?? null;
  }

  /** The first batch that begins behind the offset. */
  higher(offset: number): InFlightBatch | null {
    return this.#batches[this.#placeBehind(offset)] ?? null;
  }

  /** Those that begin from `firstOffset` to `lastOffset`, as they are now. */
  range(firstOffset: number, lastOffset: number): InFlightBatch[] {
    return this.#batches.slice(this.#placeBehind(firstOffset - 1), this.#placeBehind(lastOffset));
  }

  add(batch: InFlightBatch): void {
    const place = this.#placeBehind(batch.firstOffset);
    if (place === this.#batches.length) this.#batches.push(batch);
    else this.#batches.splice(place, 0, batch);
  }

  /** Drops those that begin before the offset. */
  removeBefore(offset: number): void {
    this.#batches.splice(0, this.#placeBehind(offset - 1));
  }

  clear(): void {
    this.#batches = [];
  }

  [Symbol.iterator](): IterableIterator<InFlightBatch> {
    return this.#batches.values();
  }

  /** Place of the first batch that begins behind the offset. */
  #placeBehind(offset: number): number {
    let low = 0;
    let high = this.#batches.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#batches[middle]!.firstOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
