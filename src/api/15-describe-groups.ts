/**
 * DescribeGroups: v0-6.
 *
 * Versions: v3 authorized operations (KIP-430); v4 static members; v6 GROUP_ID_NOT_FOUND with a
 * message, where older versions are told of a group in state Dead (KIP-1043).
 */
import { GROUP_OPERATIONS, OPERATIONS_NOT_ASKED } from "../broker/authorized-operations.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { describeGroups } from "../protocol/messages/15-describe-groups.ts";
import { groupCaller } from "./group-caller.ts";
import { handler } from "./handler.ts";

export const describeGroupsHandler = handler(describeGroups, async (request, context, broker) => {
  const { groups } = await broker.groups.describeGroups(request, groupCaller(context));
  return {
    groups: groups.map((group) => {
      const isAsked = request.includeAuthorizedOperations && group.errorCode === ErrorCode.NONE;
      return {
        ...group,
        authorizedOperations: isAsked ? GROUP_OPERATIONS : OPERATIONS_NOT_ASKED,
      };
    }),
  };
});
