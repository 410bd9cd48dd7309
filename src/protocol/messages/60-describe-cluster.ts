/**
 * DescribeCluster, v0-2. Describes the cluster: id, controller, brokers (KIP-700).
 *
 * - v1: controllers may be asked for and ask for themselves (KIP-919).
 * - v2: fenced brokers may be asked for (KIP-1073).
 */
import { api, array, boolean, int16, int32, int8, string, struct } from "../schema.ts";

export const describeCluster = api({
  key: 60,
  name: "DescribeCluster",
  versions: [0, 2],
  flexibleFrom: 0,
  listeners: ["broker", "controller"],
  request: struct({
    includeClusterAuthorizedOperations: boolean,
    endpointType: int8.since(1).default(1),
    includeFencedBrokers: boolean.since(2),
  }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    endpointType: int8.since(1).default(1),
    clusterId: string,
    controllerId: int32.default(-1),
    brokers: array(
      struct({
        brokerId: int32,
        host: string,
        port: int32,
        rack: string.nullable().default(null),
        isFenced: boolean.since(2),
      }),
    ),
    clusterAuthorizedOperations: int32.default(-2147483648),
  }),
});
