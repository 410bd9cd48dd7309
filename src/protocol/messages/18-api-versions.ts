/**
 * ApiVersions, v0-4. Tells which APIs and versions the server speaks. A version that it does not
 * know is answered in v0.
 *
 * - v1: throttle time.
 * - v3: flexible; name and version of the client (KIP-511), features (KIP-584). The response header
 *   stays at v0.
 * - v4: features may begin at level 0 (KAFKA-17011).
 */
import { api, array, boolean, int16, int32, int64, string, struct } from "../schema.ts";

export const apiVersions = api({
  key: 18,
  name: "ApiVersions",
  versions: [0, 4],
  flexibleFrom: 3,
  listeners: ["broker", "controller"],
  request: struct({
    clientSoftwareName: string.since(3).ignorable(),
    clientSoftwareVersion: string.since(3).ignorable(),
  }),
  response: struct({
    errorCode: int16,
    apiKeys: array(struct({ apiKey: int16, minVersion: int16, maxVersion: int16 })),
    throttleTimeMs: int32.since(1).ignorable(),
    supportedFeatures: array(struct({ name: string, minVersion: int16, maxVersion: int16 }))
      .since(3)
      .tagged(0)
      .ignorable(),
    finalizedFeaturesEpoch: int64.since(3).tagged(1).default(-1).ignorable(),
    finalizedFeatures: array(
      struct({ name: string, maxVersionLevel: int16, minVersionLevel: int16 }),
    )
      .since(3)
      .tagged(2)
      .ignorable(),
    zkMigrationReady: boolean.since(3).tagged(3).default(false).ignorable(),
  }),
});
