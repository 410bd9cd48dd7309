/**
 * The real file system. What only Linux has (fallocate, preadv2, sync_file_range) is used where it
 * is there and replaced by a portable way where it is not; `{ portable: true }` forces that way,
 * so that a test can hold it.
 */
import {
  close,
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  open,
  openSync,
  read as readLater,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
  rename,
  renameSync,
  rm,
  rmSync,
  type Stats,
  statfsSync,
  statSync,
  unlink,
  unlinkSync,
  utimesSync,
  write,
  writeSync,
  writevSync,
} from "node:fs";
import { release } from "node:os";
import { isAbsolute } from "node:path";
import type { Libc } from "./libc.ts";
import { loadFileLocking, loadLibc } from "./libc.ts";
import type { Disk, DiskFile, FileLock, FileStatus, FileWrite, LaterWrites } from "./world.ts";
import { assert } from "./assert.ts";
import { WRITE_THREAD_FROM, type WriteThread } from "./real-write-thread.ts";
import { DiskError } from "./world.ts";

/** `portable` uses nothing but node:fs. Without `writeBack` nothing is written out early. */
export function realDisk(options: RealDiskOptions = {}): Disk {
  return new RealDisk(options);
}

interface RealDiskOptions {
  readonly portable?: boolean;
  readonly writeBack?: WriteBack;
  /** Asked for the first time when there is something for it. */
  readonly writeThread?: () => WriteThread | null;
}

/** Starts writing a range of a file out, and returns at once. */
interface WriteBack {
  start(file: RealDiskFile, position: number, length: number): void;
}

class RealDisk implements Disk {
  readonly #portable: boolean;

  readonly #writeBack: WriteBack | null;
  readonly #writeThread: () => WriteThread | null;

  constructor({ portable = false, writeBack, writeThread = nobody }: RealDiskOptions) {
    this.#portable = portable;
    this.#writeThread = writeThread;
    this.#writeBack = writeBack ?? null;
  }

  open(path: string, mode: "read" | "write" | "create"): DiskFile {
    const descriptor = attempt("open", path, () => openSync(path, OPEN_FLAGS[mode], 0o644));
    return new RealDiskFile(path, descriptor, this.#portable, this.#writeBack);
  }

  status(path: string): FileStatus | null {
    const status = attempt("stat", path, () => statSync(path, { throwIfNoEntry: false }));
    if (status === undefined) return null;
    return {
      size: status.size,
      isDirectory: status.isDirectory(),
      modifiedMs: Math.floor(status.mtimeMs),
    };
  }

  list(path: string): string[] {
    return attempt("list", path, () => readdirSync(path));
  }

  makeDirectory(path: string): void {
    attempt("make", path, () => mkdirSync(path, { recursive: true }));
  }

  rename(from: string, to: string): void {
    const replaced = heldOpen(to);
    try {
      attempt("rename", from, () => renameSync(from, to));
    } finally {
      replaced?.close();
    }
  }

  remove(path: string): void {
    // An error costs its stack, now and then with all lines of the program (5 MB, 40 ms).
    const status = attempt("remove", path, () => linkStatus(path));
    if (status === undefined) return;
    const removed = heldOpen(path, status);
    try {
      unlinkSync(path);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw diskError("remove", path, error);
    } finally {
      removed?.close();
    }
  }

  removeLater(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      unlink(path, (error) => {
        if (error === null || codeOf(error) === "ENOENT") resolve();
        else reject(diskError("remove", path, error));
      });
    });
  }

  setModifiedMs(path: string, modifiedMs: number): void {
    attempt("touch", path, () => utimesSync(path, modifiedMs / 1000, modifiedMs / 1000));
  }

  removeTree(path: string): void {
    attempt("remove", path, () => rmSync(path, { recursive: true, force: true }));
  }

  async removeTreeLater(path: string): Promise<void> {
    try {
      await onPool<void>((done) => rm(path, { recursive: true, force: true }, done));
    } catch (error) {
      throw diskError("remove", path, error);
    }
  }

  readWhole(path: string): Buffer {
    return attempt("read", path, () => readFileSync(path));
  }

  async replaceLater(path: string, contents: Uint8Array): Promise<void> {
    const temporary = `${path}.tmp`;
    try {
      const descriptor = await onPool<number>((done) => open(temporary, ANEW, 0o644, done));
      try {
        for (let at = 0; at < contents.length;) {
          const left = contents.length - at;
          at += await onPool<number>((done) => write(descriptor, contents, at, left, at, done));
        }
        await onPool<void>((done) => fdatasync(descriptor, done));
      } finally {
        await onPool<void>((done) => close(descriptor, done));
      }
      await onPool<void>((done) => rename(temporary, path, done));
    } catch (error) {
      throw diskError("replace", path, error);
    }
    await this.syncDirectory(path.slice(0, path.lastIndexOf("/")) || ".");
  }

  syncDirectory(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      // Only the sync is worth a way through the thread pool.
      const descriptor = attempt("open", path, () => openSync(path, constants.O_RDONLY));
      fsync(descriptor, (error) => {
        closeSync(descriptor);
        if (error === null || error === undefined) resolve();
        else reject(diskError("sync", path, error));
      });
    });
  }

  syncFileSystemNow(path: string): boolean {
    const libc = this.#portable ? null : loadLibc();
    if (libc === null) return false;
    const descriptor = attempt("open", path, () => openSync(path, constants.O_RDONLY));
    const isSynced = libc.syncFileSystem(descriptor);
    closeSync(descriptor);
    return isSynced && tellsOfFailures() && SYNCED_WHOLE.has(statfsSync(path).type);
  }

  /**
   * fcntl locks belong to the process and fall when it closes any descriptor of the file, so each
   * file is locked once a process, and is opened by nobody else.
   */
  lock(path: string): FileLock | null {
    return attempt("lock", path, () => {
      if (LOCKED.has(realPathOf(path))) return null;
      const descriptor = openSync(path, OPEN_FLAGS.create, 0o644);
      const locking = this.#portable ? null : loadFileLocking();
      const taken = locking === null ? lockByPid(path, descriptor) : locking.tryLock(descriptor);
      if (!taken) {
        closeSync(descriptor);
        return null;
      }
      const realPath = realPathOf(path);
      LOCKED.add(realPath);
      let held = true;
      const release = (): void => {
        if (!held) return;
        held = false;
        LOCKED.delete(realPath);
        if (locking === null) ftruncateSync(descriptor, 0);
        closeSync(descriptor);
      };
      return { release };
    });
  }

  absolutePath(path: string): string {
    // As Java: "./data" keeps its dot.
    return isAbsolute(path) ? path : `${process.cwd()}/${path}`;
  }

  writesLater(size: number): boolean {
    return size >= WRITE_THREAD_FROM && this.#writeThread()?.isIdle === true;
  }

  writeLater(writes: readonly FileWrite[], done: () => void): LaterWrites {
    const thread = this.#writeThread();
    assert(thread !== null, "a thread that takes them");
    return thread.begin(writes, done);
  }

  space(path: string): { totalBytes: number; usableBytes: number } {
    const status = attempt("statfs", path, () => statfsSync(path));
    return {
      totalBytes: status.blocks * status.bsize,
      usableBytes: status.bavail * status.bsize,
    };
  }
}

class RealDiskFile implements DiskFile {
  readonly path: string;
  readonly descriptor: number;
  readonly #libc: Libc | null;
  readonly #writeBack: WriteBack | null;
  #noWait: boolean;
  /** What the system may be reading ahead of somebody. */
  #coldFrom = Infinity;
  #coldUntil = 0;
  isOpen = true;

  constructor(path: string, descriptor: number, portable: boolean, writeBack: WriteBack | null) {
    this.#writeBack = writeBack;
    this.path = path;
    this.descriptor = descriptor;
    this.#libc = portable ? null : loadLibc();
    this.#noWait = this.#libc !== null;
  }

  size(): number {
    return attempt("stat", this.path, () => fstatSync(this.descriptor).size);
  }

  read(target: Uint8Array, offset: number, length: number, position: number): number {
    let count = 0;
    try {
      while (count < length) {
        const more = readSync(
          this.descriptor,
          target,
          offset + count,
          length - count,
          position + count,
        );
        if (more === 0) break;
        count += more;
      }
    } catch (error) {
      throw diskError("read", this.path, error);
    }
    return count;
  }

  readCached(target: Uint8Array, offset: number, length: number, position: number): number {
    if (this.#noWait && this.#libc !== null) {
      const count = this.#libc.readNoWait(this.descriptor, target, offset, length, position);
      if (count !== -2) return count;
      this.#noWait = false;
    }
    return this.read(target, offset, length, position);
  }

  async readLater(
    target: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<number> {
    let count = 0;
    while (count < length) {
      const more = await this.#readOnce(target, offset + count, length - count, position + count);
      if (more === 0) break;
      count += more;
    }
    return count;
  }

  isCached(position: number, length: number): boolean {
    if (!this.#noWait || this.#libc === null) return true;
    const { pageSize } = this.#libc;
    const pages = this.#libc.cachedPages(this.descriptor, position, length);
    if (pages === -1) return this.#isCachedHereAndThere(position, length);
    const lastPage = Math.floor((position + length - 1) / pageSize);
    const isCounted = pages > lastPage - Math.floor(position / pageSize);
    const isWarm = position + length <= this.#coldFrom || position >= this.#coldUntil;
    if (isCounted && isWarm) return true;
    this.#coldFrom = Math.min(this.#coldFrom, position);
    this.#coldUntil = Math.max(this.#coldUntil, position + length + READ_AHEAD_MAX);
    // The page cache counts pages that are still on their way from the disk.
    return isCounted && this.#isCachedHereAndThere(position, length);
  }

  write(source: Uint8Array, offset: number, length: number, position: number): void {
    let count = 0;
    try {
      while (count < length) {
        count += writeSync(
          this.descriptor,
          source,
          offset + count,
          length - count,
          position + count,
        );
      }
    } catch (error) {
      throw diskError("write", this.path, error);
    }
  }

  writeAll(parts: readonly Uint8Array[], position: number): void {
    let written = 0;
    try {
      written = writevSync(this.descriptor, parts, position);
    } catch (error) {
      throw diskError("write", this.path, error);
    }
    // Rare: what the system did not take at once goes part by part.
    let end = 0;
    for (const part of parts) {
      const start = end;
      end += part.length;
      if (end <= written) continue;
      const offset = Math.max(0, written - start);
      this.write(part, offset, part.length - offset, position + start + offset);
    }
  }

  reserve(position: number, length: number): void {
    // A refusal (a full disk, a file system without fallocate) costs speed only.
    this.#libc?.fallocateKeepSize(this.descriptor, position, length);
  }

  truncate(size: number): void {
    attempt("truncate", this.path, () => {
      // What was cut to nothing is written out by ext4 when it is closed, and the close waits.
      if (size === 0 && isEmpty(this.descriptor)) return;
      ftruncateSync(this.descriptor, size);
    });
  }

  startWriteBack(position: number, length: number): void {
    this.#writeBack?.start(this, position, length);
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.descriptor, (error) => {
        if (error === null || error === undefined) resolve();
        else reject(diskError("sync", this.path, error));
      });
    });
  }

  syncNow(): void {
    attempt("sync", this.path, () => fdatasyncSync(this.descriptor));
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    attempt("close", this.path, () => closeFreely(this.descriptor));
  }

  /** A byte here and there: the page cache is filled in long runs. */
  #isCachedHereAndThere(position: number, length: number): boolean {
    const last = position + length - 1;
    for (let at = position; at < last; at += PROBE_DISTANCE) {
      if (this.readCached(probe, 0, 1, at) !== 1) return false;
    }
    return this.readCached(probe, 0, 1, last) === 1;
  }

  #readOnce(target: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      readLater(this.descriptor, target, offset, length, position, (error, count) => {
        if (error === null) resolve(count);
        else reject(diskError("read", this.path, error));
      });
    });
  }
}

/**
 * What has no name any more gives its blocks back when it is closed. That takes a while, and on
 * some file systems (mounted to discard, without a journal) one wait for the device: 10 to 30 ms.
 */
function closeFreely(descriptor: number): void {
  const { nlink, blocks } = fstatSync(descriptor);
  if (nlink === 0 && blocks > 0) close(descriptor, () => undefined);
  else closeSync(descriptor);
}

/** Of a link itself; undefined where there is nothing. */
function linkStatus(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

/** Of what is about to lose its name: whoever closes it last gives its blocks back. */
function heldOpen(path: string, known?: Stats): { close(): void } | null {
  try {
    const status = known ?? linkStatus(path);
    if (status === undefined || status.blocks === 0 || !status.isFile()) return null;
    const descriptor = openSync(path, constants.O_RDONLY);
    return { close: () => closeFreely(descriptor) };
  } catch {
    return null;
  }
}

function isEmpty(descriptor: number): boolean {
  const { size, blocks } = fstatSync(descriptor);
  return size === 0 && blocks === 0;
}

const nobody = (): null => null;

const PROBE_DISTANCE = 128 * 1024;
/** How far the system reads ahead of a reader, at most: 8 MiB on the virtual machines we know. */
const READ_AHEAD_MAX = 64 * 1024 * 1024;
const probe = new Uint8Array(new ArrayBuffer(1));

const OPEN_FLAGS = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT,
};

/** File systems that syncfs makes durable, by statfs's type: ext4, XFS, Btrfs. */
const SYNCED_WHOLE: ReadonlySet<number> = new Set([0xef53, 0x58465342, 0x9123683e]);

/** Before Linux 5.8 syncfs said nothing of writes that had failed. */
function tellsOfFailures(): boolean {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  return major > 5 || (major === 5 && minor >= 8);
}

/** Made, or emptied. */
const ANEW = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC;

type Done<T> = (error: Error | null | undefined, value?: T) => void;

function onPool<T>(start: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => {
      if (error === null || error === undefined) resolve(value as T);
      else reject(error);
    });
  });
}

/** Locked by this process, by real path. */
const LOCKED = new Set<string>();

/** The path itself as long as there is no such file. */
function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** Without fcntl: the file names the process that holds it, and counts while that one lives. */
function lockByPid(path: string, descriptor: number): boolean {
  const holder = Number(readFileSync(path, "latin1").trim());
  if (Number.isInteger(holder) && holder > 0 && holder !== process.pid && isAlive(holder)) {
    return false;
  }
  ftruncateSync(descriptor, 0);
  writeSync(descriptor, `${process.pid}\n`, 0, "latin1");
  return true;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

function attempt<T>(operation: string, path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw diskError(operation, path, error);
  }
}

function diskError(operation: string, path: string, error: unknown): Error {
  const code = codeOf(error);
  if (code !== null) return new DiskError(code, path, operation);
  return error instanceof Error ? error : new Error(String(error));
}

function codeOf(error: unknown): string | null {
  if (error instanceof Error && "code" in error && typeof error.code === "string") {
    return error.code;
  }
  return null;
}
