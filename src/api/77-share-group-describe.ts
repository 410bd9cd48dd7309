/**
 * ShareGroupDescribe: v1 (KIP-932).
 *
 * - Epochs and members of share groups, and what each may fetch; GROUP_ID_NOT_FOUND for any other.
 * - UNSUPPORTED_VERSION where the cluster does not have share.version 1.
 *
 * Versions: v0 was for early access and is gone.
 */
import { GROUP_OPERATIONS, OPERATIONS_NOT_ASKED } from "../broker/authorized-operations.ts";
import { isShareProtocolEnabled } from "../broker/supported-features.ts";
import { undescribedShare } from "../coordinator/group/share-descriptions.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { shareGroupDescribe } from "../protocol/messages/77-share-group-describe.ts";
import { handler } from "./handler.ts";

export const shareGroupDescribeHandler = handler(
  shareGroupDescribe,
  async (request, _context, broker) => {
    const { groupIds, includeAuthorizedOperations } = request;
    if (!isShareProtocolEnabled(broker.image)) {
      const errorCode = ErrorCode.UNSUPPORTED_VERSION;
      return { groups: groupIds.map((groupId) => undescribedShare(groupId, errorCode)) };
    }
    const groups = await broker.groups.describeShareGroups(groupIds);
    return {
      groups: groups.map((group) => {
        const isAsked = includeAuthorizedOperations && group.errorCode === ErrorCode.NONE;
        const authorizedOperations = isAsked ? GROUP_OPERATIONS : OPERATIONS_NOT_ASKED;
        return { ...group, authorizedOperations };
      }),
    };
  },
);
