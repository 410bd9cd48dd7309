/**
 * Kafka's names of directories and files.
 *
 *   <topic>-<partition>                         a partition
 *   <topic>-<partition>.<32 hex>-delete         on its way out (also -future, -stray)
 *   00000000000000000042.log                    segment whose first possible offset is 42
 *   00000000000000000042.index .timeindex .txnindex
 *   00000000000000000042.snapshot               producer state of all before offset 42
 *   ....deleted .cleaned .swap                  behind any of these while they are exchanged
 */
import type { Random } from "../base/world.ts";

export const LOG_SUFFIX = ".log";
export const INDEX_SUFFIX = ".index";
export const TIME_INDEX_SUFFIX = ".timeindex";
export const TRANSACTION_INDEX_SUFFIX = ".txnindex";
export const SNAPSHOT_SUFFIX = ".snapshot";
export const DELETED_SUFFIX = ".deleted";
export const CLEANED_SUFFIX = ".cleaned";
export const SWAP_SUFFIX = ".swap";

/** Behind the name of a directory: a copy of a log that is on its way there. */
export const FUTURE_SUFFIX = "-future";

/** KRaft snapshots are the metadata log's own, deleted ones included. */
export const RAFT_SNAPSHOT_DELETED_SUFFIX = ".checkpoint.deleted";

export const CLUSTER_METADATA_TOPIC = "__cluster_metadata";

export type DirectoryState = "current" | "delete" | "future" | "stray";

export interface PartitionDirectoryName {
  readonly topic: string;
  readonly partition: number;
  readonly state: DirectoryState;
}

/** Digits of an offset in a file's name. */
export const OFFSET_LENGTH = 20;

export function segmentFileName(baseOffset: number, suffix: string): string {
  return String(baseOffset).padStart(OFFSET_LENGTH, "0") + suffix;
}

/** The offset that a file's name begins with; -1 when it begins with none. */
export function offsetOfFileName(name: string): number {
  return /^\d{20}\./.test(name) ? Number(name.slice(0, OFFSET_LENGTH)) : -1;
}

export function partitionDirectoryName(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

/** Null when the name is not of the form that Kafka gives. */
export function parsePartitionDirectoryName(name: string): PartitionDirectoryName | null {
  const match = /^(.+)-(\d+)(?:\.([^.\s]+)-(delete|future|stray))?$/.exec(name);
  if (match === null) return null;
  const partition = Number(match[2]);
  if (partition > 0x7fff_ffff) return null;
  const state = (match[4] ?? "current") as DirectoryState;
  return { topic: match[1]!, partition, state };
}

/** Of a file or directory, in bytes. */
export const NAME_LENGTH_MAX = 255;

/** The name that a directory gets when it leaves the set of current partitions. */
export function partingDirectoryName(
  topic: string,
  partition: number,
  state: "delete" | "future" | "stray",
  random: Random,
): string {
  const bytes = Buffer.alloc(16);
  random.fill(bytes);
  const suffix = `-${partition}.${bytes.toString("hex")}-${state}`;
  // Kafka cuts the topic's name, but never that of a future log.
  const room = state === "future" ? topic.length : NAME_LENGTH_MAX - suffix.length;
  return topic.slice(0, room) + suffix;
}
