/**
 * Writes what many requests have gathered while the loop goes on with the next ones: a thread in C
 * (native/write-thread.c), and so a second core for a node under load.
 *
 *   loop    job ---> parses, checks, gathers the next ones ---> hears of the end, answers
 *   thread      \--> pwritev, pwritev, ... ---> a byte over a pair of sockets wakes the loop
 *
 * Invariants: one job at a time, for all disks of the process; its bytes and its files stay as they
 * are until `isDone`, which whoever cannot wait for the loop's turn brings about by `wait`; the
 * thread touches nothing but the job's words, its bytes, and these files.
 *
 * It starts with the first large job and sleeps between two. To hand a job over and to hear of it
 * costs some 10 us, as long as 64 KiB take to be written: less is written by the loop itself. Where
 * native/ is not compiled, or the system is not Linux, all is.
 */
import { ptr } from "bun:ffi";
import { getSystemErrorName } from "node:util";
import { assert } from "./assert.ts";
import { Queue } from "./queue.ts";
import { loadCompiled, type NativeWriteThread } from "./native.ts";
import { wakingPair } from "./real-waking-pair.ts";
import { DiskError, type FileWrite, type LaterWrites } from "./world.ts";

export interface WriteThread {
  /** No job is under way. */
  readonly isIdle: boolean;
  /** See `Disk.writeLater`. */
  begin(writes: readonly FileWrite[], done: () => void): LaterWrites;
}

/** Null where there is none. */
export function writeThread(): WriteThread | null {
  thread ??= { value: start() };
  return thread.value;
}

let thread: { readonly value: WriteThread | null } | null = null;

/** Smaller jobs are not worth it. */
export const WRITE_THREAD_FROM = 64 * 1024;

/** Parts of all writes of a job, and its writes; as many as appends are gathered. */
const PARTS_MAX = 512;
const WORDS = 1 + PARTS_MAX * (3 + 2);
/**
 * Smaller parts are copied: that is as quick as to take their addresses, and of small arrays the
 * engine may move the bytes.
 */
const COPIED_BELOW = 4096;

function start(): WriteThread | null {
  const native = process.platform === "linux" ? (loadCompiled()?.writeThread ?? null) : null;
  if (native === null) return null;
  const wakeDescriptor = wakingPair(() => made.heard());
  if (wakeDescriptor === null) return null;
  const words = new Float64Array(new ArrayBuffer(WORDS * Float64Array.BYTES_PER_ELEMENT));
  const made = new RealWriteThread(native, words);
  return native.start(words, wakeDescriptor) ? made : null;
}

class RealWriteThread implements WriteThread {
  readonly #native: NativeWriteThread;
  readonly #words: Float64Array;
  readonly #copies = Buffer.allocUnsafeSlow(PARTS_MAX * COPIED_BELOW);
  #copied = 0;
  /** Of the last of them alone it is not known that it is done. */
  readonly #unheard = new Queue<Job>();
  #last: Job | null = null;

  constructor(native: NativeWriteThread, words: Float64Array) {
    this.#native = native;
    this.#words = words;
  }

  begin(writes: readonly FileWrite[], done: () => void): LaterWrites {
    assert(this.isIdle, "one job at a time");
    this.#copied = 0;
    const words = this.#words;
    const places: number[] = [];
    let at = 0;
    words[at++] = writes.length;
    for (const { file, parts, position } of writes) {
      places.push(at);
      words[at++] = file.descriptor;
      words[at++] = position;
      words[at++] = parts.length;
      for (const part of parts) {
        words[at++] = this.#addressOf(part);
        words[at++] = part.length;
      }
    }
    assert(at <= words.length, "a job fits its words");
    const job = new Job(this.#native, writes, words, places, done);
    this.#last = job;
    this.#unheard.push(job);
    this.#native.submit();
    return job;
  }

  /** The loop was woken; for jobs, too, that somebody has waited for. */
  heard(): void {
    while (this.#unheard.length > 0 && this.#unheard.first().isDone) this.#unheard.shift().done();
  }

  get isIdle(): boolean {
    return this.#last === null || this.#last.isDone;
  }

  #addressOf(part: Uint8Array): number {
    if (part.length >= COPIED_BELOW) return ptr(part);
    const from = this.#copied;
    this.#copies.set(part, from);
    this.#copied += part.length;
    return ptr(this.#copies, from);
  }
}

class Job implements LaterWrites {
  /** Kept until it is done, for the bytes. */
  #writes: readonly FileWrite[];
  readonly #native: NativeWriteThread;
  readonly #words: Float64Array;
  readonly #places: readonly number[];
  #failures: (DiskError | null)[] | null = null;

  constructor(
    native: NativeWriteThread,
    writes: readonly FileWrite[],
    words: Float64Array,
    places: readonly number[],
    readonly done: () => void,
  ) {
    this.#native = native;
    this.#writes = writes;
    this.#words = words;
    this.#places = places;
  }

  get isDone(): boolean {
    if (this.#failures !== null) return true;
    if (!this.#native.isDone()) return false;
    this.#failures = this.#writes.map(({ file }, index) => {
      const errno = this.#words[this.#places[index]!]!;
      return errno === 0 ? null : new DiskError(getSystemErrorName(-errno), file.path, "write");
    });
    this.#writes = [];
    return true;
  }

  wait(): void {
    if (!this.isDone) this.#native.wait();
    assert(this.isDone, "what was waited for is done");
  }

  failure(index: number): DiskError | null {
    assert(this.#failures !== null, "what became of it is known when it is done");
    return this.#failures[index] ?? null;
  }
}
