/**
 * Many ask for their records to be durable, one sync at a time answers them all: whoever asks
 * while a sync is under way shares the next one.
 *
 *   ask 10, 12 -> [ sync up to 12 ]      -> both resolve
 *        ask 15, 14 ....... wait ........ [ sync up to 15 ] -> both resolve
 */
interface Waiter {
  readonly upTo: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class GroupCommit {
  readonly #sync: (upTo: number) => Promise<void>;
  #waiting: Waiter[] = [];
  #running: Promise<void> | null = null;

  /** `sync` makes all offsets below `upTo` durable. After a failure it is not called again. */
  constructor(sync: (upTo: number) => Promise<void>) {
    this.#sync = sync;
  }

  commit(upTo: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ upTo, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  get isIdle(): boolean {
    return this.#running === null;
  }

  /** Resolves, whatever came of them, when the syncs that were asked for have ended. */
  async whenIdle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        await this.#sync(Math.max(...group.map((waiter) => waiter.upTo)));
        for (const waiter of group) waiter.resolve();
      } catch (error) {
        for (const waiter of group) waiter.reject(error);
      }
    }
    this.#running = null;
  }
}
