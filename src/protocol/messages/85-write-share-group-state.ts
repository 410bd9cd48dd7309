/**
 * WriteShareGroupState, v0-1. Writes the state of a partition of a share group (KIP-932).
 *
 * - v1: count of deliveries that are complete (KIP-1226).
 */
import { api, array, int16, int32, int64, int8, string, struct, uuid } from "../schema.ts";

export const writeShareGroupState = api({
  key: 85,
  name: "WriteShareGroupState",
  versions: [0, 1],
  flexibleFrom: 0,
  listeners: ["broker"],
  clusterAction: true,
  request: struct({
    groupId: string,
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
            stateEpoch: int32,
            leaderEpoch: int32,
            startOffset: int64,
            deliveryCompleteCount: int32.since(1).default(-1).ignorable(),
            stateBatches: array(
              struct({
                firstOffset: int64,
                lastOffset: int64,
                deliveryState: int8,
                deliveryCount: int16,
              }),
            ),
          }),
        ),
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
          }),
        ),
      }),
    ),
  }),
});
