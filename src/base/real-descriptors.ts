/**
 * How many descriptors this process may have open, files and sockets together.
 *
 * Bun does not survive the last one: an accept that fails for want of a descriptor is tried again
 * at once and for ever, and takes the whole core. So sockets stop short of the limit, and the rest
 * is left to files.
 */
import { dlopen, FFIType } from "bun:ffi";
import { later } from "./later.ts";
import { loadCompiled } from "./native.ts";

/** Infinity where it is not known. */
export function descriptorsMax(): number {
  const [library, resource] = process.platform === "darwin" ? MAC : LINUX;
  try {
    const { symbols } = dlopen(library, {
      getrlimit: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
    });
    const limit = new BigUint64Array(2);
    if (symbols.getrlimit(resource, limit) !== 0) return Infinity;
    return Number(limit[0]);
  } catch {
    return Infinity;
  }
}

/** The first descriptor that a socket may not have. */
export function socketDescriptorMax(descriptors: number): number {
  return descriptors - Math.max(RESERVE_MIN, Math.floor(descriptors / 8));
}

/**
 * Makes room in the kernel's table while nobody waits for it; where that cannot be done, the loop
 * stands still for a while each time that it doubles.
 */
export function reserveDescriptors(): void {
  reserved();
}

const reserved = later(() => {
  const count = Math.min(descriptorsMax(), RESERVED_MAX);
  loadCompiled()?.reserveDescriptors(count - 1);
  return count;
});

/** Half a megabyte of the kernel's. */
const RESERVED_MAX = 65_536;

/** The C library, and the number of RLIMIT_NOFILE. */
const LINUX = ["libc.so.6", 7] as const;
const MAC = ["libSystem.B.dylib", 8] as const;

const RESERVE_MIN = 32;
