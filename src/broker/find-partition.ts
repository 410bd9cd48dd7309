/** A partition of this node by name, or why a client cannot have it here. */
import type { MetadataImage } from "../metadata/image.ts";
import type { Partition } from "../partition/partition.ts";
import type { Partitions } from "../partition/partitions.ts";
import { ErrorCode } from "../protocol/error-code.ts";

export interface PartitionSource {
  readonly partitions: Partitions;
  readonly image: Pick<MetadataImage, "topics">;
}

export function findPartition(
  { partitions, image }: PartitionSource,
  topic: string,
  index: number,
): Partition | ErrorCode {
  const partition = partitions.find(topic, index);
  if (partition !== null) return partition;
  // Elsewhere: the client finds it with newer metadata.
  return image.topics.byName(topic)?.partitions[index] !== undefined
    ? ErrorCode.NOT_LEADER_OR_FOLLOWER
    : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
}
