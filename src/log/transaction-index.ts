/**
 * The aborted transactions that end in a segment: `.txnindex`, entries of 34 bytes in the order of
 * their markers. Made when the first one is aborted: most segments have none.
 *
 *   int16 version, 0
 *   int64 producer id
 *   int64 first offset of the transaction
 *   int64 last offset: its abort marker
 *   int64 last stable offset when the marker was appended
 */
import { readInt64, writeInt64 } from "../base/bytes.ts";
import type { Disk } from "../base/world.ts";
import type { FileHandle, FileHandles } from "./file-handles.ts";

const TRANSACTION_ENTRY_SIZE = 34;

export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly lastStableOffset: number;
}

export class TransactionIndex {
  readonly handle: FileHandle;
  readonly #disk: Disk;
  #entries: AbortedTransaction[] | null = null;
  #size = 0;

  constructor(disk: Disk, handles: FileHandles, path: string) {
    this.#disk = disk;
    this.handle = handles.handle(path, "create");
  }

  get exists(): boolean {
    return this.#disk.status(this.handle.path) !== null;
  }

  /** All of them; a torn last entry is none. */
  entries(): readonly AbortedTransaction[] {
    if (this.#entries !== null) return this.#entries;
    if (!this.exists) return (this.#entries = []);
    const entries: AbortedTransaction[] = [];
    const bytes = this.#disk.readWhole(this.handle.path);
    for (let at = 0; at + TRANSACTION_ENTRY_SIZE <= bytes.length; at += TRANSACTION_ENTRY_SIZE) {
      entries.push({
        producerId: readInt64(bytes, at + 2),
        firstOffset: readInt64(bytes, at + 10),
        lastOffset: readInt64(bytes, at + 18),
        lastStableOffset: readInt64(bytes, at + 26),
      });
    }
    this.#entries = entries;
    this.#size = entries.length * TRANSACTION_ENTRY_SIZE;
    return entries;
  }

  append(entry: AbortedTransaction): void {
    this.entries();
    const bytes = Buffer.alloc(TRANSACTION_ENTRY_SIZE);
    writeInt64(bytes, 2, entry.producerId);
    writeInt64(bytes, 10, entry.firstOffset);
    writeInt64(bytes, 18, entry.lastOffset);
    writeInt64(bytes, 26, entry.lastStableOffset);
    this.handle.use().write(bytes, 0, bytes.length, this.#size);
    this.#size += bytes.length;
    this.#entries!.push(entry);
  }

  /**
   * Adds to `found` what concerns a reader of `fromOffset` up to `upperBoundOffset`. True when no
   * later segment can have any more of it.
   */
  collect(fromOffset: number, upperBoundOffset: number, found: AbortedTransaction[]): boolean {
    const entries = this.entries();
    for (let index = this.#firstEndingAt(fromOffset); index < entries.length; index++) {
      const entry = entries[index]!;
      if (entry.firstOffset < upperBoundOffset) found.push(entry);
      // A follower of Kafka's that takes many transactions at once notes what is stable behind all
      // of them, and Kafka's readers then miss the later ones. At the marker no more could be.
      const lastStableOffset = Math.min(entry.lastStableOffset, entry.lastOffset + 1);
      if (lastStableOffset >= upperBoundOffset) return true;
    }
    return false;
  }

  /** Forgets transactions whose marker is at `offset` or above. */
  truncateTo(offset: number): void {
    const entries = this.entries();
    const index = this.#firstEndingAt(offset);
    if (index === entries.length) return;
    this.#entries = entries.slice(0, index);
    this.#size = index * TRANSACTION_ENTRY_SIZE;
    this.handle.use().truncate(this.#size);
  }

  /** An existing file stays, empty. */
  reset(): void {
    this.#entries = [];
    this.#size = 0;
    if (this.exists) this.handle.use().truncate(0);
  }

  /** That there is nothing is kept: readers of old records look into all later segments. */
  cool(): void {
    if (this.#entries?.length !== 0) this.#entries = null;
    this.handle.close();
  }

  /** Of those whose marker is at `offset` or above; markers are in order. */
  #firstEndingAt(offset: number): number {
    const entries = this.entries();
    let low = 0;
    let high = entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (entries[middle]!.lastOffset < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
