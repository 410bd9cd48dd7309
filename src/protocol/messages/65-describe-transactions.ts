/** DescribeTransactions, v0. Describes transactional ids (KIP-664). */
import { api, array, int16, int32, int64, string, struct } from "../schema.ts";

export const describeTransactions = api({
  key: 65,
  name: "DescribeTransactions",
  versions: [0, 0],
  flexibleFrom: 0,
  listeners: ["broker"],
  request: struct({ transactionalIds: array(string) }),
  response: struct({
    throttleTimeMs: int32,
    transactionStates: array(
      struct({
        errorCode: int16,
        transactionalId: string,
        transactionState: string,
        transactionTimeoutMs: int32,
        transactionStartTimeMs: int64,
        producerId: int64,
        producerEpoch: int16,
        topics: array(struct({ topic: string, partitions: array(int32) })),
      }),
    ),
  }),
});
