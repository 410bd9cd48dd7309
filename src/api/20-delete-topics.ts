/**
 * DeleteTopics: v1-6.
 *
 * - Answered when the records are committed; the files of the partitions go a little later.
 * - `delete.topic.enable=false` refuses every request.
 *
 * Versions: v3 TOPIC_DELETION_DISABLED; v5 error messages; v6 topics by id too (KIP-516).
 */
import { deleteTopics as deleteTopicsCommand } from "../metadata/controller/delete-topics.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { deleteTopics } from "../protocol/messages/20-delete-topics.ts";
import { handler } from "./handler.ts";

const TOPIC_IDS_VERSION = 6;

export const deleteTopicsHandler = handler(deleteTopics, (request, context, broker) => {
  const version = context.apiVersion;
  if (broker.settings.get("delete.topic.enable")) {
    return broker.metadata.submit(deleteTopicsCommand(request));
  }
  const errorCode = version < 3 ? ErrorCode.INVALID_REQUEST : ErrorCode.TOPIC_DELETION_DISABLED;
  const topics = version < TOPIC_IDS_VERSION ? request.topicNames.map(named) : request.topics;
  return { responses: topics.map(({ name, topicId }) => ({ name, topicId, errorCode })) };
});

function named(name: string): { name: string; topicId: undefined } {
  return { name, topicId: undefined };
}
