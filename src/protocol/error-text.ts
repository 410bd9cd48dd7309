/** What Kafka says of an error code where nothing is known beyond it. */
import { ErrorCode, errorName } from "./error-code.ts";

const TEXTS: ReadonlyMap<number, string> = new Map([
  [
    ErrorCode.UNKNOWN_SERVER_ERROR,
    "The server experienced an unexpected error when processing the request.",
  ],
  [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "This server does not host this topic-partition."],
  [
    ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    "The coordinator is loading and hence can't process requests.",
  ],
  [ErrorCode.COORDINATOR_NOT_AVAILABLE, "The coordinator is not available."],
  [ErrorCode.INVALID_GROUP_ID, "The group id is invalid."],
  [
    ErrorCode.NOT_LEADER_OR_FOLLOWER,
    "For requests intended only for the leader, this error indicates that the broker is not the " +
      "current leader. For requests intended for any replica, this error indicates that the " +
      "broker is not a replica of the topic partition.",
  ],
  [ErrorCode.NON_EMPTY_GROUP, "The group is not empty."],
  [ErrorCode.UNSUPPORTED_VERSION, "The version of API is not supported."],
  [ErrorCode.NOT_COORDINATOR, "This is not the correct coordinator."],
  [
    ErrorCode.FENCED_LEADER_EPOCH,
    "The leader epoch in the request is older than the epoch on the broker.",
  ],
  [
    ErrorCode.FENCED_STATE_EPOCH,
    "The share coordinator rejected the request because the share-group state epoch did not match.",
  ],
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
