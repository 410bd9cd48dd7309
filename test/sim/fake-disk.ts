/**
 * A disk in memory that can lose what was not synced, and fail on command; the same from the same
 * seed.
 *
 *   file       data now      pages of 4 KiB, each clean or dirty     what processes see
 *              durable       bytes and length at the last sync        what survives
 *   directory  entries now   journal of changes since the last sync
 *              durable       entries at the last sync
 *
 * `kill()` ends the process: all data stays, synced or not. `crash(keep)` ends the power: of each
 * file any subset of dirty pages survives (whole, or torn at a sector), and any prefix of each
 * directory's changes. Both return the disk of the next life; the old one answers EIO from then on
 * and never resolves what was pending, so that the code of the dead process cannot touch it.
 */
import type {
  Disk,
  DiskFile,
  FileLock,
  FileStatus,
  FileWrite,
  LaterWrites,
} from "../../src/base/world.ts";
import { DiskError } from "../../src/base/world.ts";
import { FakeLaterWrites } from "./fake-later-writes.ts";
import { DirectoryNode, FileNode, type Keep } from "./fake-disk-nodes.ts";

export type Operation =
  | "open"
  | "read"
  | "write"
  | "sync"
  | "rename"
  | "remove"
  | "list"
  | "make"
  | "truncate"
  | "touch"
  | "syncDirectory";

export interface Fault {
  readonly operation: Operation;
  /** Of every path when left out. */
  readonly path?: RegExp;
  readonly code: string;
  /** How often it strikes; for ever when left out. */
  readonly count?: number;
  /** How many matching calls pass before. */
  readonly after?: number;
}

export class FakeDisk implements Disk {
  /** Probability that `readCached` finds a page missing. */
  coldRate = 0;
  /** Bytes that all files together may have. */
  quotaBytes = Number.POSITIVE_INFINITY;
  /** When a sync is done; give it a clock to make syncs take time. */
  later: (callback: () => void) => void = (callback) => void Promise.resolve().then(callback);
  /** The wall clock of file times. */
  nowMs: () => number = () => 0;
  /** Called before each operation; may end this life, or throw what the operation shall throw. */
  beforeOperation: ((operation: Operation, path: string) => void) | null = null;
  /** The next write to such a file goes nowhere, or so far back: the file has zeros in its place. */
  strayWrite: { readonly path: RegExp; readonly back: number } | null = null;
  syncCount = 0;
  syncsFileSystems = true;
  /** Whether a thread writes what is gathered, however little it is. */
  hasWriteThread = false;
  #writesUnderWay: FakeLaterWrites[] = [];
  /** What was asked to be written out early. */
  readonly writeBacks: { path: string; position: number; length: number }[] = [];
  writeCount = 0;
  openFiles = 0;

  #root = new DirectoryNode();
  #faults: { fault: Fault; passed: number; struck: number }[] = [];
  #locks = new Set<string>();
  #dead = false;
  #random: () => number;

  constructor(seed: number) {
    this.#random = randomFrom(seed);
  }

  /** Ends the process: unsynced data stays in the page cache. */
  kill(): FakeDisk {
    this.#endWriteThread();
    return this.#nextLife(this.#root);
  }

  /** Ends the power. */
  crash(keep: Keep): FakeDisk {
    this.#endWriteThread();
    this.#root.crash(keep, this.#random);
    return this.#nextLife(this.#root);
  }

  /** Its process or its power has gone. */
  get isDead(): boolean {
    return this.#dead;
  }

  /** Returns what takes the fault back. */
  inject(fault: Fault): () => void {
    const entry = { fault, passed: 0, struck: 0 };
    this.#faults.push(entry);
    return () => {
      this.#faults = this.#faults.filter((other) => other !== entry);
    };
  }

  /** Whatever was injected is over. */
  clearFaults(): void {
    this.#faults = [];
  }

  /** Bit rot: changes what is read and what survives. */
  flip(path: string, position: number, mask = 1): void {
    const file = this.#file(path, "flip");
    file.data[position]! ^= mask;
    if (position < file.durableSize) file.durable[position]! ^= mask;
  }

  /** Bytes reserved behind the end of all files together. */
  get reservedBytes(): number {
    let total = 0;
    this.#root.eachFile((file) => (total += Math.max(0, file.reservedEnd - file.size)));
    return total;
  }

  /** A file's bytes as they are now, for who looks on: not copied, not failing. Null without one. */
  peek(path: string): Buffer | null {
    const node = this.#find(path);
    return node instanceof FileNode ? node.data.subarray(0, node.size) : null;
  }

  /** Names in a directory, likewise. */
  peekNames(path: string): string[] {
    const node = this.#find(path);
    return node instanceof DirectoryNode ? [...node.entries.keys()] : [];
  }

  /** All that lies in a directory now, for `putBack`. Null without one. */
  copyOf(path: string): DirectoryNode | null {
    const node = this.#find(path);
    return node instanceof DirectoryNode ? node.copy() : null;
  }

  /** What lies in a directory is as it was; what `isKept` names, in it, stays as it is. */
  putBack(path: string, old: DirectoryNode, isKept: (name: string) => boolean): void {
    const directory = this.#directory(path, "put back");
    const kept = [...directory.entries].filter(([name]) => isKept(name));
    const back = [...old.copy().entries].filter(([name]) => !isKept(name));
    directory.entries = new Map([...kept, ...back]);
    directory.durable = new Map(directory.entries);
    directory.journal = [];
  }

  /** A file's bytes as they would survive. */
  durableBytes(path: string): Buffer {
    const file = this.#file(path, "read");
    return Buffer.from(file.durable.subarray(0, file.durableSize));
  }

  open(path: string, mode: "read" | "write" | "create"): DiskFile {
    this.check("open", path);
    const { directory, name } = this.#parent(path, "open");
    let node = directory.entries.get(name);
    if (node === undefined && mode === "create") {
      node = new FileNode(this.nowMs());
      directory.change(name, node);
    }
    if (node === undefined) throw new DiskError("ENOENT", path, "open");
    if (node instanceof DirectoryNode) throw new DiskError("EISDIR", path, "open");
    this.openFiles++;
    return new FakeFile(this, node, path, mode !== "read");
  }

  status(path: string): FileStatus | null {
    this.#checkLife("stat", path);
    const node = this.#find(path);
    if (node === null) return null;
    if (node instanceof DirectoryNode) return { size: 0, isDirectory: true, modifiedMs: 0 };
    return { size: node.size, isDirectory: false, modifiedMs: node.modifiedMs };
  }

  list(path: string): string[] {
    this.check("list", path);
    return [...this.#directory(path, "list").entries.keys()];
  }

  makeDirectory(path: string): void {
    this.check("make", path);
    let directory = this.#root;
    for (const name of partsOf(path)) {
      let node = directory.entries.get(name);
      if (node === undefined) {
        node = new DirectoryNode();
        directory.change(name, node);
      }
      if (!(node instanceof DirectoryNode)) throw new DiskError("ENOTDIR", path, "make");
      directory = node;
    }
  }

  rename(from: string, to: string): void {
    this.check("rename", from);
    const source = this.#parent(from, "rename");
    const target = this.#parent(to, "rename");
    const node = source.directory.entries.get(source.name);
    if (node === undefined) throw new DiskError("ENOENT", from, "rename");
    if (source.directory === target.directory) {
      source.directory.move(source.name, target.name);
    } else {
      target.directory.change(target.name, node);
      source.directory.change(source.name, null);
    }
  }

  remove(path: string): void {
    this.check("remove", path);
    const found = this.#parentOrNull(path);
    if (found?.directory.entries.has(found.name) === true) found.directory.change(found.name, null);
  }

  removeLater(path: string): Promise<void> {
    return this.finishLater(() => undefined).then(() => this.remove(path));
  }

  removeTreeLater(path: string): Promise<void> {
    return this.finishLater(() => undefined).then(() => this.removeTree(path));
  }

  setModifiedMs(path: string, modifiedMs: number): void {
    this.check("touch", path);
    this.#file(path, "touch").modifiedMs = modifiedMs;
  }

  removeTree(path: string): void {
    this.check("remove", path);
    const found = this.#parentOrNull(path);
    const node = found?.directory.entries.get(found.name);
    if (found === null || node === undefined) return;
    if (node instanceof DirectoryNode) node.clear();
    found.directory.change(found.name, null);
  }

  readWhole(path: string): Buffer {
    this.check("read", path);
    const file = this.#file(path, "read");
    return Buffer.from(file.data.subarray(0, file.size));
  }

  /** Where `syncsFileSystems` is false it is a hint, and nothing is surer by it. */
  syncFileSystemNow(path: string): boolean {
    this.#checkLife("sync", path);
    if (!this.syncsFileSystems) return false;
    try {
      this.check("sync", path);
    } catch {
      return false;
    }
    this.#root.syncAll();
    return true;
  }

  async replaceLater(path: string, contents: Uint8Array): Promise<void> {
    const temporary = `${path}.tmp`;
    const file = this.open(temporary, "create");
    try {
      file.truncate(0);
      file.write(contents, 0, contents.length, 0);
      await file.sync();
    } finally {
      file.close();
    }
    this.rename(temporary, path);
    await this.syncDirectory(path.slice(0, path.lastIndexOf("/")));
  }

  syncDirectory(path: string): Promise<void> {
    try {
      this.check("syncDirectory", path);
      const directory = this.#directory(path, "sync");
      const entries = new Map(directory.entries);
      const changes = directory.journal.length;
      return this.finishLater(() => {
        directory.durable = entries;
        directory.journal.splice(0, changes);
      });
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  lock(path: string): FileLock | null {
    if (this.#locks.has(path)) return null;
    this.open(path, "create").close();
    this.#locks.add(path);
    return { release: () => void this.#locks.delete(path) };
  }

  writesLater(): boolean {
    return this.hasWriteThread && this.#writesUnderWay.every(({ isDone }) => isDone);
  }

  writeLater(writes: readonly FileWrite[], done: () => void): LaterWrites {
    const later = new FakeLaterWrites(writes);
    this.#writesUnderWay = [later];
    void this.finishLater(() => {
      // Whatever kills the process now kills it before anybody hears of the writes.
      later.wait();
      if (!this.#dead) done();
    });
    return later;
  }

  absolutePath(path: string): string {
    return path.startsWith("/") ? path : `/home/${path}`;
  }

  space(): { totalBytes: number; usableBytes: number } {
    const total = Number.isFinite(this.quotaBytes) ? this.quotaBytes : 2 ** 40;
    const used = Number.isFinite(this.quotaBytes) ? this.usedBytes() : 0;
    return { totalBytes: total, usableBytes: Math.max(0, total - used) };
  }

  /** For `FakeFile`: throws when this disk is dead or a fault strikes. */
  check(operation: Operation, path: string): void {
    this.#checkLife(operation, path);
    this.beforeOperation?.(operation, path);
    for (const entry of this.#faults) {
      const { fault } = entry;
      if (fault.operation !== operation || fault.path?.test(path) === false) continue;
      if (entry.passed < (fault.after ?? 0)) {
        entry.passed++;
        continue;
      }
      if (entry.struck >= (fault.count ?? Number.POSITIVE_INFINITY)) continue;
      entry.struck++;
      throw new DiskError(fault.code, path, operation);
    }
  }

  /** For `FakeFile`: bytes of a write that the quota allows. */
  room(wanted: number): number {
    if (!Number.isFinite(this.quotaBytes)) return wanted;
    return Math.max(0, Math.min(wanted, this.quotaBytes - this.usedBytes()));
  }

  isCold(): boolean {
    return this.coldRate > 0 && this.#random() < this.coldRate;
  }

  /** A promise that dies with this disk. */
  finishLater(work: () => void): Promise<void> {
    return new Promise((resolve) => {
      this.later(() => {
        if (this.#dead) return;
        work();
        resolve();
      });
    });
  }

  /** It had come as far as it had. */
  #endWriteThread(): void {
    for (const later of this.#writesUnderWay) {
      if (!later.isDone) later.stopAfter(Math.floor(this.#random() * (later.length + 1)));
    }
    this.#writesUnderWay = [];
  }

  #nextLife(root: DirectoryNode): FakeDisk {
    const next = new FakeDisk(Math.floor(this.#random() * 2 ** 32));
    next.#root = root;
    next.later = this.later;
    next.quotaBytes = this.quotaBytes;
    next.nowMs = this.nowMs;
    this.#dead = true;
    return next;
  }

  #checkLife(operation: string, path: string): void {
    if (this.#dead) throw new DiskError("EIO", path, operation);
  }

  /** Of all files together. */
  usedBytes(): number {
    let total = 0;
    this.#root.eachFile((file) => (total += file.size));
    return total;
  }

  #find(path: string): FileNode | DirectoryNode | null {
    const parts = partsOf(path);
    return this.#walk(parts, parts.length);
  }

  /** The first `count` parts of a path. */
  #walk(parts: readonly string[], count: number): FileNode | DirectoryNode | null {
    let node: FileNode | DirectoryNode = this.#root;
    for (let index = 0; index < count; index++) {
      if (!(node instanceof DirectoryNode)) return null;
      const next: FileNode | DirectoryNode | undefined = node.entries.get(parts[index]!);
      if (next === undefined) return null;
      node = next;
    }
    return node;
  }

  #directory(path: string, operation: string): DirectoryNode {
    const node = this.#find(path);
    if (node === null) throw new DiskError("ENOENT", path, operation);
    if (!(node instanceof DirectoryNode)) throw new DiskError("ENOTDIR", path, operation);
    return node;
  }

  #file(path: string, operation: string): FileNode {
    const node = this.#find(path);
    if (node === null) throw new DiskError("ENOENT", path, operation);
    if (!(node instanceof FileNode)) throw new DiskError("EISDIR", path, operation);
    return node;
  }

  #parentOrNull(path: string): { directory: DirectoryNode; name: string } | null {
    const parts = partsOf(path);
    const name = parts.at(-1) ?? "";
    const directory = this.#walk(parts, Math.max(0, parts.length - 1));
    return directory instanceof DirectoryNode ? { directory, name } : null;
  }

  #parent(path: string, operation: string): { directory: DirectoryNode; name: string } {
    const found = this.#parentOrNull(path);
    if (found === null) throw new DiskError("ENOENT", path, operation);
    return found;
  }
}

class FakeFile implements DiskFile {
  readonly descriptor = -1;
  #open = true;

  constructor(
    private readonly disk: FakeDisk,
    private readonly node: FileNode,
    readonly path: string,
    private readonly writable: boolean,
  ) {}

  size(): number {
    return this.node.size;
  }

  read(target: Uint8Array, offset: number, length: number, position: number): number {
    this.#check("read");
    const end = Math.min(this.node.size, position + length);
    if (end <= position) return 0;
    target.set(this.node.data.subarray(position, end), offset);
    return end - position;
  }

  readCached(target: Uint8Array, offset: number, length: number, position: number): number {
    if (this.disk.isCold()) return -1;
    return this.read(target, offset, length, position);
  }

  isCached(): boolean {
    return !this.disk.isCold();
  }

  async readLater(
    target: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<number> {
    await this.disk.finishLater(() => {});
    return this.read(target, offset, length, position);
  }

  write(source: Uint8Array, offset: number, length: number, position: number): void {
    if (!this.writable) throw new DiskError("EBADF", this.path, "write");
    this.#check("write");
    this.disk.writeCount++;
    const growth = Math.max(0, position + length - this.node.size);
    const allowed = length - growth + this.disk.room(growth);
    const bytes = this.#kept(source.subarray(offset, offset + Math.min(length, allowed)), position);
    this.node.write(bytes, position, this.disk.nowMs());
    if (allowed < length) throw new DiskError("ENOSPC", this.path, "write");
  }

  /** What of these bytes comes to lie where they belong. */
  #kept(bytes: Uint8Array, position: number): Uint8Array {
    const stray = this.disk.strayWrite;
    if (stray === null || !stray.path.test(this.path)) return bytes;
    this.disk.strayWrite = null;
    if (stray.back > 0 && position >= stray.back) {
      this.node.write(bytes, position - stray.back, this.disk.nowMs());
    }
    return new Uint8Array(bytes.length);
  }

  writeAll(parts: readonly Uint8Array[], position: number): void {
    this.write(
      Buffer.concat(parts),
      0,
      parts.reduce((sum, { length }) => sum + length, 0),
      position,
    );
  }

  reserve(position: number, length: number): void {
    if (this.disk.isDead) return;
    this.node.reservedEnd = Math.max(this.node.reservedEnd, position + length);
  }

  truncate(size: number): void {
    this.#check("truncate");
    this.node.truncate(size, this.disk.nowMs());
  }

  startWriteBack(position: number, length: number): void {
    this.disk.writeBacks.push({ path: this.path, position, length });
  }

  sync(): Promise<void> {
    try {
      this.#check("sync");
    } catch (error) {
      // As Linux does: pages whose write-back failed are marked clean all the same.
      if (!this.disk.isDead) this.node.forget();
      return Promise.reject(error as Error);
    }
    this.disk.syncCount++;
    const finish = this.node.startSync();
    return this.disk.finishLater(finish);
  }

  syncNow(): void {
    this.#check("sync");
    this.disk.syncCount++;
    this.node.startSync()();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.disk.openFiles--;
  }

  #check(operation: Operation): void {
    if (!this.#open) throw new DiskError("EBADF", this.path, operation);
    this.disk.check(operation, this.path);
  }
}

/** Split once: the same few paths are asked for again and again. */
function partsOf(path: string): readonly string[] {
  const known = splitPaths.get(path);
  if (known !== undefined) return known;
  const parts = path.split("/").filter((part) => part !== "");
  if (splitPaths.size === SPLIT_PATHS_MAX) splitPaths.clear();
  splitPaths.set(path, parts);
  return parts;
}

const SPLIT_PATHS_MAX = 10_000;
const splitPaths = new Map<string, readonly string[]>();

/** mulberry32: 0 to 1. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
