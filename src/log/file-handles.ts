/**
 * Open files, few of many: 10,000 partitions have 30,000 files, of which only those in use are
 * open.
 *
 *   handle.use()       opens when needed; good until the event loop turns
 *   handle.retain()    the same, and stays open until `release()`
 *   sweep()            closes what was not used since the last sweep
 *
 * When more than `openMax` are open, those not used lately close first. A file that somebody
 * retains never closes, not even when it is renamed or removed meanwhile: a read that is under way
 * always ends.
 *
 * Invariants: `open` holds exactly the handles with a file; a retained handle has a file.
 */
import { assert } from "../base/assert.ts";
import { LinkedList, LinkedNode } from "../base/linked-list.ts";
import type { Disk, DiskFile } from "../base/world.ts";
import { DiskError } from "../base/world.ts";

/** However few the system allows. */
const OPEN_MIN = 16;
/** To close one takes up to 10 us. */
const CLOSED_AT_ONCE_MAX = 256;

export class FileHandles {
  readonly #disk: Disk;
  #openMax: number;
  readonly #open = new LinkedList<FileHandle>();

  constructor(disk: Disk, openMax: number) {
    this.#disk = disk;
    this.#openMax = openMax;
  }

  get openCount(): number {
    return this.#open.length;
  }

  /** A handle of a file that is not opened yet. */
  handle(path: string, mode: "read" | "write" | "create"): FileHandle {
    return new FileHandle(this, path, mode);
  }

  /** Closes what was not used since the last sweep. */
  sweep(): void {
    for (const handle of this.openHandles()) this.sweepOne(handle);
  }

  /** A copy: others may open and close files while it is gone through. */
  openHandles(): FileHandle[] {
    const handles: FileHandle[] = [];
    for (let node = this.#open.first; node !== null; node = node.next) handles.push(node.value);
    return handles;
  }

  sweepOne(handle: FileHandle): void {
    if (handle.wasUsed) handle.wasUsed = false;
    else if (!handle.isRetained) handle.close();
  }

  /** For `FileHandle`. */
  opened(handle: FileHandle, path: string, mode: "read" | "write" | "create"): DiskFile {
    if (this.#open.length >= this.#openMax) this.#makeRoom();
    const file = this.#openOrMakeDo(path, mode);
    this.#open.append(handle.node);
    return file;
  }

  /** For `FileHandle`. */
  closed(handle: FileHandle): void {
    this.#open.remove(handle.node);
  }

  /** Where the system allows fewer files than was thought, from now on fewer are open. */
  #openOrMakeDo(path: string, mode: "read" | "write" | "create"): DiskFile {
    for (;;) {
      try {
        return this.#disk.open(path, mode);
      } catch (error) {
        const isTooMany =
          error instanceof DiskError && (error.code === "EMFILE" || error.code === "ENFILE");
        const openCount = this.#open.length;
        if (!isTooMany || openCount === 0) throw error;
        this.#openMax = Math.max(OPEN_MIN, Math.floor(openCount * 0.75));
        this.#makeRoom();
        if (this.#open.length === openCount) throw error;
      }
    }
  }

  /** Second chance, oldest first: many at once, so that a full house costs little a file. */
  #makeRoom(): void {
    let wanted = Math.min(Math.max(1, this.#openMax >> 3), CLOSED_AT_ONCE_MAX);
    for (let round = 0; round < 2 && wanted > 0; round++) {
      for (let node = this.#open.first; node !== null && wanted > 0;) {
        const handle = node.value;
        node = node.next;
        if (handle.isRetained) continue;
        if (handle.wasUsed) {
          handle.wasUsed = false;
          continue;
        }
        handle.close();
        wanted--;
      }
    }
  }
}

export class FileHandle {
  /** Since the last sweep. */
  wasUsed = false;
  /** In the list of open files, while it is open. */
  readonly node = new LinkedNode<FileHandle>(this);
  #path: string;
  readonly #mode: "read" | "write" | "create";
  #file: DiskFile | null = null;
  #retainCount = 0;
  #closeWhenFree = false;
  readonly #handles: FileHandles;

  constructor(handles: FileHandles, path: string, mode: "read" | "write" | "create") {
    this.#handles = handles;
    this.#path = path;
    this.#mode = mode;
  }

  get path(): string {
    return this.#path;
  }

  get isOpen(): boolean {
    return this.#file !== null;
  }

  get isRetained(): boolean {
    return this.#retainCount > 0;
  }

  use(): DiskFile {
    this.wasUsed = true;
    this.#file ??= this.#handles.opened(this, this.#path, this.#mode);
    return this.#file;
  }

  retain(): DiskFile {
    const file = this.use();
    this.#retainCount++;
    return file;
  }

  release(): void {
    assert(this.#retainCount > 0, "a release for every retain");
    this.#retainCount--;
    if (this.#retainCount === 0 && this.#closeWhenFree) this.close();
  }

  /** Makes what was written durable. */
  async sync(): Promise<void> {
    const file = this.retain();
    try {
      await file.sync();
    } finally {
      this.release();
    }
  }

  /** The file has another name now; what is open stays open. */
  moved(path: string): void {
    this.#path = path;
  }

  /** Closes at once, or when the last one that retains it lets go. */
  close(): void {
    if (this.#file === null) return;
    this.#closeWhenFree = this.#retainCount > 0;
    if (this.#closeWhenFree) return;
    const file = this.#file;
    this.#file = null;
    this.#handles.closed(this);
    file.close();
  }
}
