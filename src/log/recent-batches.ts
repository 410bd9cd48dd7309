/**
 * Where the last batches of the active segment begin, so that neither a consumer at the tail nor
 * the high watermark needs a look at the disk.
 *
 *   a ring of (last offset, position), oldest to newest, without a gap up to the end of the log
 */
const CAPACITY_MIN = 16;
const CAPACITY_MAX = 256;

export class RecentBatches {
  #lastOffsets = new Float64Array(CAPACITY_MIN);
  #positions = new Float64Array(CAPACITY_MIN);
  #mask = CAPACITY_MIN - 1;
  #first = 0;
  #end = 0;
  /** From this offset on, every batch is in the ring. */
  #coveredFrom = 0;
  /** What `find` found: where a batch begins, and where the next one does (-1: at the end). */
  position = 0;
  nextPosition = 0;

  add(baseOffset: number, lastOffset: number, position: number): void {
    if (this.#end === this.#first) this.#coveredFrom = baseOffset;
    if (this.#end - this.#first > this.#mask) {
      if (this.#mask + 1 < CAPACITY_MAX) this.#grow();
      else this.#coveredFrom = this.#lastOffsets[this.#first++ & this.#mask]! + 1;
    }
    this.#lastOffsets[this.#end & this.#mask] = lastOffset;
    this.#positions[this.#end & this.#mask] = position;
    this.#end++;
  }

  clear(): void {
    this.#first = this.#end;
  }

  /** Finds the first batch whose last offset is not below `offset`; false when not known here. */
  find(offset: number): boolean {
    let low = this.#first;
    let high = this.#end;
    if (low === high || offset < this.#coveredFrom) return false;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#lastOffsets[middle & this.#mask]! < offset) low = middle + 1;
      else high = middle;
    }
    if (low === this.#end) return false;
    this.position = this.#positions[low & this.#mask]!;
    this.nextPosition = low + 1 < this.#end ? this.#positions[(low + 1) & this.#mask]! : -1;
    return true;
  }

  #grow(): void {
    const lastOffsets = new Float64Array((this.#mask + 1) * 4);
    const positions = new Float64Array((this.#mask + 1) * 4);
    let count = 0;
    for (let index = this.#first; index < this.#end; index++, count++) {
      lastOffsets[count] = this.#lastOffsets[index & this.#mask]!;
      positions[count] = this.#positions[index & this.#mask]!;
    }
    this.#lastOffsets = lastOffsets;
    this.#positions = positions;
    this.#mask = lastOffsets.length - 1;
    this.#first = 0;
    this.#end = count;
  }
}
