/**
 * LeaveGroup, v0-5. Leaves a group.
 *
 * - v1: throttle time.
 * - v3: several members at once, static ones too (KIP-345).
 * - v4: flexible.
 * - v5: reason (KIP-800).
 */
import { api, array, int16, int32, string, struct } from "../schema.ts";

export const leaveGroup = api({
  key: 13,
  name: "LeaveGroup",
  versions: [0, 5],
  flexibleFrom: 4,
  listeners: ["broker"],
  request: struct({
    groupId: string,
    memberId: string.until(2),
    members: array(
      struct({
        memberId: string,
        groupInstanceId: string.nullable().default(null),
        reason: string.nullable().since(5).default(null).ignorable(),
      }),
    ).since(3),
  }),
  response: struct({
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16,
    members: array(
      struct({ memberId: string, groupInstanceId: string.nullable(), errorCode: int16 }),
    ).since(3),
  }),
});
