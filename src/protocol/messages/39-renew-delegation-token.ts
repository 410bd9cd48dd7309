/**
 * RenewDelegationToken, v1-2. Renews a delegation token (KIP-48).
 *
 * - v2: flexible.
 */
import { api, bytes, int16, int32, int64, struct } from "../schema.ts";

export const renewDelegationToken = api({
  key: 39,
  name: "RenewDelegationToken",
  versions: [1, 2],
  flexibleFrom: 2,
  listeners: ["broker", "controller"],
  forwardable: true,
  request: struct({ hmac: bytes, renewPeriodMs: int64 }),
  response: struct({ errorCode: int16, expiryTimestampMs: int64, throttleTimeMs: int32 }),
});
