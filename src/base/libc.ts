/**
 * The few system calls that node:fs lacks, through bun:ffi. Loaded at the first use, since opening
 * the C library costs up to a millisecond of start-up. Null wherever it cannot be had: every
 * caller has a portable way besides.
 */
import { dlopen, ptr, read } from "bun:ffi";

export interface Libc {
  /** FALLOC_FL_KEEP_SIZE; false when the file system cannot. */
  fallocateKeepSize(descriptor: number, position: number, length: number): boolean;
  /** preadv2 with RWF_NOWAIT: bytes read, -1 "would wait for the disk", -2 "not supported". */
  readNoWait(
    descriptor: number,
    target: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): number;
  readonly pageSize: number;
  /** cachestat: pages of the range that the page cache has; -1 when the system cannot say. */
  cachedPages(descriptor: number, position: number, length: number): number;
  /** sync_file_range(SYNC_FILE_RANGE_WRITE). */
  startWriteBack(descriptor: number, position: number, length: number): void;
  /** syncfs; false when it failed, or a write before it. */
  syncFileSystem(descriptor: number): boolean;
}

export interface FileLocking {
  /** fcntl(F_SETLK) on the whole file, exclusive: what Java's FileChannel.tryLock takes. */
  tryLock(descriptor: number): boolean;
}

/** Null on everything but Linux. */
export function loadLibc(): Libc | null {
  libc ??= { value: process.platform === "linux" ? openLinux() : null };
  return libc.value;
}

/** Null where fcntl cannot be called. */
export function loadFileLocking(): FileLocking | null {
  locking ??= { value: openLocking() };
  return locking.value;
}

let libc: { value: Libc | null } | null = null;
let locking: { value: FileLocking | null } | null = null;

const FALLOC_FL_KEEP_SIZE = 1;
const RWF_NOWAIT = 8;
const SYNC_FILE_RANGE_WRITE = 2;
/** The same on all architectures. */
const SYS_CACHESTAT = 451;
const EINVAL = 22;
const ENOSYS = 38;
const EOPNOTSUPP = 95;

function openLinux(): Libc | null {
  try {
    const { symbols } = dlopen("libc.so.6", {
      fallocate: { args: ["i32", "i32", "i64", "i64"], returns: "i32" },
      preadv2: { args: ["i32", "ptr", "i32", "i64", "i32"], returns: "i32" },
      syscall: { args: ["i64", "i32", "ptr", "ptr", "u32"], returns: "i32" },
      getpagesize: { args: [], returns: "i32" },
      syncfs: { args: ["i32"], returns: "i32" },
      sync_file_range: { args: ["i32", "i64", "i64", "u32"], returns: "i32" },
      __errno_location: { args: [], returns: "ptr" },
    });
    // One iovec for ever: calls are synchronous, and its address is taken once, which only holds
    // for an array over an ArrayBuffer of its own. Both architectures are little-endian.
    const vector = new Uint32Array(new ArrayBuffer(16));
    const vectorPointer = ptr(vector);
    // u64 offset, length -> u64 cached, dirty, under write-back, evicted, recently evicted
    const range = new Uint32Array(new ArrayBuffer(16));
    const rangePointer = ptr(range);
    const statistics = new Uint32Array(new ArrayBuffer(40));
    const statisticsPointer = ptr(statistics);
    return {
      pageSize: symbols.getpagesize(),
      fallocateKeepSize(descriptor, position, length) {
        return symbols.fallocate(descriptor, FALLOC_FL_KEEP_SIZE, position, length) === 0;
      },
      readNoWait(descriptor, target, offset, length, position) {
        if (length === 0) return 0;
        const address = ptr(target, offset);
        vector[0] = address;
        vector[1] = address / 0x1_0000_0000;
        vector[2] = length;
        vector[3] = length / 0x1_0000_0000;
        const count = symbols.preadv2(descriptor, vectorPointer, 1, position, RWF_NOWAIT);
        if (count >= 0) return count;
        const errnoAt = symbols.__errno_location();
        const errno = errnoAt === null ? 0 : read.i32(errnoAt, 0);
        return errno === EOPNOTSUPP || errno === ENOSYS || errno === EINVAL ? -2 : -1;
      },
      cachedPages(descriptor, position, length) {
        range[0] = position;
        range[1] = position / 0x1_0000_0000;
        range[2] = length;
        range[3] = length / 0x1_0000_0000;
        const { syscall } = symbols;
        const failed = syscall(SYS_CACHESTAT, descriptor, rangePointer, statisticsPointer, 0) !== 0;
        return failed ? -1 : statistics[0]!;
      },
      startWriteBack(descriptor, position, length) {
        symbols.sync_file_range(descriptor, position, length, SYNC_FILE_RANGE_WRITE);
      },
      syncFileSystem(descriptor) {
        return symbols.syncfs(descriptor) === 0;
      },
    };
  } catch {
    return null;
  }
}

/**
 * `fcntl` is variadic. Linux passes a variadic argument like any other, but macOS on arm64 passes
 * it on the stack: with six unused arguments before it, the ninth lands there.
 */
function openLocking(): FileLocking | null {
  try {
    if (process.platform === "linux") {
      const { symbols } = dlopen("libc.so.6", {
        fcntl: { args: ["i32", "i32", "ptr"], returns: "i32" },
      });
      const record = lockRecord(32, 0, 1);
      return { tryLock: (descriptor) => symbols.fcntl(descriptor, 6, ptr(record)) === 0 };
    }
    if (process.platform !== "darwin") return null;
    const record = lockRecord(24, 20, 3);
    if (process.arch !== "arm64") {
      const { symbols } = dlopen("libSystem.B.dylib", {
        fcntl: { args: ["i32", "i32", "ptr"], returns: "i32" },
      });
      return { tryLock: (descriptor) => symbols.fcntl(descriptor, 8, ptr(record)) === 0 };
    }
    const { symbols } = dlopen("libSystem.B.dylib", {
      fcntl: {
        args: ["i32", "i32", "i64", "i64", "i64", "i64", "i64", "i64", "ptr"],
        returns: "i32",
      },
    });
    return {
      tryLock: (descriptor) => symbols.fcntl(descriptor, 8, 0, 0, 0, 0, 0, 0, ptr(record)) === 0,
    };
  } catch {
    return null;
  }
}

/**
 * struct flock that asks for a write lock on all of the file (length 0):
 *
 *   Linux  i16 type (1), i16 whence, i64 start, i64 length, i32 pid
 *   macOS  i64 start, i64 length, i32 pid, i16 type (3), i16 whence
 */
function lockRecord(size: number, typeAt: number, type: number): DataView {
  const record = new DataView(new ArrayBuffer(size));
  record.setInt16(typeAt, type, true);
  return record;
}
