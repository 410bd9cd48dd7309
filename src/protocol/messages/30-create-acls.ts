/**
 * CreateAcls, v1-3. Creates access rules.
 *
 * - v2: flexible.
 * - v3: resources of type user (KIP-373).
 */
import { api, array, int16, int32, int8, string, struct } from "../schema.ts";

export const createAcls = api({
  key: 30,
  name: "CreateAcls",
  versions: [1, 3],
  flexibleFrom: 2,
  listeners: ["broker", "controller"],
  forwardable: true,
  request: struct({
    creations: array(
      struct({
        resourceType: int8,
        resourceName: string,
        resourcePatternType: int8.default(3),
        principal: string,
        host: string,
        operation: int8,
        permissionType: int8,
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: int32,
    results: array(struct({ errorCode: int16, errorMessage: string.nullable() })),
  }),
});
