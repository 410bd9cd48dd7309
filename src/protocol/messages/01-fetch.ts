/**
 * Fetch, v4-18. Reads record batches from partitions, for consumers and for followers.
 *
 * - v5: log start offset.
 * - v6: KAFKA_STORAGE_ERROR may be answered.
 * - v7: sessions, in which only changes are sent (KIP-227).
 * - v9: current leader epoch, for fencing (KIP-320).
 * - v10: zstd may be answered (KIP-110).
 * - v11: rack of the consumer, preferred read replica (KIP-392).
 * - v12: flexible; last fetched epoch, diverging epoch, current leader (KIP-595).
 * - v13: topic ids instead of names (KIP-516).
 * - v14: OFFSET_MOVED_TO_TIERED_STORAGE may be answered (KIP-405).
 * - v15: replica state, with the broker epoch, instead of the replica id (KIP-903).
 * - v16: addresses of leaders in the response (KIP-951).
 * - v17: directory id of the replica (KIP-853).
 * - v18: high watermark that the replica knows (KIP-1166).
 */
import {
  api,
  array,
  int16,
  int32,
  int64,
  INT64_MAX,
  int8,
  records,
  string,
  struct,
  uuid,
} from "../schema.ts";

export const fetch = api({
  key: 1,
  name: "Fetch",
  versions: [4, 18],
  flexibleFrom: 12,
  listeners: ["broker", "controller"],
  request: struct({
    clusterId: string.nullable().since(12).tagged(0).default(null).ignorable(),
    replicaId: int32.until(14).default(-1),
    replicaState: struct({ replicaId: int32.default(-1), replicaEpoch: int64.default(-1) })
      .since(15)
      .tagged(1),
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: int32.default(0x7fff_ffff).ignorable(),
    isolationLevel: int8.default(0).ignorable(),
    sessionId: int32.since(7).default(0).ignorable(),
    sessionEpoch: int32.since(7).default(-1).ignorable(),
    topics: array(
      struct({
        topic: string.until(12).ignorable(),
        topicId: uuid.since(13).ignorable(),
        partitions: array(
          struct({
            partition: int32,
            currentLeaderEpoch: int32.since(9).default(-1).ignorable(),
            fetchOffset: int64,
            lastFetchedEpoch: int32.since(12).default(-1),
            logStartOffset: int64.since(5).default(-1).ignorable(),
            partitionMaxBytes: int32,
            replicaDirectoryId: uuid.since(17).tagged(0).ignorable(),
            highWatermark: int64.since(18).tagged(1).default(INT64_MAX).ignorable(),
          }),
        ),
      }),
    ),
    forgottenTopicsData: array(
      struct({
        topic: string.until(12).ignorable(),
        topicId: uuid.since(13).ignorable(),
        partitions: array(int32),
      }),
    ).since(7),
    rackId: string.since(11).default("").ignorable(),
  }),
  response: struct({
    throttleTimeMs: int32.ignorable(),
    errorCode: int16.since(7).ignorable(),
    sessionId: int32.since(7).default(0),
    responses: array(
      struct({
        topic: string.until(12).ignorable(),
        topicId: uuid.since(13).ignorable(),
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            highWatermark: int64,
            lastStableOffset: int64.default(-1).ignorable(),
            logStartOffset: int64.since(5).default(-1).ignorable(),
            divergingEpoch: struct({ epoch: int32.default(-1), endOffset: int64.default(-1) })
              .since(12)
              .tagged(0),
            currentLeader: struct({ leaderId: int32.default(-1), leaderEpoch: int32.default(-1) })
              .since(12)
              .tagged(1),
            snapshotId: struct({ endOffset: int64.default(-1), epoch: int32.default(-1) })
              .since(12)
              .tagged(2),
            abortedTransactions: array(struct({ producerId: int64, firstOffset: int64 }))
              .nullable()
              .ignorable(),
            preferredReadReplica: int32.since(11).default(-1),
            records: records.nullable(),
          }),
        ),
      }),
    ),
    nodeEndpoints: array(
      struct({ nodeId: int32, host: string, port: int32, rack: string.nullable().default(null) }),
    )
      .since(16)
      .tagged(0),
  }),
});
