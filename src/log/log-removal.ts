/**
 * Partitions on their way out: the directory is renamed at once to
 * "<topic>-<partition>.<32 hex>-delete", so that the partition can come anew, and removed later.
 */
import type { DiskError } from "../base/world.ts";
import type { Log } from "./log.ts";
import type { LogHost } from "./log-host.ts";
import { partingDirectoryName } from "./log-names.ts";
import { parentOf } from "./replace-file.ts";

export class LogRemoval {
  readonly #host: LogHost;

  constructor(host: LogHost) {
    this.#host = host;
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
        for (const segment of state.segments.all) segment.coolDown();
        disk.rename(state.place.directory, path);
        state.place.directory = path;
        state.isSetAside = true;
        disk.syncDirectory(parentDirectory).catch((error: DiskError) => {
          this.#host.directoryFailed(parentDirectory, error);
        });
        return path;
      },
      () => null,
    );
  }

  removeLater(path: string, delayMs: number): void {
    this.#host.schedule(delayMs, () => this.#removeNext(path));
  }

  /** One file a turn: a large one may take the file system a while. */
  #removeNext(path: string): void {
    const { disk, clock } = this.#host;
    try {
      const name = disk.list(path)[0];
      if (name === undefined) disk.removeTree(path);
      else {
        disk.removeTree(`${path}/${name}`);
        clock.afterTurn(() => this.#removeNext(path));
      }
    } catch (error) {
      this.#host.directoryFailed(parentOf(path), error as DiskError);
    }
  }
}
