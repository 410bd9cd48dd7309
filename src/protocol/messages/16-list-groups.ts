/**
 * ListGroups, v0-5. Lists groups.
 *
 * - v1: throttle time.
 * - v3: flexible.
 * - v4: by state (KIP-518).
 * - v5: by type (KIP-848).
 */
import { api, array, int16, int32, string, struct } from "../schema.ts";

export const listGroups = api({
  key: 16,
  name: "ListGroups",
  versions: [0, 5],
  flexibleFrom: 3,
  listeners: ["broker"],
  request: struct({ statesFilter: array(string).since(4), typesFilter: array(string).since(5) }),
  response: struct({
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16,
    groups: array(
      struct({
        groupId: string,
        protocolType: string,
        groupState: string.since(4).ignorable(),
        groupType: string.since(5).ignorable(),
      }),
    ),
  }),
});
