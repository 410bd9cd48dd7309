/**
 * EndTxn, v0-5. Commits or aborts a transaction.
 *
 * - v1: the answer is sent before the client is throttled.
 * - v2: PRODUCER_FENCED may be answered.
 * - v3: flexible.
 * - v4: TRANSACTION_ABORTABLE may be answered (KIP-890).
 * - v5: every transaction has an epoch of its own, which the response tells (KIP-890, transaction
 *   version 2).
 */
import { api, boolean, int16, int32, int64, string, struct } from "../schema.ts";

export const endTxn = api({
  key: 26,
  name: "EndTxn",
  versions: [0, 5],
  flexibleFrom: 3,
  listeners: ["broker"],
  request: struct({
    transactionalId: string,
    producerId: int64,
    producerEpoch: int16,
    committed: boolean,
  }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    producerId: int64.since(5).default(-1).ignorable(),
    producerEpoch: int16.since(5).default(-1).ignorable(),
  }),
});
