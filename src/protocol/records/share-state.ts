/**
 * Records of `__share_group_state` (KIP-932): what has been delivered and acknowledged of one
 * partition for one share group, as a snapshot and as updates since then.
 */
import { array, int16, int32, int64, int8, message, string, struct, uuid } from "../schema.ts";

export const shareSnapshotKey = message({
  key: 0,
  name: "ShareSnapshotKey",
  versions: [0, 0],
  fields: struct({ groupId: string, topicId: uuid, partition: int32 }),
});

export const shareSnapshotValue = message({
  key: 0,
  name: "ShareSnapshotValue",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
    snapshotEpoch: int32,
    stateEpoch: int32,
    leaderEpoch: int32,
    startOffset: int64,
    deliveryCompleteCount: int32.tagged(0).default(-1),
    createTimestamp: int64,
    writeTimestamp: int64,
    stateBatches: array(
      struct({ firstOffset: int64, lastOffset: int64, deliveryState: int8, deliveryCount: int16 }),
    ),
  }),
});

export const shareUpdateKey = message({
  key: 1,
  name: "ShareUpdateKey",
  versions: [0, 0],
  fields: struct({ groupId: string, topicId: uuid, partition: int32 }),
});

export const shareUpdateValue = message({
  key: 1,
  name: "ShareUpdateValue",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
    snapshotEpoch: int32,
    leaderEpoch: int32,
    startOffset: int64,
    deliveryCompleteCount: int32.tagged(0).default(-1),
    stateBatches: array(
      struct({ firstOffset: int64, lastOffset: int64, deliveryState: int8, deliveryCount: int16 }),
    ),
  }),
});
