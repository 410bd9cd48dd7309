/**
 * What a fake disk is made of: files and directories, as processes see them and as they would be
 * found after a loss of power.
 */
/** What of the unsynced data survives a loss of power. */
export type Keep = "none" | "random" | "all";

const PAGE_SIZE = 4096;
const SECTOR_SIZE = 512;

export class FileNode {
  data = Buffer.alloc(0);
  size = 0;
  durable = Buffer.alloc(0);
  durableSize = 0;
  reservedEnd = 0;
  modifiedMs: number;
  /** Pages that are dirty, each with the number of its last write. */
  #dirty = new Map<number, number>();
  #writes = 0;

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
    const pages = [...this.#dirty].map(([page, writes]) => {
      return { page, writes, bytes: this.#pageNow(page) };
    });
    const size = this.size;
    return () => {
      for (const { page, writes, bytes } of pages) {
        this.#storeDurable(page, bytes);
        if (this.#dirty.get(page) === writes) this.#dirty.delete(page);
      }
      this.durableSize = size;
      if (this.durable.length < size) this.durable = grown(this.durable, size);
      this.durable.fill(0, size);
    };
  }

  forget(): void {
    this.#dirty.clear();
  }

  /** The same bytes, and all of them durable. */
  copy(): FileNode {
    const copy = new FileNode(this.modifiedMs);
    copy.data = Buffer.from(this.data.subarray(0, this.size));
    copy.durable = Buffer.from(copy.data);
    copy.size = copy.durableSize = this.size;
    return copy;
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
    for (const page of this.#dirty.keys()) {
      const fate = random();
      if (fate < 0.3) continue;
      const bytes = this.#pageNow(page);
      if (fate < 0.65) {
        const start = page * PAGE_SIZE;
        // Within what is new in the page, where that is its end: else most tears would show nothing.
        const from = Math.min(Math.max(this.durableSize - start, 0), PAGE_SIZE - 1);
        const to = Math.max(Math.min(this.size - start, PAGE_SIZE), from + 1);
        const [first, end] = [Math.floor(from / SECTOR_SIZE), Math.ceil(to / SECTOR_SIZE)];
        const torn = (first + Math.floor(random() * (end - first))) * SECTOR_SIZE;
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
    // A tear shows where the length reaches behind it.
    if (fate < 0.2) this.size = this.durableSize;
    else if (fate < 0.5) this.size = low + Math.floor(random() * (high - low + 1));
    if (this.durable.length < this.size) this.durable = grown(this.durable, this.size);
  }

  #markDirty(from: number, to: number): void {
    const last = Math.floor(Math.max(from, to - 1) / PAGE_SIZE);
    for (let page = Math.floor(from / PAGE_SIZE); page <= last; page++) {
      this.#dirty.set(page, ++this.#writes);
    }
  }

  #pageNow(page: number): Buffer {
    const bytes = Buffer.allocUnsafe(PAGE_SIZE);
    const copied = this.data.copy(bytes, 0, page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
    if (copied < PAGE_SIZE) bytes.fill(0, copied);
    return bytes;
  }

  #storeDurable(page: number, bytes: Buffer): void {
    const end = (page + 1) * PAGE_SIZE;
    if (this.durable.length < end) this.durable = grown(this.durable, end);
    this.durable.set(bytes, page * PAGE_SIZE);
  }
}

type Change = { name: string; node: FileNode | DirectoryNode | null; from?: string };

export class DirectoryNode {
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

  copy(): DirectoryNode {
    const copy = new DirectoryNode();
    copy.entries = new Map([...this.entries].map(([name, node]) => [name, node.copy()]));
    copy.durable = new Map(copy.entries);
    return copy;
  }

  eachFile(visit: (file: FileNode) => void): void {
    for (const node of this.entries.values()) {
      if (node instanceof DirectoryNode) node.eachFile(visit);
      else visit(node);
    }
  }

  syncAll(): void {
    this.durable = new Map(this.entries);
    this.journal = [];
    for (const node of this.entries.values()) {
      if (node instanceof DirectoryNode) node.syncAll();
      else node.startSync()();
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

function grown(bytes: Buffer, size: number): Buffer<ArrayBuffer> {
  const larger = Buffer.alloc(Math.max(size, bytes.length * 2, PAGE_SIZE));
  larger.set(bytes, 0);
  return larger;
}
