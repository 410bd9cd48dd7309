/**
 * OffsetForLeaderEpoch, v2-4. Tells where a leader epoch ends in the log.
 *
 * - v3: replica id.
 * - v4: flexible.
 */
import { api, array, int16, int32, int64, string, struct } from "../schema.ts";

export const offsetForLeaderEpoch = api({
  key: 23,
  name: "OffsetForLeaderEpoch",
  versions: [2, 4],
  flexibleFrom: 4,
  listeners: ["broker"],
  request: struct({
    replicaId: int32.since(3).default(-2).ignorable(),
    topics: array(
      struct({
        topic: string,
        partitions: array(
          struct({
            partition: int32,
            currentLeaderEpoch: int32.default(-1).ignorable(),
            leaderEpoch: int32,
          }),
        ),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: int32.ignorable(),
    topics: array(
      struct({
        topic: string,
        partitions: array(
          struct({
            errorCode: int16,
            partition: int32,
            leaderEpoch: int32.default(-1).ignorable(),
            endOffset: int64.default(-1),
          }),
        ),
      }),
    ),
  }),
});
