/**
 * InitProducerId, v0-6. Gives a producer its id and epoch.
 *
 * - v1: the answer is sent before the client is throttled.
 * - v2: flexible.
 * - v3: a producer may try to go on with a raised epoch (KIP-360).
 * - v4: PRODUCER_FENCED may be answered.
 * - v5: TRANSACTION_ABORTABLE may be answered (KIP-890).
 * - v6, unstable: two-phase commit (KIP-939).
 */
import { api, boolean, int16, int32, int64, string, struct } from "../schema.ts";

export const initProducerId = api({
  key: 22,
  name: "InitProducerId",
  versions: [0, 6],
  stableVersion: 5,
  flexibleFrom: 2,
  listeners: ["broker"],
  request: struct({
    transactionalId: string.nullable(),
    transactionTimeoutMs: int32,
    producerId: int64.since(3).default(-1),
    producerEpoch: int16.since(3).default(-1),
    enable2Pc: boolean.since(6).default(false),
    keepPreparedTxn: boolean.since(6).default(false),
  }),
  response: struct({
    throttleTimeMs: int32.ignorable(),
    errorCode: int16,
    producerId: int64.default(-1),
    producerEpoch: int16,
    ongoingTxnProducerId: int64.since(6).default(-1),
    ongoingTxnProducerEpoch: int16.since(6).default(-1),
  }),
});
