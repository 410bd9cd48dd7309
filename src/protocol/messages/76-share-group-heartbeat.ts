/**
 * ShareGroupHeartbeat, v1. The one request of a share-group member: joins, lives, leaves (KIP-932).
 *
 * - v0 was for early access and is gone.
 */
import { api, array, int16, int32, string, struct, uuid } from "../schema.ts";

const topicPartitions = struct({ topicId: uuid, partitions: array(int32) });

export const shareGroupHeartbeat = api({
  key: 76,
  name: "ShareGroupHeartbeat",
  versions: [1, 1],
  flexibleFrom: 0,
  listeners: ["broker"],
  request: struct({
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    rackId: string.nullable().default(null),
    subscribedTopicNames: array(string).nullable().default(null),
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
