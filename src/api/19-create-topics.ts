/**
 * CreateTopics: v2-7.
 *
 * - Partitions are placed by the controller, or as the request says (`assignments`); settings are
 *   checked; with `validateOnly` nothing is written.
 * - Answered when the records are committed: the topic is in the metadata then.
 *
 * Versions: v4 default number of partitions and replicas (KIP-464); v5 tells the new topic's
 * settings (KIP-525); v7 its id (KIP-516).
 */
import { createTopics as createTopicsCommand } from "../metadata/controller/create-topics.ts";
import { createTopics } from "../protocol/messages/19-create-topics.ts";
import { handler } from "./handler.ts";

export const createTopicsHandler = handler(createTopics, (request, _context, broker) =>
  broker.metadata.submit(createTopicsCommand(request)),
);
