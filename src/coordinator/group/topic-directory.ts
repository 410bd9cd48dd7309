/** What groups need to know of topics: names, ids, and which partitions there are. */
export interface TopicDirectory {
  /** Null when no topic has the id. */
  nameOf(topicId: string): string | null;
  /** Null when no topic has the name. */
  idOf(topicName: string): string | null;
  hasPartition(topicName: string, partition: number): boolean;
}
