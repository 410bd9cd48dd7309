/**
 * ExpireDelegationToken: v1-2 (KIP-48).
 *
 * - Not for clients that have not proved who they are: see CreateDelegationToken.
 */
import { ErrorCode } from "../protocol/error-code.ts";
import { expireDelegationToken } from "../protocol/messages/40-expire-delegation-token.ts";
import { handler } from "./handler.ts";

export const expireDelegationTokenHandler = handler(
  expireDelegationToken,
  () => ({
    errorCode: ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED,
    expiryTimestampMs: -1,
  }),
  { asksController: true },
);
