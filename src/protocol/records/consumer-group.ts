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
import {
  groupKey,
  groupValue,
  memberKey,
  targetAssignmentMetadata,
  topicPartitions,
} from "./group-record.ts";

export const consumerGroupMetadataKey = groupKey(3, "ConsumerGroupMetadataKey");

export const consumerGroupMetadataValue = groupValue(
  3,
  "ConsumerGroupMetadataValue",
  struct({ epoch: int32, metadataHash: int64Big.tagged(0).default(0n) }),
);

export const consumerGroupPartitionMetadataKey = groupKey(4, "ConsumerGroupPartitionMetadataKey");

export const consumerGroupPartitionMetadataValue = groupValue(
  4,
  "ConsumerGroupPartitionMetadataValue",
  struct({
    topics: array(
      struct({
        topicId: uuid,
        topicName: string,
        numPartitions: int32,
        partitionMetadata: array(struct({ partition: int32, racks: array(string) })),
      }),
    ),
  }),
);

export const consumerGroupMemberMetadataKey = memberKey(5, "ConsumerGroupMemberMetadataKey");

export const consumerGroupMemberMetadataValue = groupValue(
  5,
  "ConsumerGroupMemberMetadataValue",
  struct({
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
);

export const consumerGroupTargetAssignmentMetadataKey = groupKey(
  6,
  "ConsumerGroupTargetAssignmentMetadataKey",
);

export const consumerGroupTargetAssignmentMetadataValue = groupValue(
  6,
  "ConsumerGroupTargetAssignmentMetadataValue",
  targetAssignmentMetadata,
);

export const consumerGroupTargetAssignmentMemberKey = memberKey(
  7,
  "ConsumerGroupTargetAssignmentMemberKey",
);

export const consumerGroupTargetAssignmentMemberValue = groupValue(
  7,
  "ConsumerGroupTargetAssignmentMemberValue",
  struct({ topicPartitions: array(topicPartitions) }),
);

export const consumerGroupCurrentMemberAssignmentKey = memberKey(
  8,
  "ConsumerGroupCurrentMemberAssignmentKey",
);

const ownedPartitions = struct({
  topicId: uuid,
  partitions: array(int32),
  assignmentEpochs: array(int32).nullable().tagged(0),
});

export const consumerGroupCurrentMemberAssignmentValue = groupValue(
  8,
  "ConsumerGroupCurrentMemberAssignmentValue",
  struct({
    memberEpoch: int32,
    previousMemberEpoch: int32,
    state: int8,
    assignedPartitions: array(ownedPartitions),
    partitionsPendingRevocation: array(ownedPartitions),
  }),
);

export const consumerGroupRegularExpressionKey = message({
  key: 16,
  name: "ConsumerGroupRegularExpressionKey",
  versions: [0, 0],
  fields: struct({ groupId: string, regularExpression: string }),
});

export const consumerGroupRegularExpressionValue = groupValue(
  16,
  "ConsumerGroupRegularExpressionValue",
  struct({ topics: array(string), version: int64, timestamp: int64 }),
);
