/**
 * EndQuorumEpoch, v0-1. A leader of the metadata quorum resigns (KIP-595).
 *
 * - v1: flexible; candidates with their directories, endpoints of the leader (KIP-853).
 */
import { api, array, int16, int32, string, struct, uint16, uuid } from "../schema.ts";

export const endQuorumEpoch = api({
  key: 54,
  name: "EndQuorumEpoch",
  versions: [0, 1],
  flexibleFrom: 1,
  listeners: ["controller"],
  clusterAction: true,
  request: struct({
    clusterId: string.nullable().default(null),
    topics: array(
      struct({
        topicName: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            leaderId: int32,
            leaderEpoch: int32,
            preferredSuccessors: array(int32).until(0).ignorable(),
            preferredCandidates: array(struct({ candidateId: int32, candidateDirectoryId: uuid }))
              .since(1)
              .ignorable(),
          }),
        ),
      }),
    ),
    leaderEndpoints: array(struct({ name: string, host: string, port: uint16 }))
      .since(1)
      .ignorable(),
  }),
  response: struct({
    errorCode: int16,
    topics: array(
      struct({
        topicName: string,
        partitions: array(
          struct({ partitionIndex: int32, errorCode: int16, leaderId: int32, leaderEpoch: int32 }),
        ),
      }),
    ),
    nodeEndpoints: array(struct({ nodeId: int32, host: string, port: uint16 }))
      .since(1)
      .tagged(0),
  }),
});
