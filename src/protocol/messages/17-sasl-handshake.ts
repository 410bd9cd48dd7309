/**
 * SaslHandshake, v0-1. Chooses a SASL mechanism.
 *
 * - v1: what follows is wrapped in SaslAuthenticate (KIP-152).
 */
import { api, array, int16, string, struct } from "../schema.ts";

export const saslHandshake = api({
  key: 17,
  name: "SaslHandshake",
  versions: [0, 1],
  listeners: ["broker", "controller"],
  request: struct({ mechanism: string }),
  response: struct({ errorCode: int16, mechanisms: array(string) }),
});
