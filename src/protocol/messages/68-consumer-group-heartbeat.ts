/**
 * ConsumerGroupHeartbeat, v0-1. The one request of the consumer protocol: joins, lives, takes
 * assignments, leaves (KIP-848).
 *
 * - v1: subscription by pattern; members choose their ids (KIP-1082).
 */
import { api, array, int16, int32, string, struct, uuid } from "../schema.ts";

const topicPartitions = struct({ topicId: uuid, partitions: array(int32) });

export const consumerGroupHeartbeat = api({
  key: 68,
  name: "ConsumerGroupHeartbeat",
  versions: [0, 1],
  flexibleFrom: 0,
  listeners: ["broker"],
  request: struct({
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    instanceId: string.nullable().default(null),
    rackId: string.nullable().default(null),
    rebalanceTimeoutMs: int32.default(-1),
    subscribedTopicNames: array(string).nullable().default(null),
    subscribedTopicRegex: string.nullable().since(1).default(null),
    serverAssignor: string.nullable().default(null),
    topicPartitions: array(struct({ topicId: uuid, partitions: array(int32) }))
      .nullable()
      .default(null),
  }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    memberId: string.nullable().default(null),
    memberEpoch: int32,
    heartbeatIntervalMs: int32,
    assignment: struct({ topicPartitions: array(topicPartitions) })
      .nullable()
      .default(null),
  }),
});
