/** What groups of this node have done, of all its shards: Kafka's group-coordinator-metrics. */
export class GroupStats {
  /** Offsets of partitions that were committed, or had expired. */
  offsetCommits = 0;
  offsetExpirations = 0;
  /** Generations of classic groups. */
  classicRebalances = 0;
  /** New epochs of consumer groups. */
  consumerRebalances = 0;
  /** New epochs of share groups, but for members that left. */
  shareRebalances = 0;
  /** Epochs of streams groups, but for those of members that left. */
  streamsRebalances = 0;
}
