/**
 * Logs on their way to another directory of the same node (KIP-113).
 *
 *     a/t-0      served                     b/t-0.<32 hex>-future   grows until it is equal
 *       |                                     |
 *       | 1 equal, and the controller told    | 2 durable
 *       |                                     v
 *       |                                   b/t-0   3 renamed: from here on it is served
 *       v                                     |     4 the name is durable, and what it got since
 *     a/t-0.<32 hex>-delete   5 renamed, and removed later
 *
 * Invariant: at every step one directory by the name of the partition holds all that was
 * acknowledged. A crash before 3 leaves a future log, and the copying goes on; between 3 and 5 it
 * leaves two directories of one name, of which the one with more records is right.
 */
import type { Log } from "./log.ts";
import { partitionDirectoryName } from "./log-names.ts";

export class FutureLogs {
  readonly #logs = new Map<string, Log>();

  get(topic: string, partition: number): Log | null {
    return this.#logs.get(partitionDirectoryName(topic, partition)) ?? null;
  }

  /** False when there is one already. */
  add(log: Log): boolean {
    const name = partitionDirectoryName(log.topic, log.partition);
    if (this.#logs.has(name)) return false;
    this.#logs.set(name, log);
    return true;
  }

  take(topic: string, partition: number): Log | null {
    const name = partitionDirectoryName(topic, partition);
    const log = this.#logs.get(name) ?? null;
    this.#logs.delete(name);
    return log;
  }

  all(): Log[] {
    return [...this.#logs.values()];
  }
}

/** Gives the directory of a log that nobody writes to at this moment another name. */
export function renameLogDirectory(log: Log, name: string): void {
  const { state } = log;
  const path = `${state.parentDirectory}/${name}`;
  for (const segment of state.segments.all) segment.coolDown();
  state.host.disk.rename(state.place.directory, path);
  state.place.directory = path;
  state.isParentDirty = true;
}
