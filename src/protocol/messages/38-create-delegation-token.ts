/**
 * CreateDelegationToken, v1-3. Creates a delegation token (KIP-48).
 *
 * - v2: flexible.
 * - v3: on behalf of another owner (KIP-373).
 */
import { api, array, bytes, int16, int32, int64, string, struct } from "../schema.ts";

export const createDelegationToken = api({
  key: 38,
  name: "CreateDelegationToken",
  versions: [1, 3],
  flexibleFrom: 2,
  listeners: ["broker", "controller"],
  forwardable: true,
  request: struct({
    ownerPrincipalType: string.nullable().since(3),
    ownerPrincipalName: string.nullable().since(3),
    renewers: array(struct({ principalType: string, principalName: string })),
    maxLifetimeMs: int64,
  }),
  response: struct({
    errorCode: int16,
    principalType: string,
    principalName: string,
    tokenRequesterPrincipalType: string.since(3),
    tokenRequesterPrincipalName: string.since(3),
    issueTimestampMs: int64,
    expiryTimestampMs: int64,
    maxTimestampMs: int64,
    tokenId: string,
    hmac: bytes,
    throttleTimeMs: int32,
  }),
});
