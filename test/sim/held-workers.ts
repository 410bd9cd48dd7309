/** Threads that answer when the test says so, and die when it wants them to. */
import { assert } from "../../src/base/assert.ts";
import type { Workers, WorkerTask, WorkerThread } from "../../src/base/world.ts";

interface HeldCall {
  readonly answer: () => void;
  readonly die: () => void;
}

export class HeldWorkers implements Workers {
  readonly parallelism: number;
  readonly #workers: Workers;
  readonly #held: HeldCall[] = [];
  startedCount = 0;
  runningCount = 0;

  constructor(workers: Workers, parallelism = 3) {
    this.#workers = workers;
    this.parallelism = parallelism;
  }

  get heldCount(): number {
    return this.#held.length;
  }

  /** The call that has waited longest goes to its thread. */
  answerNext(): void {
    this.#next().answer();
  }

  answerLast(): void {
    const last = this.#held.pop();
    assert(last !== undefined, "a call is held");
    last.answer();
  }

  dieNext(): void {
    this.#next().die();
  }

  start<Request, Reply>(task: WorkerTask<Request, Reply>): WorkerThread<Request, Reply> {
    const thread = this.#workers.start(task);
    this.startedCount++;
    this.runningCount++;
    return {
      call: (request) => {
        return new Promise((resolve, reject) => {
          this.#held.push({
            answer: () => thread.call(request).then(resolve, reject),
            die: () => reject(new Error("a thread has died: it was killed")),
          });
        });
      },
      end: () => {
        this.runningCount--;
        thread.end();
      },
    };
  }

  #next(): HeldCall {
    const next = this.#held.shift();
    assert(next !== undefined, "a call is held");
    return next;
  }
}
