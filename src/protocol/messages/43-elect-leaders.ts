/**
 * ElectLeaders, v0-2. Elects leaders of partitions.
 *
 * - v1: the preferred one, or an unclean one (KIP-460).
 * - v2: flexible.
 */
import { api, array, int16, int32, int8, string, struct } from "../schema.ts";

export const electLeaders = api({
  key: 43,
  name: "ElectLeaders",
  versions: [0, 2],
  flexibleFrom: 2,
  listeners: ["broker", "controller"],
  forwardable: true,
  request: struct({
    electionType: int8.since(1),
    topicPartitions: array(struct({ topic: string, partitions: array(int32) })).nullable(),
    timeoutMs: int32.default(60000),
  }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16.since(1),
    replicaElectionResults: array(
      struct({
        topic: string,
        partitionResult: array(
          struct({ partitionId: int32, errorCode: int16, errorMessage: string.nullable() }),
        ),
      }),
    ),
  }),
});
