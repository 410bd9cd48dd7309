/**
 * An offset for each partition of a log directory, in a checkpoint text of lines
 * "topic partition offset":
 *
 *   recovery-point-offset-checkpoint   before it all is durable
 *   log-start-offset-checkpoint        where logs begin that begin within a segment
 *   replication-offset-checkpoint      high watermarks
 *   cleaner-offset-checkpoint          how far compaction came
 */
import type { Disk } from "../base/world.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { formatCheckpoint, numberInCheckpoint, parseCheckpoint } from "./checkpoint-text.ts";

export const RECOVERY_POINT_FILE = "recovery-point-offset-checkpoint";
export const LOG_START_OFFSET_FILE = "log-start-offset-checkpoint";
export const HIGH_WATERMARK_FILE = "replication-offset-checkpoint";
export const CLEANER_OFFSET_FILE = "cleaner-offset-checkpoint";

type Collect = () => readonly string[] | Promise<readonly string[]>;

export class OffsetCheckpoint {
  readonly #disk: Disk;
  readonly #path: string;
  #writing: Promise<void> | null = null;
  #next: Collect | null = null;

  constructor(disk: Disk, directory: string, name: string) {
    this.#disk = disk;
    this.#path = `${directory}/${name}`;
  }

  /** By "topic-partition"; nothing without a file. Throws `ProtocolError` when it is damaged. */
  read(): Map<string, number> {
    const offsets = new Map<string, number>();
    if (this.#disk.status(this.#path) === null) return offsets;
    for (const [topic, partition, offset] of parseCheckpoint(this.#disk.readWhole(this.#path), 3)) {
      const name = `${topic}-${numberInCheckpoint(partition!)}`;
      if (offsets.has(name)) throw new ProtocolError(`two checkpoint entries of ${name}`);
      offsets.set(name, numberInCheckpoint(offset!));
    }
    return offsets;
  }

  /**
   * Writes the lines that `collect` gives when its turn comes: while one writing is under way, only
   * the last of those that wait happens. Resolves when what it collected is durable.
   */
  async write(collect: Collect): Promise<void> {
    this.#next = collect;
    while (this.#writing !== null) await this.#writing.catch(() => undefined);
    if (this.#next === null) return;
    this.#writing = this.#writeNext().finally(() => (this.#writing = null));
    await this.#writing;
  }

  /** Resolves when nothing is being written, nor waits for it; errors are told to who writes. */
  async whenIdle(): Promise<void> {
    while (this.#writing !== null || this.#next !== null) {
      await (this.#writing ?? Promise.resolve()).catch(() => undefined);
    }
  }

  async #writeNext(): Promise<void> {
    const collect = this.#next;
    this.#next = null;
    const lines = collect === null ? [] : await collect();
    await this.#disk.replaceLater(this.#path, formatCheckpoint(lines));
  }
}

export function checkpointLine(topic: string, partition: number, offset: number): string {
  return `${topic} ${partition} ${offset}`;
}
