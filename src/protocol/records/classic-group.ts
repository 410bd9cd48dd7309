/**
 * Records of `__consumer_offsets` that every group has: committed offsets, and the whole state of a
 * group of the classic protocol.
 */
import { array, bytes, int32, int64, message, string, struct, uuid } from "../schema.ts";

export const legacyOffsetCommitKey = message({
  key: 0,
  name: "LegacyOffsetCommitKey",
  versions: [0, 0],
  fields: struct({ group: string, topic: string, partition: int32 }),
});

export const legacyOffsetCommitValue = message({
  key: 0,
  name: "LegacyOffsetCommitValue",
  versions: [0, 0],
  fields: struct({ offset: int64, metadata: string, commitTimestamp: int64 }),
});

export const offsetCommitKey = message({
  key: 1,
  name: "OffsetCommitKey",
  versions: [0, 0],
  fields: struct({ group: string, topic: string, partition: int32 }),
});

export const offsetCommitValue = message({
  key: 1,
  name: "OffsetCommitValue",
  versions: [0, 4],
  flexibleFrom: 4,
  fields: struct({
    offset: int64,
    leaderEpoch: int32.since(3).default(-1).ignorable(),
    metadata: string,
    commitTimestamp: int64,
    expireTimestamp: int64.since(1).until(1).default(-1).ignorable(),
    topicId: uuid.since(4).tagged(0).ignorable(),
  }),
});

export const groupMetadataKey = message({
  key: 2,
  name: "GroupMetadataKey",
  versions: [0, 0],
  fields: struct({ group: string }),
});

const memberMetadata = struct({
  memberId: string,
  groupInstanceId: string.nullable().since(3).default(null).ignorable(),
  clientId: string,
  clientHost: string,
  rebalanceTimeout: int32.since(1).default(-1).ignorable(),
  sessionTimeout: int32,
  subscription: bytes,
  assignment: bytes,
});

export const groupMetadataValue = message({
  key: 2,
  name: "GroupMetadataValue",
  versions: [0, 4],
  flexibleFrom: 4,
  fields: struct({
    protocolType: string,
    generation: int32,
    protocol: string.nullable(),
    leader: string.nullable(),
    currentStateTimestamp: int64.since(2).default(-1).ignorable(),
    members: array(memberMetadata),
  }),
});
