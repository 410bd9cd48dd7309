/**
 * What a server-side assignor is given and gives back (KIP-848). Assignors are pure: who reads
 * what, and who had which partitions, in; who shall have which partitions, out.
 */
import { copiedCapacity, stringsInJavaOrder } from "../java-order.ts";
import type { TopicDirectory } from "./topic-directory.ts";

/** Partitions by topic id; those of one topic ascending; no topic without partitions. */
export type TopicPartitions = ReadonlyMap<string, readonly number[]>;

export interface AssignableMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  /** Ids of the topics that it reads and that exist. */
  readonly topicIds: ReadonlySet<string>;
  /** What it shall have as of the last assignment. */
  readonly partitions: TopicPartitions;
}

export interface AssignableGroup {
  /** In the order of a Java HashMap; no partition belongs to two of them. */
  readonly members: readonly AssignableMember[];
  /** All members read the same topics. */
  readonly isHomogeneous: boolean;
  readonly partitionCountOf: (topicId: string) => number;
}

/** By member id. Whoever is not in it gets nothing. */
export type GroupAssignment = ReadonlyMap<string, TopicPartitions>;

export type Assignor = (group: AssignableGroup) => GroupAssignment;

export const NO_PARTITIONS: TopicPartitions = new Map();

/** Each number once. */
export function ascending(numbers: Iterable<number>): number[] {
  return [...new Set(numbers)].sort((one, other) => one - other);
}

/** Ids of the topics that exist, as Kafka would walk them. */
export function topicIdsOf(
  topics: TopicDirectory,
  topicNames: readonly string[],
): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const name of stringsInJavaOrder(topicNames, copiedCapacity(topicNames.length))) {
    const id = topics.idOf(name);
    if (id !== null) ids.add(id);
  }
  return ids;
}

export function samePartitions(one: TopicPartitions, other: TopicPartitions): boolean {
  if (one === other) return true;
  if (one.size !== other.size) return false;
  for (const [topicId, partitions] of one) {
    const others = other.get(topicId);
    if (others === undefined || others.length !== partitions.length) return false;
    if (partitions.some((partition, index) => others[index] !== partition)) return false;
  }
  return true;
}
