/**
 * SyncGroup, v0-5. Hands in and waits for the assignments of a group of the classic protocol.
 *
 * - v1: throttle time.
 * - v3: static members (KIP-345).
 * - v4: flexible.
 * - v5: protocol type and name, on both ways (KIP-559).
 */
import { api, array, bytes, int16, int32, string, struct } from "../schema.ts";

export const syncGroup = api({
  key: 14,
  name: "SyncGroup",
  versions: [0, 5],
  flexibleFrom: 4,
  listeners: ["broker"],
  request: struct({
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: string.nullable().since(3).default(null),
    protocolType: string.nullable().since(5).default(null).ignorable(),
    protocolName: string.nullable().since(5).default(null).ignorable(),
    assignments: array(struct({ memberId: string, assignment: bytes })),
  }),
  response: struct({
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16,
    protocolType: string.nullable().since(5).default(null).ignorable(),
    protocolName: string.nullable().since(5).default(null).ignorable(),
    assignment: bytes,
  }),
});
