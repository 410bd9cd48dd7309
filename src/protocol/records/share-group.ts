/** Records of `__consumer_offsets` for share groups (KIP-932). */
import { array, int32, int64, int64Big, int8, message, string, struct, uuid } from "../schema.ts";

export const shareGroupMemberMetadataKey = message({
  key: 10,
  name: "ShareGroupMemberMetadataKey",
  versions: [0, 0],
  fields: struct({ groupId: string, memberId: string }),
});

export const shareGroupMemberMetadataValue = message({
  key: 10,
  name: "ShareGroupMemberMetadataValue",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
    rackId: string.nullable(),
    clientId: string,
    clientHost: string,
    subscribedTopicNames: array(string),
  }),
});

export const shareGroupMetadataKey = message({
  key: 11,
  name: "ShareGroupMetadataKey",
  versions: [0, 0],
  fields: struct({ groupId: string }),
});

export const shareGroupMetadataValue = message({
  key: 11,
  name: "ShareGroupMetadataValue",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({ epoch: int32, metadataHash: int64Big }),
});

export const shareGroupTargetAssignmentMetadataKey = message({
  key: 12,
  name: "ShareGroupTargetAssignmentMetadataKey",
  versions: [0, 0],
  fields: struct({ groupId: string }),
});

export const shareGroupTargetAssignmentMetadataValue = message({
  key: 12,
  name: "ShareGroupTargetAssignmentMetadataValue",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
    assignmentEpoch: int32,
    assignmentTimestamp: int64.tagged(0).default(0).ignorable(),
  }),
});

export const shareGroupTargetAssignmentMemberKey = message({
  key: 13,
  name: "ShareGroupTargetAssignmentMemberKey",
  versions: [0, 0],
  fields: struct({ groupId: string, memberId: string }),
});

export const shareGroupTargetAssignmentMemberValue = message({
  key: 13,
  name: "ShareGroupTargetAssignmentMemberValue",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({ topicPartitions: array(struct({ topicId: uuid, partitions: array(int32) })) }),
});

export const shareGroupCurrentMemberAssignmentKey = message({
  key: 14,
  name: "ShareGroupCurrentMemberAssignmentKey",
  versions: [0, 0],
  fields: struct({ groupId: string, memberId: string }),
});

const topicPartitions = struct({ topicId: uuid, partitions: array(int32) });

export const shareGroupCurrentMemberAssignmentValue = message({
  key: 14,
  name: "ShareGroupCurrentMemberAssignmentValue",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
    memberEpoch: int32,
    previousMemberEpoch: int32,
    state: int8,
    assignedPartitions: array(topicPartitions),
  }),
});

export const shareGroupStatePartitionMetadataKey = message({
  key: 15,
  name: "ShareGroupStatePartitionMetadataKey",
  versions: [0, 0],
  fields: struct({ groupId: string }),
});

const topicPartitionsInfo = struct({ topicId: uuid, topicName: string, partitions: array(int32) });

const topicInfo = struct({ topicId: uuid, topicName: string });

export const shareGroupStatePartitionMetadataValue = message({
  key: 15,
  name: "ShareGroupStatePartitionMetadataValue",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
    initializingTopics: array(topicPartitionsInfo),
    initializedTopics: array(topicPartitionsInfo),
    deletingTopics: array(topicInfo),
  }),
});
