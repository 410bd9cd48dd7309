/** Records of `__transaction_state`: one for each step in the life of a transactional id. */
import { array, int16, int32, int64, int8, message, string, struct } from "../schema.ts";

export const transactionLogKey = message({
  key: 0,
  name: "TransactionLogKey",
  versions: [0, 0],
  fields: struct({ transactionalId: string }),
});

export const transactionLogValue = message({
  key: 0,
  name: "TransactionLogValue",
  versions: [0, 1],
  flexibleFrom: 1,
  fields: struct({
    producerId: int64,
    previousProducerId: int64.since(1).tagged(0).default(-1),
    nextProducerId: int64.since(1).tagged(1).default(-1),
    producerEpoch: int16,
    nextProducerEpoch: int16.since(1).tagged(3).default(-1),
    transactionTimeoutMs: int32,
    transactionStatus: int8,
    transactionPartitions: array(struct({ topic: string, partitionIds: array(int32) })).nullable(),
    transactionLastUpdateTimestampMs: int64,
    transactionStartTimestampMs: int64,
    clientTransactionVersion: int16.since(1).tagged(2).default(0),
  }),
});
