/**
 * CreatePartitions, v0-3. Adds partitions to topics.
 *
 * - v1: the answer is sent before the client is throttled.
 * - v2: flexible.
 * - v3: THROTTLING_QUOTA_EXCEEDED may be answered (KIP-599).
 */
import { api, array, boolean, int16, int32, string, struct } from "../schema.ts";

export const createPartitions = api({
  key: 37,
  name: "CreatePartitions",
  versions: [0, 3],
  flexibleFrom: 2,
  listeners: ["broker", "controller"],
  forwardable: true,
  request: struct({
    topics: array(
      struct({
        name: string,
        count: int32,
        assignments: array(struct({ brokerIds: array(int32) })).nullable(),
      }),
    ),
    timeoutMs: int32,
    validateOnly: boolean,
  }),
  response: struct({
    throttleTimeMs: int32,
    results: array(
      struct({ name: string, errorCode: int16, errorMessage: string.nullable().default(null) }),
    ),
  }),
});
