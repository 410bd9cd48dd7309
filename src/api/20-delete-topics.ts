/**
 * DeleteTopics: v1-6.
 *
 * - Answered when the records are committed; the files of the partitions go a little later.
 * - `delete.topic.enable=false` refuses every request.
 *
 * Versions: v3 TOPIC_DELETION_DISABLED; v5 error messages, THROTTLING_QUOTA_EXCEEDED (KIP-599); v6
 * topics by id too (KIP-516).
 */
import { ZERO_UUID } from "../base/uuid.ts";
import * as controller from "../metadata/controller/delete-topics.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { deleteTopics } from "../protocol/messages/20-delete-topics.ts";
import { handler } from "./handler.ts";
import { withMutationPermits } from "./mutation-permits.ts";
import { submit } from "./submit.ts";

const STRICT_VERSION = 5;

export const deleteTopicsHandler = handler(
  deleteTopics,
  (request, context, broker) => {
    if (broker.settings.get("delete.topic.enable")) {
      return withMutationPermits(context, broker, STRICT_VERSION, (permits) =>
        submit(broker, controller.deleteTopics(request, permits), request.timeoutMs),
      );
    }
    return refuseAll(
      request,
      context.apiVersion < 3 ? ErrorCode.INVALID_REQUEST : ErrorCode.TOPIC_DELETION_DISABLED,
    );
  },
  { refused: (request, { errorCode }) => refuseAll(request, errorCode) },
);

function refuseAll(
  request: controller.DeleteTopicsRequest,
  errorCode: ErrorCode,
): controller.DeleteTopicsResponse {
  const named = request.topicNames.map((name) => ({ name, topicId: ZERO_UUID }));
  const responses = [...named, ...request.topics].map((topic) => ({
    ...topic,
    errorCode,
    errorMessage: null,
  }));
  return { throttleTimeMs: 0, responses };
}
