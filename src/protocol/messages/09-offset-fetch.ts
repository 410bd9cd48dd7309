/**
 * OffsetFetch, v1-10. Fetches the committed offsets of groups.
 *
 * - v2: null asks for all topics; top-level error code.
 * - v3: throttle time.
 * - v5: leader epoch of each offset (KIP-320).
 * - v6: flexible.
 * - v7: may insist on stable offsets, that no open transaction may change (KIP-447).
 * - v8: several groups at once (KIP-709).
 * - v9: member id and epoch, checked for the consumer protocol (KIP-848).
 * - v10: topic ids instead of names (KIP-848).
 */
import { api, array, boolean, int16, int32, int64, string, struct, uuid } from "../schema.ts";

export const offsetFetch = api({
  key: 9,
  name: "OffsetFetch",
  versions: [1, 10],
  flexibleFrom: 6,
  listeners: ["broker"],
  request: struct({
    groupId: string.until(7),
    topics: array(struct({ name: string, partitionIndexes: array(int32) }))
      .nullable(2)
      .until(7),
    groups: array(
      struct({
        groupId: string,
        memberId: string.nullable().since(9).default(null).ignorable(),
        memberEpoch: int32.since(9).default(-1).ignorable(),
        topics: array(
          struct({
            name: string.until(9).ignorable(),
            topicId: uuid.since(10).ignorable(),
            partitionIndexes: array(int32),
          }),
        ).nullable(),
      }),
    ).since(8),
    requireStable: boolean.since(7).default(false),
  }),
  response: struct({
    throttleTimeMs: int32.since(3).ignorable(),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            committedOffset: int64,
            committedLeaderEpoch: int32.since(5).default(-1).ignorable(),
            metadata: string.nullable(),
            errorCode: int16,
          }),
        ),
      }),
    ).until(7),
    errorCode: int16.since(2).until(7).default(0).ignorable(),
    groups: array(
      struct({
        groupId: string,
        topics: array(
          struct({
            name: string.until(9).ignorable(),
            topicId: uuid.since(10).ignorable(),
            partitions: array(
              struct({
                partitionIndex: int32,
                committedOffset: int64,
                committedLeaderEpoch: int32.default(-1).ignorable(),
                metadata: string.nullable(),
                errorCode: int16,
              }),
            ),
          }),
        ),
        errorCode: int16.default(0),
      }),
    ).since(8),
  }),
});
