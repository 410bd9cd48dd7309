/**
 * ShareFetch, v1-2. Acquires records for a member of a share group and acknowledges earlier ones
 * (KIP-932).
 *
 * - v0 was for early access and is gone.
 * - v2: modes of acquiring (KIP-1206), renewal of locks (KIP-1222).
 */
import {
  api,
  array,
  boolean,
  int16,
  int32,
  int64,
  int8,
  records,
  string,
  struct,
  uuid,
} from "../schema.ts";

export const shareFetch = api({
  key: 78,
  name: "ShareFetch",
  versions: [1, 2],
  flexibleFrom: 0,
  listeners: ["broker"],
  request: struct({
    groupId: string.nullable().default(null),
    memberId: string.nullable(),
    shareSessionEpoch: int32,
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: int32.default(0x7fff_ffff),
    maxRecords: int32,
    batchSize: int32,
    shareAcquireMode: int8.since(2).default(0).ignorable(),
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
    forgottenTopicsData: array(struct({ topicId: uuid, partitions: array(int32) })),
  }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    acquisitionLockTimeoutMs: int32,
    responses: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: string.nullable().default(null),
            acknowledgeErrorCode: int16,
            acknowledgeErrorMessage: string.nullable().default(null),
            currentLeader: struct({ leaderId: int32, leaderEpoch: int32 }),
            records: records,
            acquiredRecords: array(
              struct({ firstOffset: int64, lastOffset: int64, deliveryCount: int16 }),
            ),
          }),
        ),
      }),
    ),
    nodeEndpoints: array(
      struct({ nodeId: int32, host: string, port: int32, rack: string.nullable().default(null) }),
    ),
  }),
});
