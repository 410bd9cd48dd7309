/** InitializeShareGroupState, v0. Creates the state of a partition of a share group (KIP-932). */
import { api, array, int16, int32, int64, string, struct, uuid } from "../schema.ts";

export const initializeShareGroupState = api({
  key: 83,
  name: "InitializeShareGroupState",
  versions: [0, 0],
  flexibleFrom: 0,
  listeners: ["broker"],
  clusterAction: true,
  request: struct({
    groupId: string,
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(struct({ partition: int32, stateEpoch: int32, startOffset: int64 })),
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
