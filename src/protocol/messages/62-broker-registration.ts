/**
 * BrokerRegistration, v0-4. A broker makes itself known to the controller (KIP-631).
 *
 * - v1: whether it migrates from ZooKeeper (KIP-866).
 * - v2: log directories (KIP-858).
 * - v3: epoch before a clean stop (KIP-966).
 * - v4: features may begin at level 0 (KAFKA-17011).
 */
import {
  api,
  array,
  boolean,
  int16,
  int32,
  int64,
  string,
  struct,
  uint16,
  uuid,
} from "../schema.ts";

export const brokerRegistration = api({
  key: 62,
  name: "BrokerRegistration",
  versions: [0, 4],
  flexibleFrom: 0,
  listeners: ["controller"],
  clusterAction: true,
  request: struct({
    brokerId: int32,
    clusterId: string,
    incarnationId: uuid,
    listeners: array(struct({ name: string, host: string, port: uint16, securityProtocol: int16 })),
    features: array(
      struct({ name: string, minSupportedVersion: int16, maxSupportedVersion: int16 }),
    ),
    rack: string.nullable(),
    isMigratingZkBroker: boolean.since(1).default(false),
    logDirs: array(uuid).since(2).ignorable(),
    previousBrokerEpoch: int64.since(3).default(-1).ignorable(),
  }),
  response: struct({ throttleTimeMs: int32, errorCode: int16, brokerEpoch: int64.default(-1) }),
});
