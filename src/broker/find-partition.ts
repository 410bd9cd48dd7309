/** A partition of this node by name, or why a client cannot have it here. */
import type { MetadataImage } from "../metadata/image.ts";
import type { TopicImage } from "../metadata/topics-image.ts";
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
  return partitions.find(topic, index) ?? absenceError(image.topics.byName(topic), index, false);
}

/** Of a partition that this node has not; `known` is its topic as the image has it. */
export function absenceError(
  known: TopicImage | null,
  index: number,
  isNamedById: boolean,
): ErrorCode {
  // Elsewhere: the client finds it with newer metadata.
  if (known?.partitions[index] !== undefined) return ErrorCode.NOT_LEADER_OR_FOLLOWER;
  const isUnknownId = known === null && isNamedById;
  return isUnknownId ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
}
