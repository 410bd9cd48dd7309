/**
 * Batches on their way into a file that are written together: a system call for all of them, and
 * larger pieces for the page cache (16 KiB at a time cost a fifth more CPU than 64 KiB). Or a
 * thread writes them, while more are gathered behind them.
 *
 *   file  [ written ............ | handed to the thread | gathered ]
 *                                 \_______ pendingSize ___________/
 */
import { assert } from "../base/assert.ts";
import type { DiskFile, FileWrite, LaterWrites } from "../base/world.ts";
import type { FileHandle } from "./file-handles.ts";

export class GatheredWrite {
  #parts: Uint8Array[] = [];
  #size = 0;
  #position = 0;
  #handed: HandedWrite | null = null;

  /** Bytes that nobody may look for in the file yet. */
  get pendingSize(): number {
    return this.#size + (this.#handed?.pendingSize ?? 0);
  }

  /** `bytes[0...size]`, behind what is here, must stay as they are until they are written. */
  add(bytes: Uint8Array, size: number, position: number): void {
    if (this.#size === 0) this.#position = position;
    this.#parts.push(size === bytes.length ? bytes : bytes.subarray(0, size));
    this.#size += size;
  }

  /** All that is gathered, for a thread; null when nothing is. */
  hand(handle: FileHandle): HandedWrite | null {
    this.#settle();
    if (this.#size === 0) return null;
    const parts = this.#parts;
    const size = this.#size;
    this.#parts = [];
    this.#size = 0;
    this.#handed = new HandedWrite(handle, parts, this.#position, size);
    return this.#handed;
  }

  /** Afterwards nothing is pending. After an error of the disk nothing is gathered any more. */
  writeTo(file: () => DiskFile): void {
    this.#settle();
    if (this.#size === 0) return;
    const parts = this.#parts;
    const position = this.#position;
    this.#parts = [];
    this.#size = 0;
    if (parts.length === 1) file().write(parts[0]!, 0, parts[0]!.length, position);
    else file().writeAll(parts, position);
  }

  #settle(): void {
    const handed = this.#handed;
    this.#handed = null;
    handed?.settle();
  }
}

/** What a thread writes: its file stays open until it is settled. */
export class HandedWrite implements FileWrite {
  readonly file: DiskFile;
  readonly #handle: FileHandle;
  readonly #size: number;
  #writes: LaterWrites | null = null;
  #index = 0;
  #isSettled = false;

  constructor(
    handle: FileHandle,
    readonly parts: readonly Uint8Array[],
    readonly position: number,
    size: number,
  ) {
    this.#handle = handle;
    this.#size = size;
    this.file = handle.retain();
  }

  get pendingSize(): number {
    return this.#isSettled ? 0 : this.#size;
  }

  /** Right after it was handed: it is the one of this index. */
  begun(writes: LaterWrites, index: number): void {
    this.#writes = writes;
    this.#index = index;
  }

  /** Waits if need be. Throws what it failed with to the first who asks. */
  settle(): void {
    if (this.#isSettled) return;
    assert(this.#writes !== null, "what was handed is under way");
    this.#isSettled = true;
    this.#writes.wait();
    this.#handle.release();
    const failure = this.#writes.failure(this.#index);
    if (failure !== null) throw failure;
  }
}
