/**
 * BrokerHeartbeat, v0-2. A broker tells the controller that it lives and what it wants (KIP-631).
 *
 * - v1: log directories that have failed (KIP-858).
 * - v2: log directories that are cordoned.
 */
import { api, array, boolean, int16, int32, int64, struct, uuid } from "../schema.ts";

export const brokerHeartbeat = api({
  key: 63,
  name: "BrokerHeartbeat",
  versions: [0, 2],
  flexibleFrom: 0,
  listeners: ["controller"],
  clusterAction: true,
  request: struct({
    brokerId: int32,
    brokerEpoch: int64.default(-1),
    currentMetadataOffset: int64,
    wantFence: boolean,
    wantShutDown: boolean,
    offlineLogDirs: array(uuid).since(1).tagged(0),
    cordonedLogDirs: array(uuid).nullable().since(2).tagged(1).default(null),
  }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    isCaughtUp: boolean.default(false),
    isFenced: boolean.default(true),
    shouldShutDown: boolean,
  }),
});
