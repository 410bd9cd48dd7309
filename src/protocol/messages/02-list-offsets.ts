/**
 * ListOffsets, v1-11. Finds offsets by timestamp, or the first, last and other special ones.
 *
 * - v2: isolation level.
 * - v4: current leader epoch, for fencing (KIP-320).
 * - v5: OFFSET_NOT_AVAILABLE may be answered.
 * - v6: flexible.
 * - v7: -3, the offset of the greatest timestamp (KIP-734).
 * - v8: -4, the first offset that is stored locally (KIP-405).
 * - v9: -5, the last offset in remote storage (KIP-1005).
 * - v10: time limit for asking remote storage (KIP-1075).
 * - v11: -6, the first offset that waits for upload (KIP-1023).
 */
import { api, array, int16, int32, int64, int8, string, struct } from "../schema.ts";

export const listOffsets = api({
  key: 2,
  name: "ListOffsets",
  versions: [1, 11],
  flexibleFrom: 6,
  listeners: ["broker"],
  request: struct({
    replicaId: int32,
    isolationLevel: int8.since(2),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            currentLeaderEpoch: int32.since(4).default(-1).ignorable(),
            timestamp: int64,
          }),
        ),
      }),
    ),
    timeoutMs: int32.since(10).ignorable(),
  }),
  response: struct({
    throttleTimeMs: int32.since(2).ignorable(),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            timestamp: int64.default(-1),
            offset: int64.default(-1),
            leaderEpoch: int32.since(4).default(-1),
          }),
        ),
      }),
    ),
  }),
});
