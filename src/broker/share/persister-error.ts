/** What clients are told when the state of a share partition cannot be read or written. */
import type { ShareStateResult } from "../../coordinator/share/persister.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { type ShareError, shareError } from "./share-error.ts";

export function persisterError({ errorCode, errorMessage }: ShareStateResult): ShareError {
  switch (errorCode) {
    case ErrorCode.NOT_COORDINATOR:
    case ErrorCode.COORDINATOR_NOT_AVAILABLE:
    case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
      return shareError(ErrorCode.COORDINATOR_NOT_AVAILABLE, errorMessage);
    case ErrorCode.GROUP_ID_NOT_FOUND:
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
      return shareError(errorCode, errorMessage);
    case ErrorCode.FENCED_LEADER_EPOCH:
    case ErrorCode.FENCED_STATE_EPOCH:
      return shareError(ErrorCode.NOT_LEADER_OR_FOLLOWER, errorMessage);
    case ErrorCode.UNSUPPORTED_VERSION:
      return shareError(
        ErrorCode.UNKNOWN_SERVER_ERROR,
        "Unable to complete operation due to server error.",
      );
    default:
      return shareError(ErrorCode.UNKNOWN_SERVER_ERROR, errorMessage);
  }
}

/** After these the state has to be read anew: somebody else has changed or removed it. */
export function isFencing({ errorCode }: ShareError): boolean {
  return (
    errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER ||
    errorCode === ErrorCode.FENCED_STATE_EPOCH ||
    errorCode === ErrorCode.GROUP_ID_NOT_FOUND ||
    errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  );
}
