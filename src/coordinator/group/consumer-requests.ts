/** What a ConsumerGroupHeartbeat must be like, before any group is looked at. */
import { ErrorCode } from "../../protocol/error-code.ts";
import { LEFT_EPOCH, STATIC_LEFT_EPOCH } from "./consumer-member.ts";
import type { GroupConfig } from "./group-config.ts";
import type { ConsumerHeartbeatRequest } from "./group-messages.ts";
import { GroupRefusal } from "./group-refusal.ts";
import { invalidRequest, isBlank, JOIN_EPOCH } from "./member-checks.ts";

/** KIP-1082: from here on members choose their ids. */
const MEMBER_ID_REQUIRED_VERSION = 1;

/** Null where nothing is wrong. */
export function checkConsumerHeartbeat(
  request: ConsumerHeartbeatRequest,
  apiVersion: number,
  config: Pick<GroupConfig, "groupConsumerAssignors">,
): GroupRefusal | null {
  const { memberEpoch, serverAssignor } = request;
  const needsId =
    apiVersion >= MEMBER_ID_REQUIRED_VERSION || memberEpoch > 0 || memberEpoch === LEFT_EPOCH;
  if (needsId && isBlank(request.memberId)) return invalidRequest("MemberId can't be empty.");
  if (isBlank(request.groupId)) return invalidRequest("GroupId can't be empty.");
  if (isBlank(request.instanceId)) return invalidRequest("InstanceId can't be empty.");
  if (isBlank(request.rackId)) return invalidRequest("RackId can't be empty.");
  if (memberEpoch === JOIN_EPOCH) {
    const refusal = checkJoin(request);
    if (refusal !== null) return refusal;
  } else if (memberEpoch === STATIC_LEFT_EPOCH) {
    if (request.instanceId === null) return invalidRequest("InstanceId can't be null.");
  } else if (memberEpoch < STATIC_LEFT_EPOCH) {
    return invalidRequest("MemberEpoch is invalid.");
  }
  if (serverAssignor === null) return null;
  const assignors = config.groupConsumerAssignors;
  if (assignors.includes(serverAssignor)) return null;
  return new GroupRefusal(
    ErrorCode.UNSUPPORTED_ASSIGNOR,
    `ServerAssignor ${serverAssignor} is not supported. Supported assignors: ` +
      `${assignors.join(", ")}.`,
  );
}

function checkJoin(request: ConsumerHeartbeatRequest): GroupRefusal | null {
  const { topicPartitions, subscribedTopicNames, subscribedTopicRegex } = request;
  if (request.rebalanceTimeoutMs === -1) {
    return invalidRequest("RebalanceTimeoutMs must be provided in first request.");
  }
  if (topicPartitions === null || topicPartitions.length > 0) {
    return invalidRequest("TopicPartitions must be empty when (re-)joining.");
  }
  if (subscribedTopicNames === null && subscribedTopicRegex === null) {
    return invalidRequest(
      "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
    );
  }
  return null;
}
