/**
 * IncrementalAlterConfigs, v0-1. Sets, deletes, appends to and subtracts from settings (KIP-339).
 *
 * - v1: flexible.
 */
import { api, array, boolean, int16, int32, int8, string, struct } from "../schema.ts";

export const incrementalAlterConfigs = api({
  key: 44,
  name: "IncrementalAlterConfigs",
  versions: [0, 1],
  flexibleFrom: 1,
  listeners: ["broker", "controller"],
  forwardable: true,
  request: struct({
    resources: array(
      struct({
        resourceType: int8,
        resourceName: string,
        configs: array(struct({ name: string, configOperation: int8, value: string.nullable() })),
      }),
    ),
    validateOnly: boolean,
  }),
  response: struct({
    throttleTimeMs: int32,
    responses: array(
      struct({
        errorCode: int16,
        errorMessage: string.nullable(),
        resourceType: int8,
        resourceName: string,
      }),
    ),
  }),
});
