/** DescribeTopicPartitions, v0. Describes partitions of topics, page by page (KIP-966). */
import { api, array, boolean, int16, int32, string, struct, uuid } from "../schema.ts";

export const describeTopicPartitions = api({
  key: 75,
  name: "DescribeTopicPartitions",
  versions: [0, 0],
  flexibleFrom: 0,
  listeners: ["broker"],
  request: struct({
    topics: array(struct({ name: string })),
    responsePartitionLimit: int32.default(2000),
    cursor: struct({ topicName: string, partitionIndex: int32 }).nullable().default(null),
  }),
  response: struct({
    throttleTimeMs: int32.ignorable(),
    topics: array(
      struct({
        errorCode: int16,
        name: string.nullable(),
        topicId: uuid.ignorable(),
        isInternal: boolean.default(false).ignorable(),
        partitions: array(
          struct({
            errorCode: int16,
            partitionIndex: int32,
            leaderId: int32,
            leaderEpoch: int32.default(-1).ignorable(),
            replicaNodes: array(int32),
            isrNodes: array(int32),
            eligibleLeaderReplicas: array(int32).nullable().default(null),
            lastKnownElr: array(int32).nullable().default(null),
            offlineReplicas: array(int32).ignorable(),
          }),
        ),
        topicAuthorizedOperations: int32.default(-2147483648),
      }),
    ),
    nextCursor: struct({ topicName: string, partitionIndex: int32 }).nullable().default(null),
  }),
});
