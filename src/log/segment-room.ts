/**
 * What makes writers of a segment wait, done before they come: blocks that are not there, and dirty
 * pages that pile up.
 *
 *   | written back | dirty | room, reserved behind the end |
 *                          ^ size
 */
import type { FileHandle } from "./file-handles.ts";

export class SegmentRoom {
  #reservedEnd = 0;
  /** Pages before it have been written out, or are being. */
  #writtenBackEnd: number;

  constructor(size: number) {
    this.#writtenBackEnd = size;
  }

  /** Before `length` bytes are appended to `size` bytes. */
  prepareFor(length: number, size: number, config: RoomConfig, file: FileHandle): void {
    if (size + length > this.#reservedEnd) this.#reserve(size, config, file);
    if (size - this.#writtenBackEnd < WRITE_BACK_BYTES) return;
    file.use().startWriteBack(this.#writtenBackEnd, size - this.#writtenBackEnd);
    this.#writtenBackEnd = size;
  }

  /** The file ends at `size` now, and the blocks behind it are given back. */
  cutAt(size: number): void {
    this.#writtenBackEnd = Math.min(this.#writtenBackEnd, size);
    this.#reservedEnd = 0;
  }

  /** The file is to be removed, and what is reserved goes with it. */
  abandon(): void {
    this.#reservedEnd = 0;
  }

  /** To give blocks back takes milliseconds: not at every roll, and not for next to nothing. */
  leave(size: number, file: FileHandle): void {
    if (this.#reservedEnd - size > size >> 8) file.use().truncate(size);
    this.#reservedEnd = 0;
  }

  /** In Kafka `preallocate` makes the file so long; here blocks are reserved behind its end. */
  #reserve(size: number, { preallocate, segmentBytes }: RoomConfig, file: FileHandle): void {
    if (size < RESERVE_FROM && !preallocate) return;
    const wanted = Math.min(RESERVE_MAX, Math.max(RESERVE_MIN, size));
    const length = Math.min(preallocate ? segmentBytes : wanted, segmentBytes - size);
    if (length <= 0) return;
    file.use().reserve(size, length);
    this.#reservedEnd = size + length;
  }
}

interface RoomConfig {
  readonly preallocate: boolean;
  readonly segmentBytes: number;
}

/** Smaller files have no blocks behind their end. */
export const RESERVE_FROM = 64 << 10;
const RESERVE_MIN = 1 << 20;
const RESERVE_MAX = 64 << 20;
const WRITE_BACK_BYTES = 8 << 20;
