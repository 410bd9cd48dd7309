/**
 * UpdateFeatures, v0-2. Raises or lowers feature levels (KIP-584).
 *
 * - v1: validate only; how a downgrade is meant (KIP-778).
 * - v2: no results for each feature in the response.
 */
import { api, array, boolean, int16, int32, int8, string, struct } from "../schema.ts";

export const updateFeatures = api({
  key: 57,
  name: "UpdateFeatures",
  versions: [0, 2],
  flexibleFrom: 0,
  listeners: ["broker", "controller"],
  forwardable: true,
  clusterAction: true,
  request: struct({
    timeoutMs: int32.default(60000),
    featureUpdates: array(
      struct({
        feature: string,
        maxVersionLevel: int16,
        allowDowngrade: boolean.until(0),
        upgradeType: int8.since(1).default(1),
      }),
    ),
    validateOnly: boolean.since(1).default(false),
  }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    results: array(struct({ feature: string, errorCode: int16, errorMessage: string.nullable() }))
      .until(1)
      .ignorable(),
  }),
});
