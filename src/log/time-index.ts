/**
 * Up to which timestamp a segment has come at an offset: `.timeindex`, entries of 12 bytes.
 *
 *   int64 largest timestamp of the segment so far
 *   int32 last offset of the batch that has it, less the segment's base offset
 *
 * An entry is added beside one of the offset index, when the timestamp has grown, and a last one
 * when the segment is left. Both columns ascend.
 */
import { readInt64 } from "../base/bytes.ts";
import type { FileHandles } from "./file-handles.ts";
import { type FoundEntries, IndexFile } from "./index-file.ts";

export const TIME_ENTRY_SIZE = 12;

export class TimeIndex {
  readonly file: IndexFile;
  /** Of the last entry; -1 and the base offset when there is none. */
  lastTimestamp = -1;
  lastOffset: number;
  /** What `lookup` found last. */
  foundTimestamp = -1;
  foundOffset = 0;
  readonly #baseOffset: number;

  constructor(handles: FileHandles, path: string, baseOffset: number, found: FoundEntries) {
    this.file = new IndexFile(handles, path, TIME_ENTRY_SIZE, found);
    this.#baseOffset = baseOffset;
    this.lastOffset = baseOffset;
    this.#readLast();
  }

  /** Adds an entry when `timestamp` is above the last one's. */
  append(timestamp: number, offset: number): void {
    if (timestamp <= this.lastTimestamp) return;
    const relative = offset - this.#baseOffset;
    this.file.extend((bytes, at) => writeTimeEntry(bytes, at, timestamp, relative));
    this.lastTimestamp = timestamp;
    this.lastOffset = offset;
  }

  /** The last entry not above `timestamp`, in `foundTimestamp` and `foundOffset`. Waits. */
  lookup(timestamp: number): void {
    const slot = this.#slotNotAbove((block, at) => readInt64(block, at) <= timestamp);
    this.#take(slot);
  }

  /** Forgets entries of `offset` and above. */
  truncateTo(offset: number): void {
    const relative = offset - this.#baseOffset;
    const slot = this.#slotNotAbove((block, at) => block.readInt32BE(at + 8) < relative);
    this.file.truncate(slot + 1);
    this.#readLast();
  }

  reset(): void {
    this.file.truncate(0);
    this.#readLast();
  }

  #readLast(): void {
    this.#take(this.file.count - 1);
    this.lastTimestamp = this.foundTimestamp;
    this.lastOffset = this.foundOffset;
  }

  #take(slot: number): void {
    this.foundTimestamp = -1;
    this.foundOffset = this.#baseOffset;
    if (slot < 0) return;
    this.file.findBlock(slot, true);
    const at = (slot - this.file.blockStart) * TIME_ENTRY_SIZE;
    this.foundTimestamp = readInt64(this.file.block, at);
    this.foundOffset = this.#baseOffset + this.file.block.readInt32BE(at + 8);
  }

  #slotNotAbove(isNotAbove: (block: Buffer, at: number) => boolean): number {
    let low = 0;
    let high = this.file.count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      this.file.findBlock(middle, true);
      const { block, blockStart } = this.file;
      if (isNotAbove(block, (middle - blockStart) * TIME_ENTRY_SIZE)) low = middle + 1;
      else high = middle - 1;
    }
    return high;
  }
}

/** Clients choose timestamps: one beyond 2^53 loses its last bits here, and breaks nothing. */
export function writeTimeEntry(
  bytes: Buffer,
  at: number,
  timestamp: number,
  relativeOffset: number,
): void {
  const high = Math.min(0x7fff_ffff, Math.floor(timestamp / 0x1_0000_0000));
  bytes.writeInt32BE(high, at);
  bytes.writeUInt32BE(Math.min(0xffff_ffff, timestamp - high * 0x1_0000_0000), at + 4);
  bytes.writeInt32BE(relativeOffset, at + 8);
}
