/**
 * A range of a segment that a reader may have: where it lies, not its bytes.
 *
 * The slice keeps its file open until `release`, whatever becomes of the log meanwhile: idle
 * files close, segments are deleted, directories are renamed, and the slice still reads.
 */
import { assert } from "../base/assert.ts";
import type { DiskFile } from "../base/world.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import type { FileHandle } from "./file-handles.ts";

export class LogSlice {
  /** NONE, OFFSET_OUT_OF_RANGE, CORRUPT_MESSAGE or KAFKA_STORAGE_ERROR. */
  readonly errorCode: ErrorCode;
  /** Of the segment; -1 for an empty slice. */
  readonly segmentBaseOffset: number;
  /** In the segment; whole batches but for the last, which may be cut. */
  readonly position: number;
  readonly size: number;
  readonly #handle: FileHandle | null;
  readonly #file: DiskFile | null;
  #isReleased = false;

  constructor(
    errorCode: ErrorCode,
    segmentBaseOffset: number,
    position: number,
    size: number,
    handle: FileHandle | null,
  ) {
    this.errorCode = errorCode;
    this.segmentBaseOffset = segmentBaseOffset;
    this.position = position;
    this.size = size;
    this.#handle = handle;
    this.#file = handle?.retain() ?? null;
  }

  /** For sending the range straight from the file; only of a slice that is not empty. */
  get file(): DiskFile {
    assert(this.#file !== null && !this.#isReleased, "a slice with a file, not released");
    return this.#file;
  }

  /**
   * Reads the whole range to `target[at...]`: its size, or -1 when it would wait for the disk.
   * Fewer bytes mean that the log was truncated meanwhile.
   */
  readInto(target: Uint8Array, at: number): number {
    if (this.size === 0) return 0;
    const count = this.file.readCached(target, at, this.size, this.position);
    return count === this.size || this.position + count >= this.file.size() ? count : -1;
  }

  /** The same on the thread pool. */
  async readIntoLater(target: Uint8Array, at: number): Promise<number> {
    if (this.size === 0) return 0;
    return this.file.readLater(target, at, this.size, this.position);
  }

  /** Its bytes in memory of their own, at once where they are cached. */
  read(): Buffer | Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(this.size);
    const count = this.readInto(bytes, 0);
    if (count >= 0) return bytes.subarray(0, count);
    return this.readIntoLater(bytes, 0).then((later) => bytes.subarray(0, later));
  }

  /** A slice of its own, from byte `from` of this one. */
  part(from: number, size: number): LogSlice {
    assert(!this.#isReleased && from >= 0 && from + size <= this.size, "a part lies within");
    const { errorCode, segmentBaseOffset, position } = this;
    return new LogSlice(errorCode, segmentBaseOffset, position + from, size, this.#handle);
  }

  /** Once, when no byte is needed any more. */
  release(): void {
    assert(!this.#isReleased, "a slice is released once");
    this.#isReleased = true;
    this.#handle?.release();
  }
}

export function emptySlice(errorCode: ErrorCode = ErrorCode.NONE): LogSlice {
  return new LogSlice(errorCode, -1, 0, 0, null);
}
