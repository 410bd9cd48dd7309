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
import type { Disk, DiskFile, FileLock, FileStatus } from "../../src/base/world.ts";
import { DiskError } from "../../src/base/world.ts";

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

/** What of the unsynced data survives a loss of power. */
export type Keep = "none" | "random" | "all";

const PAGE_SIZE = 4096;
const SECTOR_SIZE = 512;

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
  syncCount = 0;
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
    return this.#nextLife(this.#root);
  }

  /** Ends the power. */
  crash(keep: Keep): FakeDisk {
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

  /** A hint: nothing is surer by it. */
  writeOutNow(path: string): void {
    this.#checkLife("sync", path);
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

  space(): { totalBytes: number; usableBytes: number } {
    const total = Number.isFinite(this.quotaBytes) ? this.quotaBytes : 2 ** 40;
    return { totalBytes: total, usableBytes: Math.max(0, total - this.#usedBytes()) };
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
    return Math.max(0, Math.min(wanted, this.quotaBytes - this.#usedBytes()));
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

  #nextLife(root: DirectoryNode): FakeDisk {
    const next = new FakeDisk(Math.floor(this.#random() * 2 ** 32));
    next.#root = root;
    next.later = this.later;
    next.nowMs = this.nowMs;
    this.#dead = true;
    return next;
  }

  #checkLife(operation: string, path: string): void {
    if (this.#dead) throw new DiskError("EIO", path, operation);
  }

  #usedBytes(): number {
    if (!Number.isFinite(this.quotaBytes)) return 0;
    let total = 0;
    this.#root.eachFile((file) => (total += file.size));
    return total;
  }

  #find(path: string): FileNode | DirectoryNode | null {
    let node: FileNode | DirectoryNode = this.#root;
    for (const name of partsOf(path)) {
      if (!(node instanceof DirectoryNode)) return null;
      const next: FileNode | DirectoryNode | undefined = node.entries.get(name);
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
    const name = parts.pop() ?? "";
    const directory = this.#find(parts.join("/"));
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
    const bytes = source.subarray(offset, offset + Math.min(length, allowed));
    this.node.write(bytes, position, this.disk.nowMs());
    if (allowed < length) throw new DiskError("ENOSPC", this.path, "write");
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

class FileNode {
  data = Buffer.alloc(0);
  size = 0;
  durable = Buffer.alloc(0);
  durableSize = 0;
  reservedEnd = 0;
  modifiedMs: number;
  #dirty = new Set<number>();

  constructor(nowMs: number) {
    this.modifiedMs = nowMs;
  }

  write(bytes: Uint8Array, position: number, nowMs: number): void {
    const end = position + bytes.length;
    if (end > this.data.length) this.data = grown(this.data, end);
    this.data.set(bytes, position);
    this.size = Math.max(this.size, end);
    this.modifiedMs = nowMs;
    this.#markDirty(position, end);
  }

  truncate(size: number, nowMs: number): void {
    if (size > this.data.length) this.data = grown(this.data, size);
    if (size < this.size) this.data.fill(0, size, this.size);
    this.#markDirty(Math.min(size, this.size), Math.max(size, this.size));
    this.size = size;
    this.reservedEnd = 0;
    this.modifiedMs = nowMs;
  }

  /** Returns what makes the pages that are dirty now durable. */
  startSync(): () => void {
    const pages = [...this.#dirty].map((page) => ({ page, bytes: this.#pageNow(page) }));
    const size = this.size;
    return () => {
      for (const { page, bytes } of pages) {
        this.#storeDurable(page, bytes);
        if (this.#pageNow(page).equals(bytes)) this.#dirty.delete(page);
      }
      this.durableSize = size;
      if (this.durable.length < size) this.durable = grown(this.durable, size);
      this.durable.fill(0, size);
    };
  }

  forget(): void {
    this.#dirty.clear();
  }

  crash(keep: Keep, random: () => number): void {
    if (keep === "random") this.#keepSome(random);
    if (keep === "none") this.size = this.durableSize;
    if (keep !== "all") this.data = Buffer.from(this.durable.subarray(0, this.size));
    if (this.data.length < this.size) this.data = grown(this.data, this.size);
    this.durable = Buffer.from(this.data.subarray(0, this.size));
    this.durableSize = this.size;
    this.#dirty.clear();
    this.reservedEnd = 0;
  }

  /** Moves a random part of what is dirty to `durable`, and the length with it. */
  #keepSome(random: () => number): void {
    for (const page of this.#dirty) {
      const fate = random();
      if (fate < 0.4) continue;
      const bytes = this.#pageNow(page);
      if (fate < 0.6) {
        const torn = Math.floor(random() * (PAGE_SIZE / SECTOR_SIZE)) * SECTOR_SIZE;
        const start = page * PAGE_SIZE;
        if (this.durable.length < start + PAGE_SIZE) {
          this.durable = grown(this.durable, start + PAGE_SIZE);
        }
        this.durable.copy(bytes, torn, start + torn, start + PAGE_SIZE);
      }
      this.#storeDurable(page, bytes);
    }
    const low = Math.min(this.size, this.durableSize);
    const high = Math.max(this.size, this.durableSize);
    const fate = random();
    if (fate < 0.25) this.size = this.durableSize;
    else if (fate < 0.75) this.size = low + Math.floor(random() * (high - low + 1));
    if (this.durable.length < this.size) this.durable = grown(this.durable, this.size);
  }

  #markDirty(from: number, to: number): void {
    const last = Math.floor(Math.max(from, to - 1) / PAGE_SIZE);
    for (let page = Math.floor(from / PAGE_SIZE); page <= last; page++) this.#dirty.add(page);
  }

  #pageNow(page: number): Buffer {
    const bytes = Buffer.alloc(PAGE_SIZE);
    this.data.copy(bytes, 0, page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
    return bytes;
  }

  #storeDurable(page: number, bytes: Buffer): void {
    const end = (page + 1) * PAGE_SIZE;
    if (this.durable.length < end) this.durable = grown(this.durable, end);
    this.durable.set(bytes, page * PAGE_SIZE);
  }
}

type Change = { name: string; node: FileNode | DirectoryNode | null; from?: string };

class DirectoryNode {
  entries = new Map<string, FileNode | DirectoryNode>();
  durable = new Map<string, FileNode | DirectoryNode>();
  journal: Change[] = [];

  change(name: string, node: FileNode | DirectoryNode | null): void {
    this.#record({ name, node });
  }

  move(from: string, to: string): void {
    this.#record({ name: to, node: this.entries.get(from) ?? null, from });
  }

  clear(): void {
    for (const [name, node] of [...this.entries]) {
      if (node instanceof DirectoryNode) node.clear();
      this.change(name, null);
    }
  }

  eachFile(visit: (file: FileNode) => void): void {
    for (const node of this.entries.values()) {
      if (node instanceof DirectoryNode) node.eachFile(visit);
      else visit(node);
    }
  }

  crash(keep: Keep, random: () => number): void {
    const count = this.journal.length;
    const kept = keep === "all" ? count : keep === "none" ? 0 : Math.floor(random() * (count + 1));
    this.entries = new Map(this.durable);
    for (const change of this.journal.slice(0, kept)) apply(this.entries, change);
    this.durable = new Map(this.entries);
    this.journal = [];
    for (const node of this.entries.values()) node.crash(keep, random);
  }

  #record(change: Change): void {
    this.journal.push(change);
    apply(this.entries, change);
  }
}

function apply(entries: Map<string, FileNode | DirectoryNode>, change: Change): void {
  if (change.from !== undefined) entries.delete(change.from);
  if (change.node === null) entries.delete(change.name);
  else entries.set(change.name, change.node);
}

function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "");
}

function grown(bytes: Buffer, size: number): Buffer<ArrayBuffer> {
  const larger = Buffer.alloc(Math.max(size, bytes.length * 2, PAGE_SIZE));
  larger.set(bytes, 0);
  return larger;
}

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
