/** ReadShareGroupState, v0. Reads the state of a partition of a share group (KIP-932). */
import { api, array, int16, int32, int64, int8, string, struct, uuid } from "../schema.ts";

export const readShareGroupState = api({
  key: 84,
  name: "ReadShareGroupState",
  versions: [0, 0],
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
            startOffset: int64,
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
});
