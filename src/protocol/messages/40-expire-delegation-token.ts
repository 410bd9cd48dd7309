/**
 * ExpireDelegationToken, v1-2. Lets a delegation token expire (KIP-48).
 *
 * - v2: flexible.
 */
import { api, bytes, int16, int32, int64, struct } from "../schema.ts";

export const expireDelegationToken = api({
  key: 40,
  name: "ExpireDelegationToken",
  versions: [1, 2],
  flexibleFrom: 2,
  listeners: ["broker", "controller"],
  forwardable: true,
  request: struct({ hmac: bytes, expiryTimePeriodMs: int64 }),
  response: struct({ errorCode: int16, expiryTimestampMs: int64, throttleTimeMs: int32 }),
});
