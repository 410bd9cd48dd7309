/**
 * AddPartitionsToTxn, v0-5. Adds partitions to a transaction; brokers also ask with it whether they
 * are in one.
 *
 * - v1: the answer is sent before the client is throttled.
 * - v2: PRODUCER_FENCED may be answered.
 * - v3: flexible.
 * - v4: several transactions at once, verify only: for brokers (KIP-890).
 * - v5: TRANSACTION_ABORTABLE may be answered (KIP-890).
 */
import { api, array, boolean, int16, int32, int64, string, struct } from "../schema.ts";

const addPartitionsToTxnTopic = struct({ name: string, partitions: array(int32) });

const addPartitionsToTxnPartitionResult = struct({
  partitionIndex: int32,
  partitionErrorCode: int16,
});

const addPartitionsToTxnTopicResult = struct({
  name: string,
  resultsByPartition: array(addPartitionsToTxnPartitionResult),
});

export const addPartitionsToTxn = api({
  key: 24,
  name: "AddPartitionsToTxn",
  versions: [0, 5],
  flexibleFrom: 3,
  listeners: ["broker"],
  request: struct({
    transactions: array(
      struct({
        transactionalId: string,
        producerId: int64,
        producerEpoch: int16,
        verifyOnly: boolean.default(false),
        topics: array(addPartitionsToTxnTopic),
      }),
    ).since(4),
    v3AndBelowTransactionalId: string.until(3),
    v3AndBelowProducerId: int64.until(3),
    v3AndBelowProducerEpoch: int16.until(3),
    v3AndBelowTopics: array(addPartitionsToTxnTopic).until(3),
  }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16.since(4).ignorable(),
    resultsByTransaction: array(
      struct({ transactionalId: string, topicResults: array(addPartitionsToTxnTopicResult) }),
    ).since(4),
    resultsByTopicV3AndBelow: array(addPartitionsToTxnTopicResult).until(3),
  }),
});
