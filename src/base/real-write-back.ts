/**
 * Writing dirty pages out before the kernel makes writers wait for it. Where the device is busy
 * even to ask for that takes long, so a thread asks.
 *
 *   appended -> [range | range | range] -> thread -> kernel -> device
 *                \__ waitingBytesMax __/
 *
 * The newest bytes are left to the kernel: what is soon deleted need not be written at all, and a
 * burst costs a third more of our CPU when we ask at once (1 GB in batches of 256 KiB: 0.72 against
 * 0.98 s). Where more comes, it is written out long before the kernel holds up writers.
 *
 * By the time the thread asks, a descriptor may be another file's: then that one is written out,
 * and no harm is done.
 */
import { totalmem } from "node:os";
import { Queue } from "./queue.ts";
import type { LazyThread } from "./lazy-thread.ts";
import { openWriteBack, type WriteBackRequest } from "./real-write-back-work.ts";
import type { WorkerTask } from "./world.ts";

export const writeBackTask: WorkerTask<WriteBackRequest, null> = {
  entry: "base/real-write-back-worker.ts",
  open: openWriteBack,
};

export interface WrittenFile {
  readonly descriptor: number;
  readonly isOpen: boolean;
}

interface Range {
  readonly file: WrittenFile;
  readonly position: number;
  readonly length: number;
}

/** The kernel begins by itself when a tenth of memory is dirty. */
export const WAITING_BYTES_MAX = totalmem() / 20;

export class WriteBack {
  readonly #thread: LazyThread<WriteBackRequest, null>;
  readonly #waitingBytesMax: number;
  readonly #waiting = new Queue<Range>();
  #waitingBytes = 0;
  #underWay = 0;

  constructor(thread: LazyThread<WriteBackRequest, null>, waitingBytesMax: number) {
    this.#thread = thread;
    this.#waitingBytesMax = waitingBytesMax;
  }

  /** A hint: nobody hears what comes of it. Of a file that is closed meanwhile, nothing does. */
  start(file: WrittenFile, position: number, length: number): void {
    this.#waiting.push({ file, position, length });
    this.#waitingBytes += length;
    while (this.#waitingBytes > this.#waitingBytesMax) {
      const { file, ...range } = this.#waiting.shift();
      this.#waitingBytes -= range.length;
      if (file.isOpen) this.#ask({ descriptor: file.descriptor, ...range });
    }
  }

  #ask(request: WriteBackRequest): void {
    if (this.#underWay >= UNDER_WAY_MAX) return;
    this.#underWay++;
    const ended = (isAlive: boolean): void => {
      this.#underWay--;
      if (this.#underWay > 0) return;
      if (isAlive) this.#thread.rest();
      else this.#thread.end();
    };
    this.#thread
      .use()
      .call(request)
      .then(
        () => ended(true),
        () => ended(false),
      );
  }
}

/** A device that is so far behind is not helped by more. */
const UNDER_WAY_MAX = 256;
