/** DeleteShareGroupOffsets, v0. Deletes the start offsets of a share group (KIP-932). */
import { api, array, int16, int32, string, struct, uuid } from "../schema.ts";

export const deleteShareGroupOffsets = api({
  key: 92,
  name: "DeleteShareGroupOffsets",
  versions: [0, 0],
  flexibleFrom: 0,
  listeners: ["broker"],
  request: struct({ groupId: string, topics: array(struct({ topicName: string })) }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    responses: array(
      struct({
        topicName: string,
        topicId: uuid,
        errorCode: int16,
        errorMessage: string.nullable().default(null),
      }),
    ),
  }),
});
