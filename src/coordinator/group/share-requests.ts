/** What a ShareGroupHeartbeat must be like, before any group is looked at. */
import { LEFT_EPOCH } from "./consumer-member.ts";
import type { ShareHeartbeatRequest } from "./group-messages.ts";
import type { GroupRefusal } from "./group-refusal.ts";
import { invalidRequest, isBlank, JOIN_EPOCH } from "./member-checks.ts";

/** Null where nothing is wrong. */
export function checkShareHeartbeat(request: ShareHeartbeatRequest): GroupRefusal | null {
  const { memberEpoch, subscribedTopicNames } = request;
  if (isBlank(request.memberId)) return invalidRequest("MemberId can't be empty.");
  if (isBlank(request.groupId)) return invalidRequest("GroupId can't be empty.");
  if (isBlank(request.rackId)) return invalidRequest("RackId can't be empty.");
  if (memberEpoch < LEFT_EPOCH) return invalidRequest("MemberEpoch is invalid.");
  const isFirst = memberEpoch === JOIN_EPOCH;
  if (!isFirst || (subscribedTopicNames !== null && subscribedTopicNames.length > 0)) return null;
  return invalidRequest("SubscribedTopicNames must be set in first request.");
}
