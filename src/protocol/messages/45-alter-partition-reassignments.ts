/**
 * AlterPartitionReassignments, v0-1. Moves the replicas of partitions to other brokers (KIP-455).
 *
 * - v1: changing the number of replicas may be forbidden.
 */
import { api, array, boolean, int16, int32, string, struct } from "../schema.ts";

export const alterPartitionReassignments = api({
  key: 45,
  name: "AlterPartitionReassignments",
  versions: [0, 1],
  flexibleFrom: 0,
  listeners: ["broker", "controller"],
  forwardable: true,
  request: struct({
    timeoutMs: int32.default(60000),
    allowReplicationFactorChange: boolean.since(1).default(true),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({ partitionIndex: int32, replicas: array(int32).nullable().default(null) }),
        ),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: int32,
    allowReplicationFactorChange: boolean.since(1).default(true).ignorable(),
    errorCode: int16,
    errorMessage: string.nullable(),
    responses: array(
      struct({
        name: string,
        partitions: array(
          struct({ partitionIndex: int32, errorCode: int16, errorMessage: string.nullable() }),
        ),
      }),
    ),
  }),
});
