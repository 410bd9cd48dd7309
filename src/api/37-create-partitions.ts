/**
 * CreatePartitions: v0-3 (KIP-195).
 *
 * - `count` is how many a topic shall have in the end; records with keys go elsewhere from then on.
 */
import * as controller from "../metadata/controller/create-partitions.ts";
import { createPartitions } from "../protocol/messages/37-create-partitions.ts";
import { handler } from "./handler.ts";
import { submit } from "./submit.ts";

export const createPartitionsHandler = handler(createPartitions, (request, _context, broker) =>
  submit(
    broker,
    controller.createPartitions(request),
    (refused) => ({
      throttleTimeMs: 0,
      results: request.topics.map(({ name }) => ({ name, ...refused })),
    }),
    request.timeoutMs,
  ),
);
