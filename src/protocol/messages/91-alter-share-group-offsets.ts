/** AlterShareGroupOffsets, v0. Sets the start offsets of a share group (KIP-932). */
import { api, array, int16, int32, int64, string, struct, uuid } from "../schema.ts";

export const alterShareGroupOffsets = api({
  key: 91,
  name: "AlterShareGroupOffsets",
  versions: [0, 0],
  flexibleFrom: 0,
  listeners: ["broker"],
  request: struct({
    groupId: string,
    topics: array(
      struct({
        topicName: string,
        partitions: array(struct({ partitionIndex: int32, startOffset: int64 })),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    responses: array(
      struct({
        topicName: string,
        topicId: uuid,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: string.nullable().default(null),
          }),
        ),
      }),
    ),
  }),
});
