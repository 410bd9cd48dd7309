/**
 * DescribeDelegationToken: v1-3 (KIP-48).
 *
 * - Not for clients that have not proved who they are: see CreateDelegationToken.
 * - Kafka's controller lists it, and cannot answer it.
 *
 * Versions: v3 who asked for a token (KIP-373).
 */
import { ErrorCode } from "../protocol/error-code.ts";
import { describeDelegationToken } from "../protocol/messages/41-describe-delegation-token.ts";
import { handler } from "./handler.ts";

export const describeDelegationTokenHandler = handler(
  describeDelegationToken,
  (_request, { listenerKind }) => ({
    errorCode:
      listenerKind === "controller"
        ? ErrorCode.UNKNOWN_SERVER_ERROR
        : ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED,
    tokens: [],
  }),
);
