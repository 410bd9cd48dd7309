/** What Kafka says of an error code where nothing is known beyond it. */
import { ErrorCode, errorName } from "../protocol/error-code.ts";

const TEXTS: ReadonlyMap<number, string> = new Map([
  [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic-partition."],
  [ErrorCode.COORDINATOR_NOT_AVAILABLE, "The coordinator is not available."],
  [
    ErrorCode.INVALID_REQUEST,
    "This most likely occurs because of a request being malformed by the client library or the " +
      "message was sent to an incompatible broker. See the broker logs for more details.",
  ],
  [ErrorCode.POLICY_VIOLATION, "Request parameters do not satisfy the configured policy."],
  [ErrorCode.TOPIC_DELETION_DISABLED, "Topic deletion is disabled."],
]);

/** Its name where nobody is ever told more. */
export function errorText(errorCode: number): string {
  return TEXTS.get(errorCode) ?? errorName(errorCode);
}
