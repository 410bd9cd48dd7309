/**
 * Everything outside the program: time, chance, files, sockets and threads.
 *
 * A World is made once, at the root (`realWorld()`, or a fake one in tests and in the simulator)
 * and handed down. Only `base/real-*.ts` touch the real things; every other file is the same code
 * on the real World and on a fake one, so a run on a fake World is repeatable from its seed.
 */
export interface World {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly network: Network;
  readonly http: Http;
  readonly workers: Workers;
  readonly process: ProcessStatus;
}

export interface Clock {
  /** Milliseconds since 1970, whole. For timestamps in records only: it may jump. */
  wallMs(): number;
  /** Milliseconds since some moment, with a fraction; never goes back. For every timeout. */
  monotonicMs(): number;
  /** Calls back once, `delayMs` from now. */
  schedule(delayMs: number, callback: () => void): Timer;
  /** Calls back when the events that have arrived in this turn of the loop are handled. */
  afterTurn(callback: () => void): void;
  /**
   * The same for what may take a while, or may be many: calls back then or, where the turn has
   * taken long with others, in a later one, in the order of the calls (turns.ts).
   */
  soon(callback: () => void): void;
}

export interface Timer {
  /** Harmless when it has fired already. */
  cancel(): void;
}

export interface Random {
  /** 0 to 2^32 - 1, from a source that cannot be guessed. */
  uint32(): number;
  /** Fills `target` whole, from a source that cannot be guessed. */
  fill(target: Uint8Array): void;
}

/** `code` is the errno name: "ENOSPC", "EIO", "ENOENT", "EACCES", ... */
export class DiskError extends Error {
  constructor(
    readonly code: string,
    readonly path: string,
    readonly operation: string,
  ) {
    super(`${operation} ${path}: ${code}`);
  }
}

export interface FileStatus {
  readonly size: number;
  readonly isDirectory: boolean;
  /** Wall clock of the last change, in milliseconds. */
  readonly modifiedMs: number;
}

/**
 * Files, named by path. Calls without a promise finish in the page cache, at once, and what they
 * remove or replace gives its blocks back on the thread pool; only `sync` and
 * `syncDirectory` make anything survive a loss of power. Every failure is a `DiskError`.
 */
export interface Disk {
  /** "read": must exist. "write": must exist, read and write. "create": made when missing. */
  open(path: string, mode: "read" | "write" | "create"): DiskFile;
  /** Null when there is nothing of that name. */
  status(path: string): FileStatus | null;
  /** Names within a directory, in no order. */
  list(path: string): string[];
  /** With its parents; nothing happens when it is there. */
  makeDirectory(path: string): void;
  /** Atomic; replaces a file named `to`. */
  rename(from: string, to: string): void;
  /** A file; nothing happens when there is none. */
  remove(path: string): void;
  /** The same on the thread pool: giving back the blocks of a large file takes a while. */
  removeLater(path: string): Promise<void>;
  /** Gives a file the time of another's last change. */
  setModifiedMs(path: string, modifiedMs: number): void;
  /** A directory and all in it; nothing happens when there is none. */
  removeTree(path: string): void;
  /** The same on the thread pool. */
  removeTreeLater(path: string): Promise<void>;
  /** Whole contents; throws ENOENT when there is no such file. */
  readWhole(path: string): Buffer;
  /**
   * Gives a file other contents, so that a reader after any crash finds the old or the new: written
   * beside, with ".tmp" behind the name, synced and renamed over it. Durable when it resolves. All
   * of it on the thread pool: while the file system is busy making others durable, a new name may
   * have to wait for long.
   */
  replaceLater(path: string, contents: Uint8Array): Promise<void>;
  /** Makes creations, renames and removals in a directory survive a loss of power. */
  syncDirectory(path: string): Promise<void>;
  /**
   * Makes all durable that was written or renamed on the file system of `path`. False where nobody
   * can say that it is: each file has to be synced, too, which takes little then. Blocks the loop:
   * for stopping only.
   */
  syncFileSystemNow(path: string): boolean;
  /** An exclusive lock as Java's FileChannel.tryLock takes (fcntl); null when it is held. */
  lock(path: string): FileLock | null;
  /** As seen from the root, where it was given from where the process was started. */
  absolutePath(path: string): string;
  /** Whether a thread would take so many bytes at this moment, and be worth it. */
  writesLater(size: number): boolean;
  /**
   * Begins writes that a thread does meanwhile: where `writesLater` says so. `done` is called in a
   * later turn, whatever becomes of them. Until they are done, files and parts stay as they are.
   */
  writeLater(writes: readonly FileWrite[], done: () => void): LaterWrites;
  /** Bytes of the file system that holds `path`. */
  space(path: string): { readonly totalBytes: number; readonly usableBytes: number };
}

/** Of all parts, one behind the other. */
export interface FileWrite {
  readonly file: DiskFile;
  readonly parts: readonly Uint8Array[];
  readonly position: number;
}

/** Writes under way. */
export interface LaterWrites {
  readonly isDone: boolean;
  /** Holds up the loop until they are done. */
  wait(): void;
  /** What became of the one of this index, once they are done. */
  failure(index: number): DiskError | null;
}

export interface FileLock {
  release(): void;
}

export interface DiskFile {
  readonly path: string;
  /** Descriptor for `Socket.sendFile`; -1 on a fake disk. */
  readonly descriptor: number;
  /** Length in bytes, asked from the file system. */
  size(): number;
  /** Reads up to `length` bytes to `target[offset...]`; fewer only at the end of the file. */
  read(target: Uint8Array, offset: number, length: number, position: number): number;
  /**
   * The same when the bytes are in the page cache; -1 when the caller would wait for the disk.
   * May return fewer bytes than are in the file where only the first are in the page cache.
   */
  readCached(target: Uint8Array, offset: number, length: number, position: number): number;
  /** As `read`, on the thread pool. */
  readLater(target: Uint8Array, offset: number, length: number, position: number): Promise<number>;
  /** Whether the page cache has all these bytes, as far as the system tells. */
  isCached(position: number, length: number): boolean;
  /** Writes all of `source[offset...offset + length]`; after an error any of it may be there. */
  write(source: Uint8Array, offset: number, length: number, position: number): void;
  /** Writes all of `parts`, one behind the other, as one write. */
  writeAll(parts: readonly Uint8Array[], position: number): void;
  /** Reserves blocks without changing the length (FALLOC_FL_KEEP_SIZE); no-op where unknown. */
  reserve(position: number, length: number): void;
  /** Sets the length; also gives back blocks reserved behind it. */
  truncate(size: number): void;
  /** Starts writing dirty pages to the device and returns at once; a hint. */
  startWriteBack(position: number, length: number): void;
  /** fdatasync on the thread pool. After a failure the file must be taken as damaged. */
  sync(): Promise<void>;
  /** fdatasync now; blocks the loop: for start-up, stopping and Workers only. */
  syncNow(): void;
  close(): void;
}

/** `code` is the errno name: "EADDRINUSE", "EACCES", "ECONNREFUSED", ... */
export class NetworkError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export interface Network {
  /**
   * Throws `NetworkError` when the address cannot be had. Port 0 asks for any free port, an empty
   * host for every address of this machine.
   */
  listen(host: string, port: number, accept: (socket: Socket) => SocketHandler): Listener;
  /** Rejects with `NetworkError`. */
  connect(host: string, port: number, handler: SocketHandler): Promise<Socket>;
  /** Of the threads that send what is large, where there are any: so many at most, from now on. */
  limitSendThreads(count: number): void;
  /** The address of a host's name; null when it has none. */
  lookup(name: string): Promise<string | null>;
}

/** For what a node tells others of itself; brokers and clients speak over `Network`. */
export interface Http {
  /** The status of the answer. Rejects with `NetworkError` when there is none in time. */
  post(
    url: string,
    headers: Readonly<Record<string, string>>,
    body: Uint8Array,
    timeoutMs: number,
  ): Promise<number>;
}

export interface Listener {
  readonly port: number;
  /** Accepts no more; open connections stay. */
  stop(): void;
}

export interface SocketHandler {
  /** The chunk belongs to the handler: nobody writes to it again. May come while paused. */
  data(chunk: Buffer): void;
  /** There is room again after a short write. */
  drain(): void;
  /** The peer sends no more; it may still read. */
  end(): void;
  /** The last event. `reason` is null after a clean end, else an errno name. */
  close(reason: string | null): void;
}

export interface Socket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localPort: number;
  /** Bytes taken by the kernel: fewer than `length` means wait for `drain`; -1 when closed. */
  write(bytes: Uint8Array, offset: number, length: number): number;
  /** The same where `write` or `sendFile` follows at once: the kernel may wait for it. */
  writeAhead(bytes: Uint8Array, offset: number, length: number): number;
  /** The same for a range of a file, without a copy through this process. Arms `drain` too. */
  sendFile(file: DiskFile, position: number, length: number): number;
  /**
   * Whether a thread would take so many bytes, and be worth it. `isCold`: some of them have to come
   * from the disk, and the thread would wait for it.
   */
  sendsLater(size: number, isCold: boolean): boolean;
  /**
   * Sends pieces, one behind the other, while the loop goes on: where `sendsLater` says so; null
   * when no thread takes them after all. Until they are done nobody writes to this socket, and
   * bytes and files stay as they are. `done` is called in a later turn, unless the socket is
   * closed before.
   */
  sendLater(pieces: readonly SendPiece[], isCold: boolean, done: () => void): LaterSend | null;
  /** No more `data` until `resume`. */
  pause(): void;
  resume(): void;
  /** Sends FIN behind all written bytes; reading goes on until `close`. */
  shutdown(): void;
  /** Closes at once; unsent bytes are lost. */
  terminate(): void;
}

/** A range of bytes, or of a file. */
export interface SendPiece {
  readonly source: Uint8Array | DiskFile;
  readonly position: number;
  readonly size: number;
}

/** `sendLater` takes no more at once. */
export const SEND_PIECES_MAX = 128;

/** Pieces on their way to the kernel. */
export interface LaterSend {
  readonly isDone: boolean;
  /** So far. Once it is done, less than all where a write by the loop would fail, too. */
  readonly sentBytes: number;
}

/** What the process has used, for metrics. */
export interface ProcessStatus {
  /** Asks the system, which takes some tens of microseconds. */
  read(): ProcessFigures;
}

/** NaN for what the system does not tell. */
export interface ProcessFigures {
  /** Wall clock. */
  readonly startedMs: number;
  /** Of all threads, and of the one that runs the loop. */
  readonly cpuSeconds: number;
  readonly loopCpuSeconds: number;
  readonly residentBytes: number;
  readonly virtualBytes: number;
  readonly heapBytes: number;
  readonly heapUsedBytes: number;
  readonly externalBytes: number;
  readonly threads: number;
  readonly openDescriptors: number;
  readonly descriptorsMax: number;
  readonly diskReadBytes: number;
  readonly diskWrittenBytes: number;
}

/** Threads for work that takes the processor for long. */
export interface Workers {
  /** Threads that can run at the same time here, this one among them. */
  readonly parallelism: number;
  start<Request, Reply>(task: WorkerTask<Request, Reply>): WorkerThread<Request, Reply>;
}

/**
 * Work of a kind, in a thread of its own. What is asked and answered is copied: it holds no
 * functions and no objects of classes.
 */
export interface WorkerTask<Request, Reply> {
  /** File of src/ that a thread begins with: it calls `serve` of real-worker-thread.ts. */
  readonly entry: string;
  /** The same work where there are no threads. */
  readonly open: (world: WorkerWorld) => (request: Request) => Reply;
}

/** What a thread has of the World. */
export interface WorkerWorld {
  readonly disk: Disk;
}

export interface WorkerThread<Request, Reply> {
  /** One at a time, in order. Rejects with the error of the work, or when the thread has died. */
  call(request: Request): Promise<Reply>;
  /** Ends the thread; only when no call is under way. */
  end(): void;
}
