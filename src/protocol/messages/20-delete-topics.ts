/**
 * DeleteTopics, v1-6. Deletes topics.
 *
 * - v3: TOPIC_DELETION_DISABLED may be answered.
 * - v4: flexible.
 * - v5: error message; THROTTLING_QUOTA_EXCEEDED may be answered (KIP-599).
 * - v6: by id as well as by name (KIP-516).
 */
import { api, array, int16, int32, string, struct, uuid } from "../schema.ts";

export const deleteTopics = api({
  key: 20,
  name: "DeleteTopics",
  versions: [1, 6],
  flexibleFrom: 4,
  listeners: ["broker", "controller"],
  forwardable: true,
  request: struct({
    topics: array(struct({ name: string.nullable().default(null), topicId: uuid })).since(6),
    topicNames: array(string).until(5).ignorable(),
    timeoutMs: int32,
  }),
  response: struct({
    throttleTimeMs: int32.ignorable(),
    responses: array(
      struct({
        name: string.nullable(6),
        topicId: uuid.since(6).ignorable(),
        errorCode: int16,
        errorMessage: string.nullable().since(5).default(null).ignorable(),
      }),
    ),
  }),
});
