/**
 * SaslHandshake: v0-1.
 *
 * - A listener without SASL expects none, and says so.
 */
import { ErrorCode } from "../protocol/error-code.ts";
import { saslHandshake } from "../protocol/messages/17-sasl-handshake.ts";
import { handler } from "./handler.ts";

export const saslHandshakeHandler = handler(saslHandshake, () => ({
  errorCode: ErrorCode.ILLEGAL_SASL_STATE,
  mechanisms: [],
}));
