/**
 * DeleteGroups, v0-2. Deletes groups that have no members.
 *
 * - v1: the answer is sent before the client is throttled.
 * - v2: flexible.
 */
import { api, array, int16, int32, string, struct } from "../schema.ts";

export const deleteGroups = api({
  key: 42,
  name: "DeleteGroups",
  versions: [0, 2],
  flexibleFrom: 2,
  listeners: ["broker"],
  request: struct({ groupsNames: array(string) }),
  response: struct({
    throttleTimeMs: int32,
    results: array(struct({ groupId: string, errorCode: int16 })),
  }),
});
