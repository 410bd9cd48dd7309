/**
 * DescribeDelegationToken, v1-3. Describes delegation tokens (KIP-48).
 *
 * - v2: flexible.
 * - v3: who asked for the token (KIP-373).
 */
import { api, array, bytes, int16, int32, int64, string, struct } from "../schema.ts";

export const describeDelegationToken = api({
  key: 41,
  name: "DescribeDelegationToken",
  versions: [1, 3],
  flexibleFrom: 2,
  listeners: ["broker", "controller"],
  request: struct({
    owners: array(struct({ principalType: string, principalName: string })).nullable(),
  }),
  response: struct({
    errorCode: int16,
    tokens: array(
      struct({
        principalType: string,
        principalName: string,
        tokenRequesterPrincipalType: string.since(3),
        tokenRequesterPrincipalName: string.since(3),
        issueTimestamp: int64,
        expiryTimestamp: int64,
        maxTimestamp: int64,
        tokenId: string,
        hmac: bytes,
        renewers: array(struct({ principalType: string, principalName: string })),
      }),
    ),
    throttleTimeMs: int32,
  }),
});
