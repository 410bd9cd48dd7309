/**
 * ConsumerGroupDescribe: v0-1 (KIP-848).
 *
 * - Epochs, members, what they have and what they shall have, of groups of the consumer protocol;
 *   GROUP_ID_NOT_FOUND for any other.
 * - UNSUPPORTED_VERSION where the protocol is not spoken, as for ConsumerGroupHeartbeat.
 *
 * Versions: v1 says which protocol a member speaks (KIP-1099).
 */
import { GROUP_OPERATIONS, OPERATIONS_NOT_ASKED } from "../broker/authorized-operations.ts";
import { isConsumerProtocolEnabled } from "../broker/supported-features.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { consumerGroupDescribe } from "../protocol/messages/69-consumer-group-describe.ts";
import { undescribedConsumer } from "../coordinator/group/consumer-descriptions.ts";
import { handler } from "./handler.ts";

export const consumerGroupDescribeHandler = handler(
  consumerGroupDescribe,
  async (request, _context, broker) => {
    const { groupIds, includeAuthorizedOperations } = request;
    if (!isConsumerProtocolEnabled(broker.image, broker.settings)) {
      const errorCode = ErrorCode.UNSUPPORTED_VERSION;
      return { groups: groupIds.map((groupId) => undescribedConsumer(groupId, errorCode)) };
    }
    const groups = await broker.groups.describeConsumerGroups(groupIds);
    return {
      groups: groups.map((group) => {
        const isAsked = includeAuthorizedOperations && group.errorCode === ErrorCode.NONE;
        const authorizedOperations = isAsked ? GROUP_OPERATIONS : OPERATIONS_NOT_ASKED;
        return { ...group, authorizedOperations };
      }),
    };
  },
);
