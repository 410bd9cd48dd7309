/**
 * DescribeGroups, v0-6. Describes groups of the classic protocol.
 *
 * - v1: throttle time.
 * - v3: authorized operations (KIP-430).
 * - v4: static members (KIP-345).
 * - v5: flexible.
 * - v6: GROUP_ID_NOT_FOUND with a message, where a dead group was answered before (KIP-1043).
 */
import { api, array, boolean, bytes, int16, int32, string, struct } from "../schema.ts";

export const describeGroups = api({
  key: 15,
  name: "DescribeGroups",
  versions: [0, 6],
  flexibleFrom: 5,
  listeners: ["broker"],
  request: struct({ groups: array(string), includeAuthorizedOperations: boolean.since(3) }),
  response: struct({
    throttleTimeMs: int32.since(1).ignorable(),
    groups: array(
      struct({
        errorCode: int16,
        errorMessage: string.nullable().since(6).default(null),
        groupId: string,
        groupState: string,
        protocolType: string,
        protocolData: string,
        members: array(
          struct({
            memberId: string,
            groupInstanceId: string.nullable().since(4).default(null).ignorable(),
            clientId: string,
            clientHost: string,
            memberMetadata: bytes,
            memberAssignment: bytes,
          }),
        ),
        authorizedOperations: int32.since(3).default(-2147483648),
      }),
    ),
  }),
});
