/**
 * OffsetCommit, v2-10. Commits the offsets of a group.
 *
 * - v3: throttle time.
 * - v5: no retention time, which is a setting now (KIP-211).
 * - v6: leader epoch of each offset (KIP-320).
 * - v7: static members (KIP-345).
 * - v8: flexible.
 * - v9: groups of the consumer protocol; STALE_MEMBER_EPOCH and GROUP_ID_NOT_FOUND may be answered
 *   (KIP-848).
 * - v10: topic ids instead of names (KIP-848).
 */
import { api, array, int16, int32, int64, string, struct, uuid } from "../schema.ts";

export const offsetCommit = api({
  key: 8,
  name: "OffsetCommit",
  versions: [2, 10],
  flexibleFrom: 8,
  listeners: ["broker"],
  request: struct({
    groupId: string,
    generationIdOrMemberEpoch: int32.default(-1).ignorable(),
    memberId: string.ignorable(),
    groupInstanceId: string.nullable().since(7).default(null),
    retentionTimeMs: int64.until(4).default(-1).ignorable(),
    topics: array(
      struct({
        name: string.until(9).ignorable(),
        topicId: uuid.since(10).ignorable(),
        partitions: array(
          struct({
            partitionIndex: int32,
            committedOffset: int64,
            committedLeaderEpoch: int32.since(6).default(-1).ignorable(),
            committedMetadata: string.nullable(),
          }),
        ),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: int32.since(3).ignorable(),
    topics: array(
      struct({
        name: string.until(9).ignorable(),
        topicId: uuid.since(10).ignorable(),
        partitions: array(struct({ partitionIndex: int32, errorCode: int16 })),
      }),
    ),
  }),
});
