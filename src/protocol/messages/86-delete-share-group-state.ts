/** DeleteShareGroupState, v0. Deletes the state of a partition of a share group (KIP-932). */
import { api, array, int16, int32, string, struct, uuid } from "../schema.ts";

export const deleteShareGroupState = api({
  key: 86,
  name: "DeleteShareGroupState",
  versions: [0, 0],
  flexibleFrom: 0,
  listeners: ["broker"],
  clusterAction: true,
  request: struct({
    groupId: string,
    topics: array(struct({ topicId: uuid, partitions: array(struct({ partition: int32 })) })),
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
