/**
 * Threads of this process.
 *
 *   main thread  call -> { request }                          -> real-worker-thread.ts
 *                resolve or reject <- { reply } or { error }  <-
 *
 * A thread answers in order, so answers carry no names.
 */
import { join } from "node:path";
import { Queue } from "./queue.ts";
import { ROOT } from "./root.ts";
import type { Workers, WorkerTask, WorkerThread } from "./world.ts";
import { DiskError } from "./world.ts";

/** What a thread sends back. Errors lose their class on the way: that of the disk gets its own. */
export type WorkerAnswer =
  | { readonly kind: "reply"; readonly reply: unknown }
  | {
      readonly kind: "diskError";
      readonly code: string;
      readonly path: string;
      readonly operation: string;
    }
  | { readonly kind: "error"; readonly message: string };

export function realWorkers(): Workers {
  return {
    parallelism: navigator.hardwareConcurrency,
    start<Request, Reply>(task: WorkerTask<Request, Reply>): WorkerThread<Request, Reply> {
      return new RealWorkerThread<Request, Reply>(task.entry);
    },
  };
}

interface Call<Reply> {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

class RealWorkerThread<Request, Reply> implements WorkerThread<Request, Reply> {
  readonly #worker: Worker;
  readonly #calls = new Queue<Call<Reply>>();
  #death: Error | null = null;

  constructor(entry: string) {
    // From the sources, whichever way the program itself was started: few nodes need a thread.
    this.#worker = new Worker(join(ROOT, "src", entry));
    this.#worker.addEventListener("message", (event: MessageEvent<WorkerAnswer>) =>
      this.#answered(event.data),
    );
    this.#worker.addEventListener("error", (event) => this.#died(event.message));
    this.#worker.addEventListener("close", () => this.#died("it has ended"));
    // A thread that waits for work keeps no process alive.
    this.#worker.unref();
  }

  call(request: Request): Promise<Reply> {
    if (this.#death !== null) return Promise.reject(this.#death);
    return new Promise((resolve, reject) => {
      this.#calls.push({ resolve, reject });
      this.#worker.postMessage(request);
    });
  }

  end(): void {
    this.#death ??= new Error("the thread was ended");
    this.#worker.terminate();
  }

  #answered(answer: WorkerAnswer): void {
    const { resolve, reject } = this.#calls.shift();
    if (answer.kind === "reply") resolve(answer.reply as Reply);
    else if (answer.kind === "error") reject(new Error(answer.message));
    else reject(new DiskError(answer.code, answer.path, answer.operation));
  }

  #died(why: string): void {
    this.#death ??= new Error(`a thread has died: ${why}`);
    while (this.#calls.length > 0) this.#calls.shift().reject(this.#death);
  }
}
