/**
 * SaslAuthenticate, v0-2. Carries one message of a SASL exchange.
 *
 * - v1: how long the session lasts (KIP-368).
 * - v2: flexible.
 */
import { api, bytes, int16, int64, string, struct } from "../schema.ts";

export const saslAuthenticate = api({
  key: 36,
  name: "SaslAuthenticate",
  versions: [0, 2],
  flexibleFrom: 2,
  listeners: ["broker", "controller"],
  request: struct({ authBytes: bytes }),
  response: struct({
    errorCode: int16,
    errorMessage: string.nullable(),
    authBytes: bytes,
    sessionLifetimeMs: int64.since(1).default(0).ignorable(),
  }),
});
