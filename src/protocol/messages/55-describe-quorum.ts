/**
 * DescribeQuorum, v0-2. Describes the metadata quorum (KIP-595).
 *
 * - v1: times of the last fetch and of being caught up (KIP-836).
 * - v2: error messages, directory ids, endpoints of nodes (KIP-853).
 */
import { api, array, int16, int32, int64, string, struct, uint16, uuid } from "../schema.ts";

const replicaState = struct({
  replicaId: int32,
  replicaDirectoryId: uuid.since(2),
  logEndOffset: int64,
  lastFetchTimestamp: int64.since(1).default(-1).ignorable(),
  lastCaughtUpTimestamp: int64.since(1).default(-1).ignorable(),
});

export const describeQuorum = api({
  key: 55,
  name: "DescribeQuorum",
  versions: [0, 2],
  flexibleFrom: 0,
  listeners: ["broker", "controller"],
  forwardable: true,
  clusterAction: true,
  request: struct({
    topics: array(
      struct({ topicName: string, partitions: array(struct({ partitionIndex: int32 })) }),
    ),
  }),
  response: struct({
    errorCode: int16,
    errorMessage: string.nullable().since(2).ignorable(),
    topics: array(
      struct({
        topicName: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: string.nullable().since(2).ignorable(),
            leaderId: int32,
            leaderEpoch: int32,
            highWatermark: int64,
            currentVoters: array(replicaState),
            observers: array(replicaState),
          }),
        ),
      }),
    ),
    nodes: array(
      struct({
        nodeId: int32,
        listeners: array(struct({ name: string, host: string, port: uint16 })),
      }),
    ).since(2),
  }),
});
