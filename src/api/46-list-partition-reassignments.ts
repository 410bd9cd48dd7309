/**
 * ListPartitionReassignments: v0 (KIP-455).
 *
 * - Partitions that are on their way to other replicas; of those asked for, or of all (null).
 */
import { NotControllerError } from "../metadata/metadata-errors.ts";
import type { PartitionRegistration } from "../metadata/partition-registration.ts";
import type { TopicImage } from "../metadata/topics-image.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import * as messages from "../protocol/messages/46-list-partition-reassignments.ts";
import { handler } from "./handler.ts";

export const listPartitionReassignmentsHandler = handler(
  messages.listPartitionReassignments,
  (request, _context, { image, controller }) => {
    if (!controller.isHere) throw new NotControllerError("what goes on is known to the active one");
    const all = (topic: TopicImage) => ({ topic, indexes: [...topic.partitions.keys()] });
    const asked =
      request.topics === null
        ? [...image.topics.values()].map(all)
        : request.topics.map(({ name, partitionIndexes }) => ({
            topic: image.topics.byName(name),
            indexes: partitionIndexes,
          }));
    const topics = asked.flatMap(({ topic, indexes }) => {
      if (topic === null) return [];
      const partitions = indexes.flatMap((partitionIndex) => {
        const partition = topic.partitions[partitionIndex];
        return partition !== undefined && isMoving(partition)
          ? [{ partitionIndex, ...replicasOf(partition) }]
          : [];
      });
      return partitions.length === 0 ? [] : [{ name: topic.name, partitions }];
    });
    return { errorCode: ErrorCode.NONE, errorMessage: null, topics };
  },
  { refused: (_request, refusal) => ({ ...refusal, topics: [] }) },
);

function isMoving({ addingReplicas, removingReplicas }: PartitionRegistration): boolean {
  return addingReplicas.length > 0 || removingReplicas.length > 0;
}

function replicasOf({ replicas, addingReplicas, removingReplicas }: PartitionRegistration) {
  return { replicas, addingReplicas, removingReplicas };
}
