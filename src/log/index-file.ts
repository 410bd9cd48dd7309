/**
 * A file of entries of one size in ascending order, as offset and time index are.
 *
 *   file     entry 0 .. fileCount - 1          written in blocks of up to 4 KiB
 *   pending  fileCount .. count - 1            in memory, not written yet
 *
 * Nothing is lost with `pending`: the index of every segment behind the recovery point is built
 * anew after a crash, and the recovery point passes a segment only when its index is whole on
 * disk. Kafka reserves 10 MiB a file instead and trims it at the end; both leave the same bytes.
 * While it is built anew, what the file has right already is not written again.
 *
 * Invariants: a file that is used has no entry behind `fileCount`; `pending` is full at no time.
 */
import type { Disk } from "../base/world.ts";
import type { FileHandle, FileHandles } from "./file-handles.ts";
import { BLOCK_SIZE, indexBlockAt, newBlockOwner } from "./index-blocks.ts";

/** What a file holds when it is opened: good entries at its start. */
export interface FoundEntries {
  readonly count: number;
  readonly fileSize: number;
}

/** Answer of every read that would have to wait for the disk. */
export const COLD = -1;

const PENDING_SIZE_MIN = 192;

const scratch = Buffer.alloc(BLOCK_SIZE);

/** A crash of Kafka leaves index files at their reserved length: zeros are no entries. */
export function entriesIn(
  { disk, handles }: { readonly disk: Disk; readonly handles: FileHandles },
  path: string,
  entrySize: number,
): FoundEntries {
  const fileSize = disk.status(path)?.size ?? 0;
  let count = Math.floor(fileSize / entrySize);
  if (count === 0) return { count, fileSize };
  const handle = handles.handle(path, "read");
  const entry = Buffer.alloc(entrySize);
  const isZero = (index: number): boolean => {
    handle.use().read(entry, 0, entrySize, index * entrySize);
    return entry.every((byte) => byte === 0);
  };
  let low = 0;
  if (isZero(count - 1)) {
    while (low < count) {
      const middle = (low + count) >>> 1;
      if (isZero(middle)) count = middle;
      else low = middle + 1;
    }
  }
  handle.close();
  return { count, fileSize };
}

export class IndexFile {
  /** Where the last `findBlock` has its entries, and which: until the next one of any index. */
  block: Buffer = scratch;
  blockStart = 0;
  blockCount = 0;

  readonly handle: FileHandle;
  readonly entrySize: number;
  readonly #blockEntries: number;
  #fileCount: number;
  /** The file is longer than its entries: a crash of Kafka leaves it as long as it was reserved. */
  #hasTail: boolean;
  #pending: Buffer | null = null;
  #pendingCount = 0;
  #blockOwner = newBlockOwner();
  /** While all entries come anew: how long the file was, -1 when it is not there. */
  #rebuiltFrom: number | null = null;

  constructor(handles: FileHandles, path: string, entrySize: number, found: FoundEntries) {
    this.handle = handles.handle(path, "create");
    this.entrySize = entrySize;
    this.#blockEntries = Math.floor(BLOCK_SIZE / entrySize);
    this.#fileCount = found.count;
    this.#hasTail = found.fileSize > found.count * entrySize;
  }

  get count(): number {
    return this.#fileCount + this.#pendingCount;
  }

  /** Room for one entry behind the last: `write` it to the bytes, from the position given. */
  extend(write: (bytes: Buffer, at: number) => void): void {
    const at = this.#pendingCount * this.entrySize;
    this.#pending ??= Buffer.allocUnsafe(PENDING_SIZE_MIN);
    if (at + this.entrySize > this.#pending.length) {
      const larger = Buffer.allocUnsafe(Math.min(BLOCK_SIZE, this.#pending.length * 4));
      this.#pending.copy(larger, 0, 0, at);
      this.#pending = larger;
    }
    write(this.#pending, at);
    this.#pendingCount++;
    if ((this.#pendingCount + 1) * this.entrySize > BLOCK_SIZE) this.writeOut();
  }

  /**
   * Makes `block` hold the entry at `index` and its neighbours: entries `blockStart` to
   * `blockStart + blockCount - 1`. False when the bytes are not in the page cache.
   */
  findBlock(index: number, mayWait: boolean): boolean {
    if (index >= this.#fileCount && this.#pending !== null) {
      this.block = this.#pending;
      this.blockStart = this.#fileCount;
      this.blockCount = this.#pendingCount;
      return true;
    }
    const start = index - (index % this.#blockEntries);
    const count = Math.min(this.#blockEntries, this.#fileCount - start);
    const block = indexBlockAt(this.#blockOwner, start / this.#blockEntries);
    const isThere =
      block.owner === this.#blockOwner && block.start === start && block.count === count;
    if (!isThere) {
      block.owner = null;
      const length = count * this.entrySize;
      const position = start * this.entrySize;
      const file = this.handle.use();
      let read = file.readCached(block.bytes, 0, length, position);
      if (read < length && mayWait) read = file.read(block.bytes, 0, length, position);
      if (read < length) return false;
      block.owner = this.#blockOwner;
      block.start = start;
      block.count = count;
    }
    this.block = block.bytes;
    this.blockStart = start;
    this.blockCount = count;
    return true;
  }

  /** Brings the block of the entry at `index` into the page cache. */
  async warm(index: number): Promise<void> {
    const start = index - (index % this.#blockEntries);
    const file = this.handle.retain();
    try {
      await file.readLater(Buffer.alloc(BLOCK_SIZE), 0, BLOCK_SIZE, start * this.entrySize);
    } finally {
      this.handle.release();
    }
  }

  /** Forgets all entries from `count` on, on disk too. */
  truncate(count: number): void {
    this.#pendingCount = Math.max(0, Math.min(this.#pendingCount, count - this.#fileCount));
    if (count >= this.#fileCount && !this.#hasTail) return;
    this.#fileCount = Math.min(this.#fileCount, count);
    this.#blockOwner = newBlockOwner();
    this.handle.use().truncate(this.#fileCount * this.entrySize);
    this.#hasTail = false;
  }

  /** All entries come anew, from the first on. For a file just opened, as if it had none. */
  startRebuild(fileSize: number): void {
    this.#rebuiltFrom = fileSize;
    this.#hasTail = false;
  }

  /** The entries are whole; a file that has just them is left as it is. */
  finishRebuild(): void {
    this.writeOut();
    const before = this.#rebuiltFrom;
    this.#rebuiltFrom = null;
    const size = this.#fileCount * this.entrySize;
    if (before === null) return;
    if (before > size) this.handle.use().truncate(size);
    // Opening makes it.
    else if (before === -1) this.handle.use();
  }

  writeOut(): void {
    if (this.#pending === null || this.#pendingCount === 0) return;
    const length = this.#pendingCount * this.entrySize;
    const position = this.#fileCount * this.entrySize;
    if (!this.#isInFile(this.#pending, length, position)) {
      this.handle.use().write(this.#pending, 0, length, position);
    }
    this.#fileCount += this.#pendingCount;
    this.#pendingCount = 0;
  }

  /** Writes what is pending and gives memory and file back. */
  cool(): void {
    if (this.#hasTail) this.truncate(this.count);
    this.writeOut();
    this.#pending = null;
    this.handle.close();
  }

  #isInFile(bytes: Buffer, length: number, position: number): boolean {
    if (this.#rebuiltFrom === null || this.#rebuiltFrom < position + length) return false;
    const count = this.handle.use().read(scratch, 0, length, position);
    return count === length && scratch.compare(bytes, 0, length, 0, length) === 0;
  }
}
