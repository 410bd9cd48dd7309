/**
 * ListConfigResources, v0-1. Lists resources that have settings.
 *
 * - v0: those for client metrics alone (KIP-714, then named ListClientMetricsResources).
 * - v1: of every type (KIP-1142).
 */
import { api, array, int16, int32, int8, string, struct } from "../schema.ts";

export const listConfigResources = api({
  key: 74,
  name: "ListConfigResources",
  versions: [0, 1],
  flexibleFrom: 0,
  listeners: ["broker"],
  request: struct({ resourceTypes: array(int8).since(1) }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    configResources: array(
      struct({ resourceName: string, resourceType: int8.since(1).default(16).ignorable() }),
    ),
  }),
});
