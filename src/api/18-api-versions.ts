/**
 * ApiVersions: v0-4.
 *
 * - The first request of nearly every client, so it answers even a version that is not known: with
 *   UNSUPPORTED_VERSION and its own versions, in the form of v0 (KIP-511).
 * - What it lists is what this listener dispatches: both come from the list of handlers.
 *
 * Versions: v3 takes the client's name and version and gives features; v4 keeps
 * features with a lowest version of 0, which v3 clients could not read.
 */
import { ErrorCode } from "../protocol/error-code.ts";
import { produce } from "../protocol/messages/00-produce.ts";
import { apiVersions } from "../protocol/messages/18-api-versions.ts";
import type { Input, Versions } from "../protocol/schema.ts";
import type { Broker } from "../broker/broker.ts";
import { KRAFT_VERSION } from "../metadata/features.ts";
import { encodeResponse, handler, type Handler, type RequestContext } from "./handler.ts";
import type { Response } from "./request.ts";

export interface AdvertisedApi {
  readonly key: number;
  readonly versions: Versions;
}

export function apiVersionsHandler(
  advertised: (context: RequestContext) => readonly AdvertisedApi[],
): Handler {
  return handler(apiVersions, (request, context, broker) => {
    if (context.apiVersion >= 3) {
      if (!isNameOfSoftware(request.clientSoftwareName, request.clientSoftwareVersion)) {
        return { errorCode: ErrorCode.INVALID_REQUEST, apiKeys: [] };
      }
      context.connection.clientSoftwareName = request.clientSoftwareName;
      context.connection.clientSoftwareVersion = request.clientSoftwareVersion;
    }
    return {
      errorCode: ErrorCode.NONE,
      apiKeys: keysOf(advertised(context)),
      ...featuresFor(broker, context.apiVersion),
    };
  });
}

/**
 * KIP-511: the answer to a version that is not known tells which versions of this very API are, and
 * the client asks again.
 */
export function unsupportedVersionResponse(
  context: RequestContext,
  advertised: readonly AdvertisedApi[],
): Response {
  const itself = advertised.filter(({ key }) => key === apiVersions.key);
  const body = { errorCode: ErrorCode.UNSUPPORTED_VERSION, apiKeys: keysOf(itself) };
  return encodeResponse(apiVersions, 0, body, context);
}

function keysOf(advertised: readonly AdvertisedApi[]): {
  apiKey: number;
  minVersion: number;
  maxVersion: number;
}[] {
  return advertised.map(({ key, versions }) => ({
    apiKey: key,
    // KAFKA-18659: old librdkafka does not compress unless Produce v0 is here; it never sends it.
    minVersion: key === produce.key ? 0 : versions[0],
    maxVersion: versions[1],
  }));
}

type Features = Pick<
  Input<typeof apiVersions.response>,
  "supportedFeatures" | "finalizedFeatures" | "finalizedFeaturesEpoch"
>;

function featuresFor(broker: Broker, version: number): Features {
  const supported = [...broker.supportedFeatures].map(([name, range]) => ({
    name,
    minVersion: range.min,
    maxVersion: range.max,
  }));
  const levels = new Map(broker.image.features);
  // It is in the quorum's own records, not in the image.
  const { kraftVersion } = broker.metadata.raft;
  if (kraftVersion > 0) levels.set(KRAFT_VERSION, kraftVersion);
  const finalized = [...levels].map(([name, level]) => ({
    name,
    maxVersionLevel: level,
    minVersionLevel: level,
  }));
  return {
    // Clients of v3 take a lowest version of 0 for a broken response.
    supportedFeatures: version < 4 ? supported.filter((row) => row.minVersion > 0) : supported,
    finalizedFeatures: finalized,
    finalizedFeaturesEpoch: broker.metadataOffset,
  };
}

/** The pattern of KIP-511 for both. */
const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;

function isNameOfSoftware(name: string, version: string): boolean {
  return SOFTWARE.test(name) && SOFTWARE.test(version);
}
