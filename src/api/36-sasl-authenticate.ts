/**
 * SaslAuthenticate: v0-2 (KIP-152).
 *
 * - A listener without SASL expects none, and says so.
 */
import { ErrorCode } from "../protocol/error-code.ts";
import { saslAuthenticate } from "../protocol/messages/36-sasl-authenticate.ts";
import { handler } from "./handler.ts";

export const saslAuthenticateHandler = handler(saslAuthenticate, () => ({
  errorCode: ErrorCode.ILLEGAL_SASL_STATE,
  errorMessage: "SaslAuthenticate request received after successful authentication",
  authBytes: Buffer.alloc(0),
}));
