/**
 * JoinGroup, v0-9. Joins a group of the classic protocol; answered when all members have joined.
 *
 * - v1: rebalance timeout.
 * - v2: throttle time.
 * - v4: a new member is given its id first and must come again (KIP-394).
 * - v5: static members (KIP-345).
 * - v6: flexible.
 * - v7: protocol type in the response (KIP-559).
 * - v8: reason (KIP-800).
 * - v9: a leader may be told that nothing is to be assigned (KIP-814).
 */
import { api, array, boolean, bytes, int16, int32, string, struct } from "../schema.ts";

export const joinGroup = api({
  key: 11,
  name: "JoinGroup",
  versions: [0, 9],
  flexibleFrom: 6,
  listeners: ["broker"],
  request: struct({
    groupId: string,
    sessionTimeoutMs: int32,
    rebalanceTimeoutMs: int32.since(1).default(-1).ignorable(),
    memberId: string,
    groupInstanceId: string.nullable().since(5).default(null),
    protocolType: string,
    protocols: array(struct({ name: string, metadata: bytes })),
    reason: string.nullable().since(8).default(null).ignorable(),
  }),
  response: struct({
    throttleTimeMs: int32.since(2).ignorable(),
    errorCode: int16,
    generationId: int32.default(-1),
    protocolType: string.nullable().since(7).default(null).ignorable(),
    protocolName: string.nullable(7),
    leader: string,
    skipAssignment: boolean.since(9).default(false),
    memberId: string,
    members: array(
      struct({
        memberId: string,
        groupInstanceId: string.nullable().since(5).default(null).ignorable(),
        metadata: bytes,
      }),
    ),
  }),
});
