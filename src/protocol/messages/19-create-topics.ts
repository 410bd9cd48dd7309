/**
 * CreateTopics, v2-7. Creates topics.
 *
 * - v4: -1 asks for the default number of partitions and replicas (KIP-464).
 * - v5: flexible; settings of the new topic in the response (KIP-525).
 * - v6: THROTTLING_QUOTA_EXCEEDED may be answered (KIP-599).
 * - v7: topic id in the response (KIP-516).
 */
import { api, array, boolean, int16, int32, int8, string, struct, uuid } from "../schema.ts";

export const createTopics = api({
  key: 19,
  name: "CreateTopics",
  versions: [2, 7],
  flexibleFrom: 5,
  listeners: ["broker", "controller"],
  forwardable: true,
  request: struct({
    topics: array(
      struct({
        name: string,
        numPartitions: int32,
        replicationFactor: int16,
        assignments: array(struct({ partitionIndex: int32, brokerIds: array(int32) })),
        configs: array(struct({ name: string, value: string.nullable() })),
      }),
    ),
    timeoutMs: int32.default(60000),
    validateOnly: boolean.default(false),
  }),
  response: struct({
    throttleTimeMs: int32.ignorable(),
    topics: array(
      struct({
        name: string,
        topicId: uuid.since(7).ignorable(),
        errorCode: int16,
        errorMessage: string.nullable().ignorable(),
        topicConfigErrorCode: int16.since(5).tagged(0).ignorable(),
        numPartitions: int32.since(5).default(-1).ignorable(),
        replicationFactor: int16.since(5).default(-1).ignorable(),
        configs: array(
          struct({
            name: string,
            value: string.nullable(),
            readOnly: boolean,
            configSource: int8.default(-1).ignorable(),
            isSensitive: boolean,
          }),
        )
          .nullable()
          .since(5)
          .ignorable(),
      }),
    ),
  }),
});
