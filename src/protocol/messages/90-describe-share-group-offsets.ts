/**
 * DescribeShareGroupOffsets, v0-1. Describes the start offsets of a share group (KIP-932).
 *
 * - v1: lag (KIP-1226).
 */
import { api, array, int16, int32, int64, string, struct, uuid } from "../schema.ts";

export const describeShareGroupOffsets = api({
  key: 90,
  name: "DescribeShareGroupOffsets",
  versions: [0, 1],
  flexibleFrom: 0,
  listeners: ["broker"],
  request: struct({
    groups: array(
      struct({
        groupId: string,
        topics: array(struct({ topicName: string, partitions: array(int32) })).nullable(),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: int32,
    groups: array(
      struct({
        groupId: string,
        topics: array(
          struct({
            topicName: string,
            topicId: uuid,
            partitions: array(
              struct({
                partitionIndex: int32,
                startOffset: int64,
                leaderEpoch: int32,
                lag: int64.since(1).default(-1).ignorable(),
                errorCode: int16,
                errorMessage: string.nullable().default(null),
              }),
            ),
          }),
        ),
        errorCode: int16,
        errorMessage: string.nullable().default(null),
      }),
    ),
  }),
});
