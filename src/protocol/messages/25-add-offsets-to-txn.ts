/**
 * AddOffsetsToTxn, v0-4. Adds a group's offsets to a transaction.
 *
 * - v1: the answer is sent before the client is throttled.
 * - v2: PRODUCER_FENCED may be answered.
 * - v3: flexible.
 * - v4: TRANSACTION_ABORTABLE may be answered (KIP-890).
 */
import { api, int16, int32, int64, string, struct } from "../schema.ts";

export const addOffsetsToTxn = api({
  key: 25,
  name: "AddOffsetsToTxn",
  versions: [0, 4],
  flexibleFrom: 3,
  listeners: ["broker"],
  request: struct({
    transactionalId: string,
    producerId: int64,
    producerEpoch: int16,
    groupId: string,
  }),
  response: struct({ throttleTimeMs: int32, errorCode: int16 }),
});
