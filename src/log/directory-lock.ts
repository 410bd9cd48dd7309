/** The lock of a directory of logs, which keeps a second process out of it: Kafka's `.lock`. */
import type { Disk, FileLock } from "../base/world.ts";
import { LogStartupError } from "./log-startup-error.ts";

const LOCK_FILE = ".lock";

export class DirectoryLock {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #lock: FileLock;

  /** Throws `LogStartupError` when another process has the directory, and `DiskError`. */
  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#path = `${directory}/${LOCK_FILE}`;
    const lock = disk.lock(this.#path);
    if (lock === null) {
      throw new LogStartupError(
        `Failed to acquire lock on file ${LOCK_FILE} in ${directory}. ` +
          "A Kafka instance in another process or thread is using this directory.",
      );
    }
    this.#lock = lock;
  }

  /** As in Kafka the file goes, too, if it can: a directory that nobody uses looks like one. */
  release(doesDiskWork: boolean): void {
    if (doesDiskWork) this.#disk.remove(this.#path);
    this.#lock.release();
  }
}
