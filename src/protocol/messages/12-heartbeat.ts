/**
 * Heartbeat, v0-4. Keeps a member of a group of the classic protocol alive.
 *
 * - v1: throttle time.
 * - v3: static members (KIP-345).
 * - v4: flexible.
 */
import { api, int16, int32, string, struct } from "../schema.ts";

export const heartbeat = api({
  key: 12,
  name: "Heartbeat",
  versions: [0, 4],
  flexibleFrom: 4,
  listeners: ["broker"],
  request: struct({
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: string.nullable().since(3).default(null),
  }),
  response: struct({ throttleTimeMs: int32.since(1).ignorable(), errorCode: int16 }),
});
