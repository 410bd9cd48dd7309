/** A thread that is started when it is first needed, and ended when it was idle for long. */
import type { Clock, Timer, Workers, WorkerTask, WorkerThread } from "./world.ts";

export class LazyThread<Request, Reply> {
  readonly #workers: Workers;
  readonly #clock: Clock;
  readonly #task: WorkerTask<Request, Reply>;
  #thread: WorkerThread<Request, Reply> | null = null;
  #idleTimer: Timer | null = null;

  constructor(workers: Workers, clock: Clock, task: WorkerTask<Request, Reply>) {
    this.#workers = workers;
    this.#clock = clock;
    this.#task = task;
  }

  get isRunning(): boolean {
    return this.#thread !== null;
  }

  /** Runs until `end`, or for a while after `rest`. */
  use(): WorkerThread<Request, Reply> {
    this.#idleTimer?.cancel();
    this.#idleTimer = null;
    this.#thread ??= this.#workers.start(this.#task);
    return this.#thread;
  }

  /** Nothing is under way: without more work soon, its memory is given back. */
  rest(): void {
    if (this.#thread === null) return;
    this.#idleTimer ??= this.#clock.schedule(IDLE_MS, () => this.end());
  }

  /** Only when nothing is under way, or when the thread has died. */
  end(): void {
    this.#idleTimer?.cancel();
    this.#idleTimer = null;
    this.#thread?.end();
    this.#thread = null;
  }
}

const IDLE_MS = 30_000;
