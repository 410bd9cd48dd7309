/**
 * TxnOffsetCommit, v0-5. Commits offsets of a group as part of a transaction.
 *
 * - v1: the answer is sent before the client is throttled.
 * - v2: leader epoch of each offset (KIP-320).
 * - v3: flexible; member, static member, generation (KIP-447).
 * - v4: TRANSACTION_ABORTABLE may be answered (KIP-890).
 * - v5: adds the group to the transaction by itself (KIP-890, transaction version 2).
 */
import { api, array, int16, int32, int64, string, struct } from "../schema.ts";

export const txnOffsetCommit = api({
  key: 28,
  name: "TxnOffsetCommit",
  versions: [0, 5],
  flexibleFrom: 3,
  listeners: ["broker"],
  request: struct({
    transactionalId: string,
    groupId: string,
    producerId: int64,
    producerEpoch: int16,
    generationId: int32.since(3).default(-1),
    memberId: string.since(3).default(""),
    groupInstanceId: string.nullable().since(3).default(null),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            committedOffset: int64,
            committedLeaderEpoch: int32.since(2).default(-1).ignorable(),
            committedMetadata: string.nullable(),
          }),
        ),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: int32,
    topics: array(
      struct({
        name: string,
        partitions: array(struct({ partitionIndex: int32, errorCode: int16 })),
      }),
    ),
  }),
});
