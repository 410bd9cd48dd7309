/**
 * FindCoordinator, v0-6. Finds the broker that coordinates a group, a transactional id or a
 * share-group partition.
 *
 * - v1: kinds of keys; throttle time, error message.
 * - v3: flexible.
 * - v4: several keys at once (KIP-699).
 * - v5: TRANSACTION_ABORTABLE may be answered (KIP-890).
 * - v6: keys of share groups, "group:topicId:partition" (KIP-932).
 */
import { api, array, int16, int32, int8, string, struct } from "../schema.ts";

export const findCoordinator = api({
  key: 10,
  name: "FindCoordinator",
  versions: [0, 6],
  flexibleFrom: 3,
  listeners: ["broker"],
  request: struct({
    key: string.until(3),
    keyType: int8.since(1).default(0),
    coordinatorKeys: array(string).since(4),
  }),
  response: struct({
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16.until(3),
    errorMessage: string.nullable().since(1).until(3).ignorable(),
    nodeId: int32.until(3),
    host: string.until(3),
    port: int32.until(3),
    coordinators: array(
      struct({
        key: string,
        nodeId: int32,
        host: string,
        port: int32,
        errorCode: int16,
        errorMessage: string.nullable().ignorable(),
      }),
    ).since(4),
  }),
});
