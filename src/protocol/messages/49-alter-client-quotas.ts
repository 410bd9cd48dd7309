/**
 * AlterClientQuotas, v0-1. Changes quotas of users, client ids and addresses (KIP-546).
 *
 * - v1: flexible.
 */
import { api, array, boolean, float64, int16, int32, string, struct } from "../schema.ts";

export const alterClientQuotas = api({
  key: 49,
  name: "AlterClientQuotas",
  versions: [0, 1],
  flexibleFrom: 1,
  listeners: ["broker", "controller"],
  forwardable: true,
  request: struct({
    entries: array(
      struct({
        entity: array(struct({ entityType: string, entityName: string.nullable() })),
        ops: array(struct({ key: string, value: float64, remove: boolean })),
      }),
    ),
    validateOnly: boolean,
  }),
  response: struct({
    throttleTimeMs: int32,
    entries: array(
      struct({
        errorCode: int16,
        errorMessage: string.nullable(),
        entity: array(struct({ entityType: string, entityName: string.nullable() })),
      }),
    ),
  }),
});
