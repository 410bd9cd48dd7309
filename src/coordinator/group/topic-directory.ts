/** What groups need to know of topics: names, ids, and which partitions there are. */
export interface TopicDirectory {
  /** Null when no topic has the id. */
  nameOf(topicId: string): string | null;
  /** Null when no topic has the name. */
  idOf(topicName: string): string | null;
  hasPartition(topicName: string, partition: number): boolean;
  /** Null when no topic has the name. */
  partitionCountOf(topicName: string): number | null;
  /** Racks of the brokers that keep the partition; those without a rack are left out. */
  racksOf(topicName: string, partition: number): readonly string[];
  names(): Iterable<string>;
  /** Grows with every change of the metadata: its offset. */
  version(): number;
}
