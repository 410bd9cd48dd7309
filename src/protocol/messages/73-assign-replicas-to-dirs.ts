/**
 * AssignReplicasToDirs, v0. A broker tells the controller in which directories its replicas lie
 * (KIP-858).
 */
import { api, array, int16, int32, int64, struct, uuid } from "../schema.ts";

export const assignReplicasToDirs = api({
  key: 73,
  name: "AssignReplicasToDirs",
  versions: [0, 0],
  flexibleFrom: 0,
  listeners: ["controller"],
  request: struct({
    brokerId: int32,
    brokerEpoch: int64.default(-1),
    directories: array(
      struct({
        id: uuid,
        topics: array(
          struct({ topicId: uuid, partitions: array(struct({ partitionIndex: int32 })) }),
        ),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    directories: array(
      struct({
        id: uuid,
        topics: array(
          struct({
            topicId: uuid,
            partitions: array(struct({ partitionIndex: int32, errorCode: int16 })),
          }),
        ),
      }),
    ),
  }),
});
