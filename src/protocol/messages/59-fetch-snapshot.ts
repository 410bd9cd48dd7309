/**
 * FetchSnapshot, v0-1. Reads a snapshot of the metadata log (KIP-630).
 *
 * - v1: directory id of the replica, endpoints of the leader (KIP-853).
 */
import {
  api,
  array,
  int16,
  int32,
  int64,
  records,
  string,
  struct,
  uint16,
  uuid,
} from "../schema.ts";

export const fetchSnapshot = api({
  key: 59,
  name: "FetchSnapshot",
  versions: [0, 1],
  flexibleFrom: 0,
  listeners: ["controller"],
  request: struct({
    clusterId: string.nullable().tagged(0).default(null),
    replicaId: int32.default(-1),
    maxBytes: int32.default(0x7fff_ffff),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partition: int32,
            currentLeaderEpoch: int32,
            snapshotId: struct({ endOffset: int64, epoch: int32 }),
            position: int64,
            replicaDirectoryId: uuid.since(1).tagged(0).ignorable(),
          }),
        ),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: int32.ignorable(),
    errorCode: int16,
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            index: int32,
            errorCode: int16,
            snapshotId: struct({ endOffset: int64, epoch: int32 }),
            currentLeader: struct({ leaderId: int32, leaderEpoch: int32 }).tagged(0),
            size: int64,
            position: int64,
            unalignedRecords: records,
          }),
        ),
      }),
    ),
    nodeEndpoints: array(struct({ nodeId: int32, host: string, port: uint16 }))
      .since(1)
      .tagged(0),
  }),
});
