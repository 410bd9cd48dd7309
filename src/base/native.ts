/// <reference path="../../native/sources.d.ts" />
/**
 * The C in native/: checksums and walks over bytes, four to fifteen times as fast as TypeScript.
 *
 * Nothing here is ever needed. Three ways lead to the same results, and a test holds them to it:
 * - "compiled": the library that `bun native/build.ts` (part of setting up) made with the
 *   machine's C compiler. Its name carries a hash of the sources, so a stale one is never opened.
 * - "embedded": the checksum alone, compiled by the TinyCC within Bun when the process starts
 *   (4 ms). For the rest TinyCC's code is no faster than TypeScript.
 * - neither: TypeScript, wherever these functions are called from.
 */
import { hash } from "bun";
import { cc, dlopen, ptr } from "bun:ffi";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import crc32cSource from "../../native/crc32c.c" with { type: "text" };
import descriptorsSource from "../../native/descriptors.c" with { type: "text" };
import detachedThreadSource from "../../native/detached-thread.h" with { type: "text" };
import recordsSource from "../../native/records.c" with { type: "text" };
import sendThreadsSource from "../../native/send-threads.c" with { type: "text" };
import writeThreadSource from "../../native/write-thread.c" with { type: "text" };
import { assert } from "./assert.ts";
import { ROOT } from "./root.ts";

/** Every function takes a range of `bytes` by offset and size; both are checked here. */
export interface NativeFunctions {
  /** See native/records.c. */
  walkRecords(
    bytes: Uint8Array,
    offset: number,
    size: number,
    count: number,
    keyed: boolean,
    baseTimestamp: number,
    timestampMin: number,
    timestampMax: number,
  ): number;
}

/** See native/write-thread.c. `start` but once a process; false when there is no thread. */
export interface NativeWriteThread {
  start(words: Float64Array, wakeDescriptor: number): boolean;
  submit(): void;
  isDone(): boolean;
  wait(): void;
}

/** See native/send-threads.c. `start` but once a process; how many threads there are. */
export interface NativeSendThreads {
  start(words: Float64Array, jobWords: number, wakeDescriptor: number, threads: number): number;
  /** How many there are from now on; those that end send first what they have begun. */
  resize(threads: number): number;
  /** False when nothing was handed over. */
  submit(slot: number, descriptor: number, isCold: boolean): boolean;
  isDone(slot: number): boolean;
  sent(slot: number): number;
  cancel(slot: number): void;
  /** -1 when there is none more. */
  takeDone(): number;
}

export type NativeCrc32c = (
  bytes: Uint8Array,
  offset: number,
  length: number,
  seed: number,
) => number;

export const NATIVE_DIRECTORY = join(ROOT, "native");
export const NATIVE_SOURCES = [
  "crc32c.c",
  "descriptors.c",
  "records.c",
  "send-threads.c",
  "write-thread.c",
];

/** Where the compiled library of these very sources is, or would be. */
export const LIBRARY_PATH = join(
  NATIVE_DIRECTORY,
  "build",
  `bunka-${process.platform}-${process.arch}-${hashOfSources()}.so`,
);

export interface CompiledLibrary {
  /** Null on a processor without the instruction. */
  readonly crc32c: NativeCrc32c | null;
  readonly functions: NativeFunctions;
  readonly writeThread: NativeWriteThread;
  readonly sendThreads: NativeSendThreads;
  /** See native/descriptors.c. */
  reserveDescriptors(last: number): void;
}

/** Null when it has not been built. */
export function loadCompiled(): CompiledLibrary | null {
  compiled ??= openCompiled();
  return compiled;
}

/** Null where TinyCC or the processor cannot. */
export function loadEmbeddedCrc32c(path = join(NATIVE_DIRECTORY, "crc32c.c")): NativeCrc32c | null {
  // TinyCC can only spell the instruction of x64, and without it TypeScript is the faster.
  if (process.arch !== "x64") return null;
  if (existsSync(path)) return embedCrc32c(path);
  // A single-file executable has the source in itself only.
  try {
    const directory = mkdtempSync(join(tmpdir(), "bunka-"));
    try {
      const copy = join(directory, "crc32c.c");
      writeFileSync(copy, crc32cSource);
      return embedCrc32c(copy);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  } catch {
    return null;
  }
}

let compiled: CompiledLibrary | null = null;

const CRC32C_SYMBOLS = {
  bunka_crc32c: { args: ["ptr", "i32", "i32", "i32"], returns: "u32" },
  bunka_crc32c_present: { args: [], returns: "i32" },
} as const;

const FUNCTION_SYMBOLS = {
  bunka_walk_records: {
    args: ["ptr", "u32", "u32", "i32", "i32", "f64", "f64", "f64"],
    returns: "f64",
  },
} as const;

const WRITE_THREAD_SYMBOLS = {
  bunka_write_thread_start: { args: ["ptr", "i32"], returns: "i32" },
  bunka_write_thread_submit: { args: [], returns: "void" },
  bunka_write_thread_is_done: { args: [], returns: "i32" },
  bunka_write_thread_wait: { args: [], returns: "void" },
} as const;

const SEND_THREADS_SYMBOLS = {
  bunka_send_threads_start: { args: ["ptr", "i32", "i32", "i32"], returns: "i32" },
  bunka_send_threads_resize: { args: ["i32"], returns: "i32" },
  bunka_send_submit: { args: ["i32", "i32", "i32"], returns: "i32" },
  bunka_send_is_done: { args: ["i32"], returns: "i32" },
  bunka_send_sent: { args: ["i32"], returns: "f64" },
  bunka_send_cancel: { args: ["i32"], returns: "void" },
  bunka_send_take_done: { args: [], returns: "i32" },
} as const;

const DESCRIPTORS_SYMBOLS = {
  bunka_reserve_descriptors: { args: ["i32"], returns: "i32" },
} as const;

type Symbols<T extends Parameters<typeof dlopen>[1]> = ReturnType<typeof dlopen<T>>["symbols"];

function openCompiled(): CompiledLibrary | null {
  try {
    const { symbols } = dlopen(LIBRARY_PATH, {
      ...CRC32C_SYMBOLS,
      ...FUNCTION_SYMBOLS,
      ...WRITE_THREAD_SYMBOLS,
      ...SEND_THREADS_SYMBOLS,
      ...DESCRIPTORS_SYMBOLS,
    });
    return {
      crc32c: checkedCrc32c(symbols),
      functions: checkedFunctions(symbols),
      writeThread: {
        // Its address is taken once, which holds for an array over an ArrayBuffer of its own.
        start: (words, descriptor) =>
          symbols.bunka_write_thread_start(ptr(words), descriptor) === 0,
        submit: symbols.bunka_write_thread_submit,
        isDone: () => symbols.bunka_write_thread_is_done() !== 0,
        wait: symbols.bunka_write_thread_wait,
      },
      sendThreads: {
        start: (words, jobWords, descriptor, threads) =>
          symbols.bunka_send_threads_start(ptr(words), jobWords, descriptor, threads),
        resize: symbols.bunka_send_threads_resize,
        submit: (slot, descriptor, isCold) =>
          symbols.bunka_send_submit(slot, descriptor, isCold ? 1 : 0) === 0,
        isDone: (slot) => symbols.bunka_send_is_done(slot) !== 0,
        sent: symbols.bunka_send_sent,
        cancel: symbols.bunka_send_cancel,
        takeDone: symbols.bunka_send_take_done,
      },
      reserveDescriptors: (last) => void symbols.bunka_reserve_descriptors(last),
    };
  } catch {
    return null;
  }
}

function embedCrc32c(path: string): NativeCrc32c | null {
  try {
    return checkedCrc32c(cc({ source: path, symbols: CRC32C_SYMBOLS }).symbols);
  } catch {
    return null;
  }
}

function checkedCrc32c(symbols: Symbols<typeof CRC32C_SYMBOLS>): NativeCrc32c | null {
  if (symbols.bunka_crc32c_present() === 0) return null;
  const crc32c = symbols.bunka_crc32c;
  return (bytes, offset, length, seed) => {
    assertWithin(bytes, offset, length);
    // Functions from `cc` take the bits of a double for an integer (Bun 1.4.5), and a number above
    // 2^31 is a double: only | 0 makes an integer for certain. C sees the same 32 bits unsigned.
    return length === 0 ? seed : crc32c(bytes, offset | 0, length | 0, seed | 0);
  };
}

function checkedFunctions(symbols: Symbols<typeof FUNCTION_SYMBOLS>): NativeFunctions {
  const { bunka_walk_records } = symbols;
  return {
    walkRecords(bytes, offset, size, count, keyed, baseTimestamp, timestampMin, timestampMax) {
      assertWithin(bytes, offset, size);
      return bunka_walk_records(
        bytes,
        offset,
        size,
        count,
        keyed ? 1 : 0,
        baseTimestamp,
        timestampMin,
        timestampMax,
      );
    },
  };
}

/** C trusts what it is told, so it is told nothing but this. NaN fails too. */
function assertWithin(bytes: Uint8Array, offset: number, size: number): void {
  assert(offset >= 0 && size >= 0 && offset + size <= bytes.length, "a range within the bytes");
}

/** Only to tell one version of the sources from another. */
function hashOfSources(): string {
  const threads = detachedThreadSource + sendThreadsSource + writeThreadSource;
  const sources = crc32cSource + descriptorsSource + recordsSource + threads;
  return BigInt(hash(sources)).toString(16).padStart(16, "0");
}
