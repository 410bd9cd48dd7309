/**
 * CreateTopics: v2-7.
 *
 * - Partitions are placed by the controller, or as the request says (`assignments`); settings are
 *   checked; with `validateOnly` nothing is written.
 * - Answered when the records are committed: the topic is in the metadata then.
 *
 * Versions: v4 default number of partitions and replicas (KIP-464); v5 tells the new topic's
 * settings (KIP-525); v6 THROTTLING_QUOTA_EXCEEDED (KIP-599); v7 its id (KIP-516).
 */
import { ZERO_UUID } from "../base/uuid.ts";
import * as controller from "../metadata/controller/create-topics.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { createTopics } from "../protocol/messages/19-create-topics.ts";
import { handler } from "./handler.ts";
import { withMutationPermits } from "./mutation-permits.ts";
import { submit } from "./submit.ts";

const STRICT_VERSION = 6;
const NOT_CREATED = {
  topicId: ZERO_UUID,
  topicConfigErrorCode: ErrorCode.NONE,
  numPartitions: -1,
  replicationFactor: -1,
  configs: [],
};

export const createTopicsHandler = handler(
  createTopics,
  (request, context, broker) =>
    withMutationPermits(context, broker, STRICT_VERSION, (permits) =>
      submit(broker, controller.createTopics(request, permits), request.timeoutMs),
    ),
  {
    refused: (request, refusal) => ({
      topics: request.topics.map(({ name }) => ({ name, ...refusal, ...NOT_CREATED })),
    }),
  },
);
