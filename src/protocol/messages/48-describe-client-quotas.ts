/**
 * DescribeClientQuotas, v0-1. Describes quotas of users, client ids and addresses (KIP-546).
 *
 * - v1: flexible.
 */
import { api, array, boolean, float64, int16, int32, int8, string, struct } from "../schema.ts";

export const describeClientQuotas = api({
  key: 48,
  name: "DescribeClientQuotas",
  versions: [0, 1],
  flexibleFrom: 1,
  listeners: ["broker"],
  request: struct({
    components: array(struct({ entityType: string, matchType: int8, match: string.nullable() })),
    strict: boolean,
  }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    entries: array(
      struct({
        entity: array(struct({ entityType: string, entityName: string.nullable() })),
        values: array(struct({ key: string, value: float64 })),
      }),
    ).nullable(),
  }),
});
