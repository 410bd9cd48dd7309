/**
 * Sends large answers while the loop goes on: threads in C (native/send-threads.c), and so more
 * than one core for readers that ask for much.
 *
 *   loop     job ---> takes requests, makes answers ------------> hears of the end
 *   threads     \--> sendfile, socket full, another job ... ---> a byte over a pair of sockets
 *
 * Invariants: a socket has one job at a time, and nobody else writes to it until that is done or
 * cancelled; bytes and files of a job stay as they are until then. What the threads cannot do (a
 * file that ends too early, a socket that is broken) they leave to the loop, which finds out.
 *
 * They start with the first large answer and sleep between two. Where native/ is not compiled, or
 * the system is not Linux, there are none.
 */
import { ptr } from "bun:ffi";
import { availableParallelism } from "node:os";
import { assert } from "./assert.ts";
import { loadCompiled, type NativeSendThreads } from "./native.ts";
import { wakingPair } from "./real-waking-pair.ts";
import { type LaterSend, SEND_PIECES_MAX, type SendPiece } from "./world.ts";

export interface SendThreads {
  /** How many there are: at most `wanted`, and one for each core. */
  resize(wanted: number): number;
  /**
   * `isCold`: some of it must come from the disk, or may have to. Null where no thread takes it.
   * `done` is called in a later turn, but not once cancelled.
   */
  begin(
    descriptor: number,
    pieces: readonly SendPiece[],
    isCold: boolean,
    done: () => void,
  ): SendJob | null;
}

export interface SendJob extends LaterSend {
  /** The socket is closed with it. */
  cancel(): void;
}

/** Null where there are none. */
export function sendThreads(): SendThreads | null {
  threads ??= { value: start() };
  return threads.value;
}

/** As `Network.limitSendThreads`; when nothing is said, as Kafka's num.network.threads. */
export function limitSendThreads(count: number): void {
  threadsMax = count;
  threads?.value?.resize(count);
}

let threads: { readonly value: SendThreads | null } | null = null;
let threadsMax = 3;

/** As native/send-threads.c has it. */
const JOBS_MAX = 256;
const PIECE_WORDS = 3;
const JOB_WORDS = 1 + SEND_PIECES_MAX * PIECE_WORDS;

function start(): SendThreads | null {
  const native = process.platform === "linux" ? (loadCompiled()?.sendThreads ?? null) : null;
  if (native === null) return null;
  const wakeDescriptor = wakingPair(() => made.heard());
  if (wakeDescriptor === null) return null;
  const size = JOBS_MAX * JOB_WORDS * Float64Array.BYTES_PER_ELEMENT;
  const words = new Float64Array(new ArrayBuffer(size));
  const made = new RealSendThreads(native, words);
  const count = threadsFor(threadsMax);
  return native.start(words, JOB_WORDS, wakeDescriptor, count) > 0 ? made : null;
}

function threadsFor(wanted: number): number {
  return Math.min(availableParallelism(), wanted);
}

/** Less is sent by the loop before a thread has woken up. */
export const SEND_THREADS_FROM = 128 * 1024;

class RealSendThreads implements SendThreads {
  readonly #native: NativeSendThreads;
  readonly #words: Float64Array;
  /** By slot. */
  readonly #jobs: (Job | null)[] = new Array<Job | null>(JOBS_MAX).fill(null);
  /** The last one given back is the first to be used again: few of the words are ever touched. */
  readonly #free = Array.from({ length: JOBS_MAX }, (_, index) => JOBS_MAX - 1 - index);

  constructor(native: NativeSendThreads, words: Float64Array) {
    this.#native = native;
    this.#words = words;
  }

  resize(wanted: number): number {
    return this.#native.resize(threadsFor(wanted));
  }

  begin(
    descriptor: number,
    pieces: readonly SendPiece[],
    isCold: boolean,
    done: () => void,
  ): SendJob | null {
    assert(pieces.length <= SEND_PIECES_MAX, "a job fits its words");

    const slot = this.#free.pop();
    if (slot === undefined) return null;
    const words = this.#words;
    let at = slot * JOB_WORDS;
    words[at++] = pieces.length;
    for (const { source, position, size } of pieces) {
      const isBytes = source instanceof Uint8Array;
      words[at++] = isBytes ? -1 : source.descriptor;
      words[at++] = isBytes ? ptr(source, position) : position;
      words[at++] = size;
    }
    if (!this.#native.submit(slot, descriptor, isCold)) {
      this.#free.push(slot);
      return null;
    }
    return (this.#jobs[slot] = new Job(this.#native, slot, pieces, done));
  }

  /** The loop was woken. */
  heard(): void {
    for (let slot; (slot = this.#native.takeDone()) !== -1;) {
      const job = this.#jobs[slot]!;
      this.#jobs[slot] = null;
      this.#free.push(slot);
      job.heard();
    }
  }
}

class Job implements SendJob {
  readonly #native: NativeSendThreads;
  readonly #slot: number;
  /** Kept until it is heard of, for the bytes. */
  pieces: readonly SendPiece[];
  #done: (() => void) | null;
  #sent = -1;

  constructor(
    native: NativeSendThreads,
    slot: number,
    pieces: readonly SendPiece[],
    done: () => void,
  ) {
    this.#native = native;
    this.#slot = slot;
    this.pieces = pieces;
    this.#done = done;
  }

  get isDone(): boolean {
    if (this.#sent !== -1) return true;
    if (!this.#native.isDone(this.#slot)) return false;
    this.#sent = this.#native.sent(this.#slot);
    return true;
  }

  get sentBytes(): number {
    return this.#sent === -1 ? this.#native.sent(this.#slot) : this.#sent;
  }

  cancel(): void {
    this.#done = null;
    if (!this.isDone) this.#native.cancel(this.#slot);
  }

  /** The slot is another job's from now on. */
  heard(): void {
    assert(this.isDone, "what is heard of is done");
    this.pieces = [];
    const done = this.#done;
    this.#done = null;
    done?.();
  }
}
