/**
 * ShareAcknowledge, v1-2. Acknowledges records for a member of a share group (KIP-932).
 *
 * - v0 was for early access and is gone.
 * - v2: renewal of locks (KIP-1222).
 */
import { api, array, boolean, int16, int32, int64, int8, string, struct, uuid } from "../schema.ts";

export const shareAcknowledge = api({
  key: 79,
  name: "ShareAcknowledge",
  versions: [1, 2],
  flexibleFrom: 0,
  listeners: ["broker"],
  request: struct({
    groupId: string.nullable().default(null),
    memberId: string.nullable(),
    shareSessionEpoch: int32,
    isRenewAck: boolean.since(2).default(false),
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partitionIndex: int32,
            acknowledgementBatches: array(
              struct({ firstOffset: int64, lastOffset: int64, acknowledgeTypes: array(int8) }),
            ),
          }),
        ),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    acquisitionLockTimeoutMs: int32.since(2).ignorable(),
    responses: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: string.nullable().default(null),
            currentLeader: struct({ leaderId: int32, leaderEpoch: int32 }),
          }),
        ),
      }),
    ),
    nodeEndpoints: array(
      struct({ nodeId: int32, host: string, port: int32, rack: string.nullable().default(null) }),
    ),
  }),
});
