/**
 * CreatePartitions: v0-3 (KIP-195).
 *
 * - `count` is how many a topic shall have in the end; records with keys go elsewhere from then on.
 *
 * Versions: v3 THROTTLING_QUOTA_EXCEEDED (KIP-599).
 */
import * as controller from "../metadata/controller/create-partitions.ts";
import { createPartitions } from "../protocol/messages/37-create-partitions.ts";
import { handler } from "./handler.ts";
import { withMutationPermits } from "./mutation-permits.ts";
import { submit } from "./submit.ts";

const STRICT_VERSION = 3;

export const createPartitionsHandler = handler(
  createPartitions,
  (request, context, broker) =>
    withMutationPermits(context, broker, STRICT_VERSION, (permits) =>
      submit(broker, controller.createPartitions(request, permits), request.timeoutMs),
    ),
  {
    refused: (request, refusal) => ({
      results: request.topics.map(({ name }) => ({ name, ...refusal })),
    }),
  },
);
