/**
 * AlterReplicaLogDirs, v1-2. Moves replicas to another log directory of their broker.
 *
 * - v2: flexible.
 */
import { api, array, int16, int32, string, struct } from "../schema.ts";

export const alterReplicaLogDirs = api({
  key: 34,
  name: "AlterReplicaLogDirs",
  versions: [1, 2],
  flexibleFrom: 2,
  listeners: ["broker"],
  request: struct({
    dirs: array(
      struct({ path: string, topics: array(struct({ name: string, partitions: array(int32) })) }),
    ),
  }),
  response: struct({
    throttleTimeMs: int32,
    results: array(
      struct({
        topicName: string,
        partitions: array(struct({ partitionIndex: int32, errorCode: int16 })),
      }),
    ),
  }),
});
