/**
 * Where in a segment an offset is: `.index`, entries of 8 bytes.
 *
 *   int32 last offset of a batch, less the segment's base offset
 *   int32 position of that batch in the segment
 *
 * One entry for every `index.interval.bytes` of the segment or so. Both columns ascend.
 */
import type { FileHandles } from "./file-handles.ts";
import { COLD, type FoundEntries, IndexFile } from "./index-file.ts";

export const OFFSET_ENTRY_SIZE = 8;

export class OffsetIndex {
  readonly file: IndexFile;
  readonly #baseOffset: number;
  /** What `lookup` found last. */
  foundOffset = 0;
  foundPosition = 0;
  /** The entry behind that one; position -1 when there is none, or it is not at hand. */
  nextOffset = 0;
  nextPosition = -1;

  constructor(handles: FileHandles, path: string, baseOffset: number, found: FoundEntries) {
    this.file = new IndexFile(handles, path, OFFSET_ENTRY_SIZE, found);
    this.#baseOffset = baseOffset;
  }

  append(lastOffset: number, position: number): void {
    const relative = lastOffset - this.#baseOffset;
    this.file.extend((bytes, at) => {
      bytes.writeInt32BE(relative, at);
      bytes.writeInt32BE(position, at + 4);
    });
  }

  /**
   * The last entry whose offset is not above `offset`, in `foundOffset` and `foundPosition`:
   * 1 when there is one, 0 when the search has to begin at position 0, COLD.
   */
  lookup(offset: number, mayWait: boolean): number {
    const slot = this.#slotNotAbove(0, offset - this.#baseOffset, mayWait);
    if (slot < 0) return slot === NONE ? 0 : COLD;
    const at = (slot - this.file.blockStart) * OFFSET_ENTRY_SIZE;
    this.foundOffset = this.#baseOffset + this.file.block.readInt32BE(at);
    this.foundPosition = this.file.block.readInt32BE(at + 4);
    this.#takeNext(slot + 1);
    return 1;
  }

  #takeNext(slot: number): void {
    const { block, blockStart, blockCount } = this.file;
    this.nextPosition = -1;
    if (slot >= blockStart + blockCount) return;
    const at = (slot - blockStart) * OFFSET_ENTRY_SIZE;
    this.nextOffset = this.#baseOffset + block.readInt32BE(at);
    this.nextPosition = block.readInt32BE(at + 4);
  }

  /** Offset of the first entry at or behind `position`; -1 when there is none. Waits. */
  offsetAtOrBehind(position: number): number {
    const slot = this.#slotNotAbove(4, position - 1, true) + (position > 0 ? 1 : 0);
    const next = Math.max(0, slot);
    if (next >= this.file.count) return -1;
    this.file.findBlock(next, true);
    const at = (next - this.file.blockStart) * OFFSET_ENTRY_SIZE;
    return this.#baseOffset + this.file.block.readInt32BE(at);
  }

  /** Forgets entries of `offset` and above. */
  truncateTo(offset: number): void {
    const slot = this.#slotNotAbove(0, offset - 1 - this.#baseOffset, true);
    this.file.truncate(slot + 1);
  }

  /** Brings what a cold `lookup` missed into the page cache. */
  warm(): Promise<void> {
    return this.file.warm(this.#missing);
  }

  #missing = 0;

  /**
   * The last entry whose column at `column` is not above `target`, with its block in place; NONE
   * or MISSING. Offsets grow about evenly, so a guess from the ends mostly hits the right block.
   */
  #slotNotAbove(column: number, target: number, mayWait: boolean): number {
    const { file } = this;
    let low = 0;
    let high = file.count - 1;
    if (high < 0 || target < 0) return NONE;
    let lowKey = 0;
    let highKey = -1;
    let found = NONE;
    for (let round = 0; low <= high; round++) {
      let guess = high;
      if (round >= 4) guess = (low + high) >>> 1;
      else if (highKey > lowKey) {
        const share = (target - lowKey) / (highKey - lowKey);
        guess = low + Math.floor(Math.min(1, Math.max(0, share)) * (high - low));
      }
      if (!file.findBlock(guess, mayWait)) {
        this.#missing = guess;
        return MISSING;
      }
      const { block, blockStart, blockCount } = file;
      const first = block.readInt32BE(column);
      if (first > target) {
        high = blockStart - 1;
        highKey = first;
        continue;
      }
      const last = block.readInt32BE((blockCount - 1) * OFFSET_ENTRY_SIZE + column);
      if (last > target) return blockStart + slotInBlock(block, blockCount, column, target);
      found = blockStart + blockCount - 1;
      low = found + 1;
      lowKey = last;
    }
    if (found >= 0 && !file.findBlock(found, mayWait)) {
      this.#missing = found;
      return MISSING;
    }
    return found;
  }
}

const NONE = -1;
const MISSING = -2;

function slotInBlock(block: Buffer, count: number, column: number, target: number): number {
  let low = 0;
  let high = count - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (block.readInt32BE(middle * OFFSET_ENTRY_SIZE + column) > target) high = middle - 1;
    else low = middle;
  }
  return low;
}
