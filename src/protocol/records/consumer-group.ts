/**
 * Records of `__consumer_offsets` for groups of the consumer protocol (KIP-848).
 *
 * Nullable tagged fields without a default here are declared with a bare null in Kafka, which its
 * generator does not take for a default: left out, they are empty, and null is written as null.
 */
import {
  array,
  bytes,
  int32,
  int64,
  int64Big,
  int8,
  message,
  string,
  struct,
  uuid,
} from "../schema.ts";

export const consumerGroupMetadataKey = message({
  key: 3,
  name: "ConsumerGroupMetadataKey",
  versions: [0, 0],
  fields: struct({ groupId: string }),
});

export const consumerGroupMetadataValue = message({
  key: 3,
  name: "ConsumerGroupMetadataValue",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({ epoch: int32, metadataHash: int64Big.tagged(0).default(0n) }),
});

export const consumerGroupPartitionMetadataKey = message({
  key: 4,
  name: "ConsumerGroupPartitionMetadataKey",
  versions: [0, 0],
  fields: struct({ groupId: string }),
});

export const consumerGroupPartitionMetadataValue = message({
  key: 4,
  name: "ConsumerGroupPartitionMetadataValue",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
    topics: array(
      struct({
        topicId: uuid,
        topicName: string,
        numPartitions: int32,
        partitionMetadata: array(struct({ partition: int32, racks: array(string) })),
      }),
    ),
  }),
});

export const consumerGroupMemberMetadataKey = message({
  key: 5,
  name: "ConsumerGroupMemberMetadataKey",
  versions: [0, 0],
  fields: struct({ groupId: string, memberId: string }),
});

export const consumerGroupMemberMetadataValue = message({
  key: 5,
  name: "ConsumerGroupMemberMetadataValue",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
    instanceId: string.nullable(),
    rackId: string.nullable(),
    clientId: string,
    clientHost: string,
    subscribedTopicNames: array(string),
    subscribedTopicRegex: string.nullable(),
    rebalanceTimeoutMs: int32.default(-1),
    serverAssignor: string.nullable(),
    classicMemberMetadata: struct({
      sessionTimeoutMs: int32,
      supportedProtocols: array(struct({ name: string, metadata: bytes })),
    })
      .nullable()
      .tagged(0),
  }),
});

export const consumerGroupTargetAssignmentMetadataKey = message({
  key: 6,
  name: "ConsumerGroupTargetAssignmentMetadataKey",
  versions: [0, 0],
  fields: struct({ groupId: string }),
});

export const consumerGroupTargetAssignmentMetadataValue = message({
  key: 6,
  name: "ConsumerGroupTargetAssignmentMetadataValue",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
    assignmentEpoch: int32,
    assignmentTimestamp: int64.tagged(0).default(0).ignorable(),
  }),
});

export const consumerGroupTargetAssignmentMemberKey = message({
  key: 7,
  name: "ConsumerGroupTargetAssignmentMemberKey",
  versions: [0, 0],
  fields: struct({ groupId: string, memberId: string }),
});

export const consumerGroupTargetAssignmentMemberValue = message({
  key: 7,
  name: "ConsumerGroupTargetAssignmentMemberValue",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({ topicPartitions: array(struct({ topicId: uuid, partitions: array(int32) })) }),
});

export const consumerGroupCurrentMemberAssignmentKey = message({
  key: 8,
  name: "ConsumerGroupCurrentMemberAssignmentKey",
  versions: [0, 0],
  fields: struct({ groupId: string, memberId: string }),
});

const topicPartitions = struct({
  topicId: uuid,
  partitions: array(int32),
  assignmentEpochs: array(int32).nullable().tagged(0),
});

export const consumerGroupCurrentMemberAssignmentValue = message({
  key: 8,
  name: "ConsumerGroupCurrentMemberAssignmentValue",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
    memberEpoch: int32,
    previousMemberEpoch: int32,
    state: int8,
    assignedPartitions: array(topicPartitions),
    partitionsPendingRevocation: array(topicPartitions),
  }),
});

export const consumerGroupRegularExpressionKey = message({
  key: 16,
  name: "ConsumerGroupRegularExpressionKey",
  versions: [0, 0],
  fields: struct({ groupId: string, regularExpression: string }),
});

export const consumerGroupRegularExpressionValue = message({
  key: 16,
  name: "ConsumerGroupRegularExpressionValue",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({ topics: array(string), version: int64, timestamp: int64 }),
});
