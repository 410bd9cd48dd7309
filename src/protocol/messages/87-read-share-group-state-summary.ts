/**
 * ReadShareGroupStateSummary, v0-1. Reads the state of a partition of a share group, without its
 * batches (KIP-932).
 *
 * - v1: count of deliveries that are complete (KIP-1226).
 */
import { api, array, int16, int32, int64, string, struct, uuid } from "../schema.ts";

export const readShareGroupStateSummary = api({
  key: 87,
  name: "ReadShareGroupStateSummary",
  versions: [0, 1],
  flexibleFrom: 0,
  listeners: ["broker"],
  clusterAction: true,
  request: struct({
    groupId: string,
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(struct({ partition: int32, leaderEpoch: int32 })),
      }),
    ),
  }),
  response: struct({
    results: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
            errorCode: int16,
            errorMessage: string.nullable().default(null),
            stateEpoch: int32,
            leaderEpoch: int32,
            startOffset: int64,
            deliveryCompleteCount: int32.since(1).default(-1).ignorable(),
          }),
        ),
      }),
    ),
  }),
});
