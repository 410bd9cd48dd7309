/** Records of `__consumer_offsets` for share groups (KIP-932). */
import { array, int32, int64Big, int8, string, struct, uuid } from "../schema.ts";
import {
  groupKey,
  groupValue,
  memberKey,
  targetAssignmentMetadata,
  topicPartitions,
} from "./group-record.ts";

export const shareGroupMemberMetadataKey = memberKey(10, "ShareGroupMemberMetadataKey");

export const shareGroupMemberMetadataValue = groupValue(
  10,
  "ShareGroupMemberMetadataValue",
  struct({
    rackId: string.nullable(),
    clientId: string,
    clientHost: string,
    subscribedTopicNames: array(string),
  }),
);

export const shareGroupMetadataKey = groupKey(11, "ShareGroupMetadataKey");

export const shareGroupMetadataValue = groupValue(
  11,
  "ShareGroupMetadataValue",
  struct({ epoch: int32, metadataHash: int64Big }),
);

export const shareGroupTargetAssignmentMetadataKey = groupKey(
  12,
  "ShareGroupTargetAssignmentMetadataKey",
);

export const shareGroupTargetAssignmentMetadataValue = groupValue(
  12,
  "ShareGroupTargetAssignmentMetadataValue",
  targetAssignmentMetadata,
);

export const shareGroupTargetAssignmentMemberKey = memberKey(
  13,
  "ShareGroupTargetAssignmentMemberKey",
);

export const shareGroupTargetAssignmentMemberValue = groupValue(
  13,
  "ShareGroupTargetAssignmentMemberValue",
  struct({ topicPartitions: array(topicPartitions) }),
);

export const shareGroupCurrentMemberAssignmentKey = memberKey(
  14,
  "ShareGroupCurrentMemberAssignmentKey",
);

export const shareGroupCurrentMemberAssignmentValue = groupValue(
  14,
  "ShareGroupCurrentMemberAssignmentValue",
  struct({
    memberEpoch: int32,
    previousMemberEpoch: int32,
    state: int8,
    assignedPartitions: array(topicPartitions),
  }),
);

export const shareGroupStatePartitionMetadataKey = groupKey(
  15,
  "ShareGroupStatePartitionMetadataKey",
);

const topicPartitionsInfo = struct({ topicId: uuid, topicName: string, partitions: array(int32) });

const topicInfo = struct({ topicId: uuid, topicName: string });

export const shareGroupStatePartitionMetadataValue = groupValue(
  15,
  "ShareGroupStatePartitionMetadataValue",
  struct({
    initializingTopics: array(topicPartitionsInfo),
    initializedTopics: array(topicPartitionsInfo),
    deletingTopics: array(topicInfo),
  }),
);
