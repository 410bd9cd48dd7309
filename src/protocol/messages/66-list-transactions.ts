/**
 * ListTransactions, v0-2. Lists transactional ids (KIP-664).
 *
 * - v1: by age (KIP-994).
 * - v2: by pattern (KIP-1152).
 */
import { api, array, int16, int32, int64, string, struct } from "../schema.ts";

export const listTransactions = api({
  key: 66,
  name: "ListTransactions",
  versions: [0, 2],
  flexibleFrom: 0,
  listeners: ["broker"],
  request: struct({
    stateFilters: array(string),
    producerIdFilters: array(int64),
    durationFilter: int64.since(1).default(-1),
    transactionalIdPattern: string.nullable().since(2).default(null),
  }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    unknownStateFilters: array(string),
    transactionStates: array(
      struct({ transactionalId: string, producerId: int64, transactionState: string }),
    ),
  }),
});
