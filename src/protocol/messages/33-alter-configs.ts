/**
 * AlterConfigs, v0-2. Replaces all settings of a resource; IncrementalAlterConfigs took its place.
 *
 * - v1: the answer is sent before the client is throttled.
 * - v2: flexible.
 */
import { api, array, boolean, int16, int32, int8, string, struct } from "../schema.ts";

export const alterConfigs = api({
  key: 33,
  name: "AlterConfigs",
  versions: [0, 2],
  flexibleFrom: 2,
  listeners: ["broker", "controller"],
  forwardable: true,
  request: struct({
    resources: array(
      struct({
        resourceType: int8,
        resourceName: string,
        configs: array(struct({ name: string, value: string.nullable() })),
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
