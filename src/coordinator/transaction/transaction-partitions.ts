/**
 * The partitions that a transaction has touched. Never changed in place: who adds some gets new
 * ones, which share all topics that stay the same.
 */
import { javaHashCode, javaTopicPartitionHash } from "../java-hash.ts";
import { grownCapacity, inJavaOrder } from "../java-order.ts";
import type { TopicPartition } from "./participants.ts";

export type TransactionPartitions = ReadonlyMap<string, ReadonlySet<number>>;

export const NO_PARTITIONS: TransactionPartitions = new Map();

/** Above this many, the order in which Java would give them is of no use to anybody. */
const ORDERED_COUNT_MAX = 100;

export function hasPartition(
  partitions: TransactionPartitions,
  { topic, partition }: TopicPartition,
): boolean {
  return partitions.get(topic)?.has(partition) ?? false;
}

export function withPartitions(
  partitions: TransactionPartitions,
  added: readonly TopicPartition[],
): TransactionPartitions {
  const all = new Map(partitions);
  const own = new Map<string, Set<number>>();
  for (const { topic, partition } of added) {
    let indexes = own.get(topic);
    if (indexes === undefined) {
      indexes = new Set(partitions.get(topic));
      own.set(topic, indexes);
      all.set(topic, indexes);
    }
    indexes.add(partition);
  }
  return all;
}

/** By topic, in the order in which Kafka's HashSet of them would give them. */
export function topicsOf(partitions: TransactionPartitions): [topic: string, indexes: number[]][] {
  let count = 0;
  for (const indexes of partitions.values()) count += indexes.size;
  if (count > ORDERED_COUNT_MAX) {
    return [...partitions].map(([topic, indexes]) => [topic, [...indexes]]);
  }
  const grouped = new Map<string, number[]>();
  for (const { topic, partition } of ordered(partitions, count)) {
    const indexes = grouped.get(topic);
    if (indexes === undefined) grouped.set(topic, [partition]);
    else indexes.push(partition);
  }
  return [...grouped];
}

/** As `topicsOf`, with the topics as a HashMap of their names would give them: as in records. */
export function recordedTopicsOf(
  partitions: TransactionPartitions,
): [topic: string, indexes: number[]][] {
  const topics = topicsOf(partitions);
  return inJavaOrder(topics, grownCapacity(topics.length), ([topic]) => javaHashCode(topic));
}

function ordered(partitions: TransactionPartitions, count: number): TopicPartition[] {
  const all: TopicPartition[] = [];
  for (const [topic, indexes] of partitions) {
    for (const partition of indexes) all.push({ topic, partition });
  }
  return inJavaOrder(all, grownCapacity(count), ({ topic, partition }) =>
    javaTopicPartitionHash(topic, partition),
  );
}
