/**
 * What stands in front of every request and response.
 *
 * Flexible requests have header v2 and flexible responses v1, each with tagged fields. Two things
 * keep every client able to begin a conversation: the client id is never compact, and the answer to
 * ApiVersions always has header v0, as its reader does not know yet what the server speaks.
 */
import { int16, int32, message, string, struct, type AnyApi } from "../schema.ts";

export const requestHeader = message({
  name: "RequestHeader",
  versions: [1, 2],
  flexibleFrom: 2,
  fields: struct({
    requestApiKey: int16,
    requestApiVersion: int16,
    correlationId: int32,
    clientId: string.inflexible().nullable(),
  }),
});

export const responseHeader = message({
  name: "ResponseHeader",
  versions: [0, 1],
  flexibleFrom: 1,
  fields: struct({
    correlationId: int32,
  }),
});

/** `version` may be one that we do not know, as the header is read before that is checked. */
export function requestHeaderVersion(
  api: Pick<AnyApi, "key" | "flexibleFrom">,
  version: number,
): number {
  return version >= api.flexibleFrom ? 2 : 1;
}

export function responseHeaderVersion(
  api: Pick<AnyApi, "key" | "flexibleFrom">,
  version: number,
): number {
  if (api.key === API_VERSIONS) return 0;
  return version >= api.flexibleFrom ? 1 : 0;
}

const API_VERSIONS = 18;
