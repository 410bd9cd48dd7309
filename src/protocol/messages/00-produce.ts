/**
 * Produce, v3-13. Appends record batches to partitions.
 *
 * - v3: transactional id; record batches of magic 2. What came before is gone, yet Kafka advertises
 *   v0 on for the sake of old librdkafka (KAFKA-18659).
 * - v4: KAFKA_STORAGE_ERROR may be answered.
 * - v5: log start offset in the response.
 * - v7: zstd may be used (KIP-110).
 * - v8: which records spoilt a batch, and why (KIP-467).
 * - v9: flexible.
 * - v10: the new leader and its address, where the old one was asked (KIP-951).
 * - v11: TRANSACTION_ABORTABLE may be answered (KIP-890).
 * - v12: adds the partition to the transaction by itself (KIP-890, transaction version 2).
 * - v13: topic ids instead of names (KIP-516).
 */
import { api, array, int16, int32, int64, records, string, struct, uuid } from "../schema.ts";

export const produce = api({
  key: 0,
  name: "Produce",
  versions: [3, 13],
  flexibleFrom: 9,
  listeners: ["broker"],
  request: struct({
    transactionalId: string.nullable().default(null),
    acks: int16,
    timeoutMs: int32,
    topicData: array(
      struct({
        name: string.until(12).ignorable(),
        topicId: uuid.since(13).ignorable(),
        partitionData: array(struct({ index: int32, records: records.nullable() })),
      }),
    ),
  }),
  response: struct({
    responses: array(
      struct({
        name: string.until(12).ignorable(),
        topicId: uuid.since(13).ignorable(),
        partitionResponses: array(
          struct({
            index: int32,
            errorCode: int16,
            baseOffset: int64,
            logAppendTimeMs: int64.default(-1).ignorable(),
            logStartOffset: int64.since(5).default(-1).ignorable(),
            recordErrors: array(
              struct({
                batchIndex: int32,
                batchIndexErrorMessage: string.nullable().default(null),
              }),
            )
              .since(8)
              .ignorable(),
            errorMessage: string.nullable().since(8).default(null).ignorable(),
            currentLeader: struct({ leaderId: int32.default(-1), leaderEpoch: int32.default(-1) })
              .since(10)
              .tagged(0),
          }),
        ),
      }),
    ),
    throttleTimeMs: int32.default(0).ignorable(),
    nodeEndpoints: array(
      struct({ nodeId: int32, host: string, port: int32, rack: string.nullable().default(null) }),
    )
      .since(10)
      .tagged(0),
  }),
});
