/**
 * CreateDelegationToken: v1-3 (KIP-48).
 *
 * - Tokens are for clients that have proved who they are: on a listener without SASL or client
 *   certificates they are not given out.
 *
 * Versions: v3 for another owner (KIP-373).
 */
import { ErrorCode } from "../protocol/error-code.ts";
import { createDelegationToken } from "../protocol/messages/38-create-delegation-token.ts";
import { handler } from "./handler.ts";

/** Of the times of a token that is none, too. */
const NO_TIME = -1;
const ANONYMOUS = { type: "User", name: "ANONYMOUS" };

export const createDelegationTokenHandler = handler(
  createDelegationToken,
  (request, context) => {
    const { ownerPrincipalName } = request;
    const isForOther = context.apiVersion >= 3 && (ownerPrincipalName ?? "") !== "";
    const requester = {
      tokenRequesterPrincipalType: ANONYMOUS.type,
      tokenRequesterPrincipalName: ANONYMOUS.name,
    };
    return {
      errorCode: ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED,
      principalType: isForOther ? (request.ownerPrincipalType ?? "") : ANONYMOUS.type,
      principalName: isForOther ? (ownerPrincipalName ?? "") : ANONYMOUS.name,
      ...(context.apiVersion >= 3 ? requester : {}),
      issueTimestampMs: NO_TIME,
      expiryTimestampMs: NO_TIME,
      maxTimestampMs: NO_TIME,
      tokenId: "",
      hmac: Buffer.alloc(0),
    };
  },
  { asksController: true },
);
