/** ListPartitionReassignments, v0. Lists the moves of replicas that are under way (KIP-455). */
import { api, array, int16, int32, string, struct } from "../schema.ts";

export const listPartitionReassignments = api({
  key: 46,
  name: "ListPartitionReassignments",
  versions: [0, 0],
  flexibleFrom: 0,
  listeners: ["broker", "controller"],
  forwardable: true,
  request: struct({
    timeoutMs: int32.default(60000),
    topics: array(struct({ name: string, partitionIndexes: array(int32) }))
      .nullable()
      .default(null),
  }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            replicas: array(int32),
            addingReplicas: array(int32),
            removingReplicas: array(int32),
          }),
        ),
      }),
    ),
  }),
});
