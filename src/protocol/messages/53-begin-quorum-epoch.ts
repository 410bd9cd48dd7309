/**
 * BeginQuorumEpoch, v0-1. A new leader of the metadata quorum makes itself known (KIP-595).
 *
 * - v1: flexible; voter ids, endpoints of the leader (KIP-853).
 */
import { api, array, int16, int32, string, struct, uint16, uuid } from "../schema.ts";

export const beginQuorumEpoch = api({
  key: 53,
  name: "BeginQuorumEpoch",
  versions: [0, 1],
  flexibleFrom: 1,
  listeners: ["controller"],
  clusterAction: true,
  request: struct({
    clusterId: string.nullable().default(null),
    voterId: int32.since(1).default(-1).ignorable(),
    topics: array(
      struct({
        topicName: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            voterDirectoryId: uuid.since(1).ignorable(),
            leaderId: int32,
            leaderEpoch: int32,
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
