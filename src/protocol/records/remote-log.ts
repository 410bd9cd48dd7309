/** Records of `__remote_log_metadata` (KIP-405): which segments lie in remote storage. */
import {
  array,
  boolean,
  bytes,
  int32,
  int64,
  int8,
  message,
  string,
  struct,
  uuid,
} from "../schema.ts";

export const remoteLogSegmentMetadataRecord = message({
  key: 0,
  name: "RemoteLogSegmentMetadataRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
    remoteLogSegmentId: struct({
      topicIdPartition: struct({ name: string, id: uuid, partition: int32 }),
      id: uuid,
    }),
    startOffset: int64,
    endOffset: int64,
    brokerId: int32,
    maxTimestampMs: int64,
    eventTimestampMs: int64,
    segmentLeaderEpochs: array(struct({ leaderEpoch: int32, offset: int64 })),
    segmentSizeInBytes: int32,
    customMetadata: bytes.nullable().default(null),
    remoteLogSegmentState: int8,
    txnIndexEmpty: boolean.tagged(0),
  }),
});

export const remoteLogSegmentMetadataUpdateRecord = message({
  key: 1,
  name: "RemoteLogSegmentMetadataUpdateRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
    remoteLogSegmentId: struct({
      topicIdPartition: struct({ name: string, id: uuid, partition: int32 }),
      id: uuid,
    }),
    brokerId: int32,
    eventTimestampMs: int64,
    customMetadata: bytes.nullable().default(null),
    remoteLogSegmentState: int8,
  }),
});

export const remotePartitionDeleteMetadataRecord = message({
  key: 2,
  name: "RemotePartitionDeleteMetadataRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
    topicIdPartition: struct({ name: string, id: uuid, partition: int32 }),
    brokerId: int32,
    eventTimestampMs: int64,
    remotePartitionDeleteState: int8,
  }),
});

export const remoteLogSegmentMetadataSnapshotRecord = message({
  key: 3,
  name: "RemoteLogSegmentMetadataSnapshotRecord",
  versions: [0, 0],
  flexibleFrom: 0,
  fields: struct({
    segmentId: uuid,
    startOffset: int64,
    endOffset: int64,
    brokerId: int32,
    maxTimestampMs: int64,
    eventTimestampMs: int64,
    segmentLeaderEpochs: array(struct({ leaderEpoch: int32, offset: int64 })),
    segmentSizeInBytes: int32,
    customMetadata: bytes.nullable().default(null),
    remoteLogSegmentState: int8,
    txnIndexEmpty: boolean.tagged(0),
  }),
});

/** In the order of their keys. */
export const remoteLogRecords = [
  remoteLogSegmentMetadataRecord,
  remoteLogSegmentMetadataUpdateRecord,
  remotePartitionDeleteMetadataRecord,
  remoteLogSegmentMetadataSnapshotRecord,
] as const;
