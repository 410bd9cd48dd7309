/** What a StreamsGroupHeartbeat must be like, before any group is looked at. */
import { ErrorCode } from "../../protocol/error-code.ts";
import { STATIC_LEFT_EPOCH } from "./consumer-member.ts";
import type { StreamsHeartbeatRequest } from "./group-messages.ts";
import { GroupRefusal } from "./group-refusal.ts";
import { invalidRequest, isBlank, JOIN_EPOCH } from "./member-checks.ts";

/** Null where nothing is wrong. */
export function checkStreamsHeartbeat(request: StreamsHeartbeatRequest): GroupRefusal | null {
  return checkSupported(request) ?? checkFields(request) ?? checkTasks(request);
}

/** What the protocol has fields for, and no release of Kafka up to 4.3 does. */
function checkSupported(request: StreamsHeartbeatRequest): GroupRefusal | null {
  const { instanceId, taskOffsets, taskEndOffsets, warmupTasks, topology } = request;
  if (instanceId !== null) return invalidRequest("Static membership is not yet supported.");
  if (taskOffsets !== null) return invalidRequest("TaskOffsets are not supported yet.");
  if (taskEndOffsets !== null) return invalidRequest("TaskEndOffsets are not supported yet.");
  if (warmupTasks !== null && warmupTasks.length > 0) {
    return invalidRequest("WarmupTasks are not supported yet.");
  }
  const hasRegex = topology?.subtopologies.some((each) => each.sourceTopicRegex.length > 0);
  return hasRegex === true
    ? invalidRequest("Regular expressions for source topics are not supported yet.")
    : null;
}

function checkFields(request: StreamsHeartbeatRequest): GroupRefusal | null {
  const { memberEpoch } = request;
  if (isBlank(request.memberId)) return invalidRequest("MemberId can't be empty.");
  if (isBlank(request.groupId)) return invalidRequest("GroupId can't be empty.");
  if (isBlank(request.rackId)) return invalidRequest("RackId can't be empty.");
  if (memberEpoch === JOIN_EPOCH) return checkJoin(request);
  if (memberEpoch === STATIC_LEFT_EPOCH) return invalidRequest("InstanceId can't be null.");
  if (memberEpoch > STATIC_LEFT_EPOCH) return null;
  return invalidRequest(`MemberEpoch is ${memberEpoch}, but must be greater than or equal to -2.`);
}

function checkJoin(request: StreamsHeartbeatRequest): GroupRefusal | null {
  if (request.rebalanceTimeoutMs === -1) {
    return invalidRequest("RebalanceTimeoutMs must be provided in first request.");
  }
  const lists = [
    ["ActiveTasks", request.activeTasks],
    ["StandbyTasks", request.standbyTasks],
    ["WarmupTasks", request.warmupTasks],
  ] as const;
  for (const [name, tasks] of lists) {
    if (tasks === null || tasks.length > 0) {
      return invalidRequest(`${name} must be empty when (re-)joining.`);
    }
  }
  const { topology } = request;
  if (topology === null) return invalidRequest("Topology must be non-null when (re-)joining.");
  for (const { name, partitions } of topology.subtopologies.flatMap(
    (subtopology) => subtopology.stateChangelogTopics,
  )) {
    if (partitions === 0) continue;
    return new GroupRefusal(
      ErrorCode.STREAMS_INVALID_TOPOLOGY,
      `Changelog topic ${name} must have an undefined partition count, ` +
        `but it is set to ${partitions}.`,
    );
  }
  return null;
}

function checkTasks(request: StreamsHeartbeatRequest): GroupRefusal | null {
  const lists = [request.activeTasks, request.standbyTasks, request.warmupTasks];
  if (lists.some((tasks) => tasks !== null) && lists.some((tasks) => tasks === null)) {
    return invalidRequest("If one task-type is non-null, all must be non-null.");
  }
  if (request.memberEpoch === JOIN_EPOCH || request.topology === null) return null;
  return invalidRequest("Topology can only be provided when (re-)joining.");
}
