/**
 * Metadata, v0-13. Tells the brokers of the cluster, and the partitions of topics with their
 * leaders.
 *
 * - v1: null asks for all topics, an empty list for none; racks, controller, internal topics.
 * - v2: cluster id.
 * - v3: throttle time.
 * - v4: topics may be created, or not.
 * - v5: offline replicas.
 * - v7: leader epochs.
 * - v8: authorized operations (KIP-430).
 * - v9: flexible.
 * - v10: topic ids (KIP-516).
 * - v11: no authorized operations of the cluster, which DescribeCluster has (KIP-700).
 * - v12: topics asked for by id (KIP-516).
 * - v13: top-level error code.
 */
import { api, array, boolean, int16, int32, string, struct, uuid } from "../schema.ts";

export const metadata = api({
  key: 3,
  name: "Metadata",
  versions: [0, 13],
  flexibleFrom: 9,
  listeners: ["broker"],
  request: struct({
    topics: array(
      struct({ topicId: uuid.since(10).ignorable(), name: string.nullable(10) }),
    ).nullable(1),
    allowAutoTopicCreation: boolean.since(4).default(true),
    includeClusterAuthorizedOperations: boolean.since(8).until(10),
    includeTopicAuthorizedOperations: boolean.since(8),
  }),
  response: struct({
    throttleTimeMs: int32.since(3).ignorable(),
    brokers: array(
      struct({
        nodeId: int32,
        host: string,
        port: int32,
        rack: string.nullable().since(1).default(null).ignorable(),
      }),
    ),
    clusterId: string.nullable().since(2).default(null).ignorable(),
    controllerId: int32.since(1).default(-1).ignorable(),
    topics: array(
      struct({
        errorCode: int16,
        name: string.nullable(12),
        topicId: uuid.since(10).ignorable(),
        isInternal: boolean.since(1).default(false).ignorable(),
        partitions: array(
          struct({
            errorCode: int16,
            partitionIndex: int32,
            leaderId: int32,
            leaderEpoch: int32.since(7).default(-1).ignorable(),
            replicaNodes: array(int32),
            isrNodes: array(int32),
            offlineReplicas: array(int32).since(5).ignorable(),
          }),
        ),
        topicAuthorizedOperations: int32.since(8).default(-2147483648),
      }),
    ),
    clusterAuthorizedOperations: int32.since(8).until(10).default(-2147483648),
    errorCode: int16.since(13).ignorable(),
  }),
});
