/**
 * Vote, v0-2. Asks a voter of the metadata quorum for its vote (KIP-595).
 *
 * - v1: voter id and directory ids (KIP-853).
 * - v2: pre-votes (KIP-996).
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

export const vote = api({
  key: 52,
  name: "Vote",
  versions: [0, 2],
  flexibleFrom: 0,
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
            replicaEpoch: int32,
            replicaId: int32,
            replicaDirectoryId: uuid.since(1).ignorable(),
            voterDirectoryId: uuid.since(1).ignorable(),
            lastOffsetEpoch: int32,
            lastOffset: int64,
            preVote: boolean.since(2),
          }),
        ),
      }),
    ),
  }),
  response: struct({
    errorCode: int16,
    topics: array(
      struct({
        topicName: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            leaderId: int32,
            leaderEpoch: int32,
            voteGranted: boolean,
          }),
        ),
      }),
    ),
    nodeEndpoints: array(struct({ nodeId: int32, host: string, port: uint16 }))
      .since(1)
      .tagged(0),
  }),
});
