/**
 * StreamsGroupDescribe: v0 (KIP-1071).
 *
 * - Epochs, the topology, members, tasks that they have and that they shall have, of streams
 *   groups; GROUP_ID_NOT_FOUND for any other.
 * - UNSUPPORTED_VERSION where the protocol is not spoken, as for StreamsGroupHeartbeat.
 */
import { GROUP_OPERATIONS, OPERATIONS_NOT_ASKED } from "../broker/authorized-operations.ts";
import { isStreamsProtocolEnabled } from "../broker/supported-features.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { streamsGroupDescribe } from "../protocol/messages/89-streams-group-describe.ts";
import { undescribedStreams } from "../coordinator/group/streams-descriptions.ts";
import { handler } from "./handler.ts";

export const streamsGroupDescribeHandler = handler(
  streamsGroupDescribe,
  async (request, _context, broker) => {
    const { groupIds, includeAuthorizedOperations } = request;
    if (!isStreamsProtocolEnabled(broker.image, broker.settings)) {
      const errorCode = ErrorCode.UNSUPPORTED_VERSION;
      return { groups: groupIds.map((groupId) => undescribedStreams(groupId, errorCode)) };
    }
    const groups = await broker.groups.describeStreamsGroups(groupIds);
    return {
      groups: groups.map((group) => {
        const isAsked = includeAuthorizedOperations && group.errorCode === ErrorCode.NONE;
        const authorizedOperations = isAsked ? GROUP_OPERATIONS : OPERATIONS_NOT_ASKED;
        return { ...group, authorizedOperations };
      }),
    };
  },
);
