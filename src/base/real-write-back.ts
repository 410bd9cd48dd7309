/**
 * Writing dirty pages out before the kernel makes writers wait for it. Where the device is busy
 * even to ask for that takes long, so a thread asks.
 *
 * By the time it does, a descriptor may be another file's: then that one is written out, and no
 * harm is done.
 */
import type { LazyThread } from "./lazy-thread.ts";
import { openWriteBack, type WriteBackRequest } from "./real-write-back-work.ts";
import type { WorkerTask } from "./world.ts";

export const writeBackTask: WorkerTask<WriteBackRequest, null> = {
  entry: new URL("./real-write-back-worker.ts", import.meta.url).href,
  open: openWriteBack,
};

export class WriteBack {
  readonly #thread: LazyThread<WriteBackRequest, null>;
  #underWay = 0;

  constructor(thread: LazyThread<WriteBackRequest, null>) {
    this.#thread = thread;
  }

  /** A hint: nobody hears what comes of it. */
  start(descriptor: number, position: number, length: number): void {
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
      .call({ descriptor, position, length })
      .then(
        () => ended(true),
        () => ended(false),
      );
  }
}

/** A device that is so far behind is not helped by more. */
const UNDER_WAY_MAX = 256;
