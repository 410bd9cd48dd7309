/**
 * RenewDelegationToken: v1-2 (KIP-48).
 *
 * - Not for clients that have not proved who they are: see CreateDelegationToken.
 */
import { ErrorCode } from "../protocol/error-code.ts";
import { renewDelegationToken } from "../protocol/messages/39-renew-delegation-token.ts";
import { handler } from "./handler.ts";

export const renewDelegationTokenHandler = handler(
  renewDelegationToken,
  () => ({
    errorCode: ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED,
    expiryTimestampMs: -1,
  }),
  { asksController: true },
);
