/**
 * Partitions on their way out: the directory is renamed at once to
 * "<topic>-<partition>.<32 hex>-delete", so that the partition can come anew, and removed later.
 *
 *   remove -> renamed -> delay -> waiting -> checkpoints without it -> its files one after the
 *             other, on the thread pool
 */
import { Queue } from "../base/queue.ts";
import { endOfTurn } from "../base/slices.ts";
import { DiskError } from "../base/world.ts";
import type { Log } from "./log.ts";
import type { LogHost } from "./log-host.ts";
import { partingDirectoryName } from "./log-names.ts";
import { parentOf } from "./replace-file.ts";

/** Resolves when no checkpoint of a log directory names what has gone; false where that failed. */
type ForgetGone = (directory: string) => Promise<boolean>;

export class LogRemoval {
  readonly #host: LogHost;
  readonly #forgetGone: ForgetGone;
  readonly #waiting = new Queue<string>();
  #isRemoving = false;
  #isStopped = false;
  /** Directories of which a sync is to begin, or is under way. */
  readonly #syncing = new Map<string, { isAgain: boolean }>();

  constructor(host: LogHost, forgetGone: ForgetGone) {
    this.#host = host;
    this.#forgetGone = forgetGone;
  }

  remove(log: Log, delayMs: number): void {
    const path = this.setAside(log, "delete");
    if (path !== null) this.removeLater(path, delayMs);
  }

  /**
   * Nothing is read or written in the log any more, but by readers that hold a slice of it. Returns
   * where it is now; null when the disk failed.
   */
  setAside(log: Log, reason: "delete" | "stray"): string | null {
    const { state } = log;
    const { disk, random } = this.#host;
    const { parentDirectory } = state;
    const name = partingDirectoryName(log.topic, log.partition, reason, random);
    const path = `${parentDirectory}/${name}`;
    state.isClosed = true;
    if (state.failure !== null) return null;
    return state.attempt(
      () => {
        for (const segment of state.segments.all) {
          if (reason === "delete") segment.retire();
          else segment.coolDown();
        }
        disk.rename(state.place.directory, path);
        state.place.directory = path;
        state.isSetAside = true;
        this.#syncSoon(parentDirectory);
        return path;
      },
      () => null,
    );
  }

  removeLater(path: string, delayMs: number): void {
    this.#host.schedule(delayMs, () => {
      this.#waiting.push(path);
      if (!this.#isRemoving) void this.#removeWaiting();
    });
  }

  /** What is left is removed after the next start. */
  stop(): void {
    this.#isStopped = true;
  }

  /** One sync for all that is renamed in a turn, and while another sync is under way. */
  #syncSoon(directory: string): void {
    const known = this.#syncing.get(directory);
    if (known !== undefined) {
      known.isAgain = true;
      return;
    }
    const sync = { isAgain: true };
    this.#syncing.set(directory, sync);
    void this.#sync(directory, sync);
  }

  async #sync(directory: string, sync: { isAgain: boolean }): Promise<void> {
    const { disk, clock } = this.#host;
    while (sync.isAgain) {
      await endOfTurn(clock);
      sync.isAgain = false;
      await disk.syncDirectory(directory).catch((error) => this.#failed(directory, error));
    }
    this.#syncing.delete(directory);
  }

  async #removeWaiting(): Promise<void> {
    this.#isRemoving = true;
    while (this.#waiting.length > 0 && !this.#isStopped) {
      const path = this.#waiting.shift();
      await this.#removeOne(path).catch((error) => this.#failed(parentOf(path), error));
    }
    this.#isRemoving = false;
  }

  /** A large file may take the file system a while. */
  async #removeOne(path: string): Promise<void> {
    const { disk } = this.#host;
    if (!(await this.#forgetGone(parentOf(path)))) return;
    for (const name of disk.list(path)) {
      if (this.#isStopped) return;
      const file = `${path}/${name}`;
      if (disk.status(file)?.isDirectory === true) await disk.removeTreeLater(file);
      else await disk.removeLater(file);
    }
    if (!this.#isStopped) await disk.removeTreeLater(path);
  }

  #failed(directory: string, error: unknown): void {
    if (!(error instanceof DiskError)) throw error;
    this.#host.directoryFailed(directory, error);
  }
}
