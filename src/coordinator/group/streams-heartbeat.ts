/**
 * StreamsGroupHeartbeat: a member joins (epoch 0) with the topology of its application, says which
 * tasks it has and is told which it shall have, and leaves (-1).
 *
 *   check ─▶ member ─▶ topology ─▶ its topics ─▶ group epoch ─▶ target assignment ─▶ reconciliation
 */
import { ErrorCode } from "../../protocol/error-code.ts";
import type { Outcome } from "../outcome.ts";
import { LEFT_EPOCH, STATIC_LEFT_EPOCH } from "./consumer-member.ts";
import { GroupChange } from "./group-change.ts";
import type { RequestContext, StreamsHeartbeatRequest } from "./group-messages.ts";
import type { GroupRecord } from "./group-records.ts";
import { GroupRefusal } from "./group-refusal.ts";
import { checkMemberEpoch, groupFull, JOIN_EPOCH, unknownMember } from "./member-checks.ts";
import { NO_ANSWER, respond, type StreamsAnswer } from "./streams-answer.ts";
import { assignStreams, assignStreamsBeside, beginGathering } from "./streams-assignment.ts";
import {
  changeTopics,
  changeTopology,
  staleTopology,
  type StreamsChange,
} from "./streams-change.ts";
import { awaitTaskRevocation, keepStreamsSession, removeStreamsMember } from "./streams-fencing.ts";
import { StreamsGroup } from "./streams-group.ts";
import type { StreamsGroups } from "./streams-groups.ts";
import {
  newStreamsMember,
  type OwnTasks,
  sameStreamsAssignment,
  sameStreamsMetadata,
  type StreamsMember,
  StreamsMemberState,
  type TargetTasks,
} from "./streams-member.ts";
import { reconcileStreams, type StreamsTarget } from "./streams-reconciliation.ts";
import { streamsCurrentRecord, streamsMemberRecord } from "./streams-records.ts";
import type { StreamsProblem } from "./streams-status.ts";
import type { ConfiguredTopology } from "./streams-topics.ts";

type HeartbeatOutcome = Outcome<GroupRecord, StreamsAnswer> | GroupRefusal;
type TaskLists = NonNullable<StreamsHeartbeatRequest["activeTasks"]>;

/** "Not said", of a rebalance timeout. */
const NO_TIMEOUT = -1;

export function streamsHeartbeat(
  groups: StreamsGroups,
  request: StreamsHeartbeatRequest,
  from: RequestContext,
): HeartbeatOutcome {
  const { memberEpoch, memberId } = request;
  if (memberEpoch === LEFT_EPOCH || memberEpoch === STATIC_LEFT_EPOCH) {
    return leave(groups, request);
  }
  const joins = memberEpoch === JOIN_EPOCH;
  const change = changeOf(groups, request.groupId, joins);
  if (change instanceof GroupRefusal) return change;
  const { group } = change;
  const sizeMax = groups.context.config.streams.maxSize;
  if (joins && group.members.size >= sizeMax) return groupFull("streams", sizeMax);
  const member = group.members.get(memberId) ?? (joins ? newStreamsMember(memberId) : null);
  if (member === null) return unknownMember(group, memberId);
  const refusal = checkMemberEpoch("streams", member, memberEpoch, () =>
    hasNoMoreThanGiven(member.assignedTasks, request),
  );
  if (refusal !== null) return refusal;
  return advance(change, member, request, from);
}

/** The group, or one that comes into being with the request, perhaps in a classic one's place. */
function changeOf(
  groups: StreamsGroups,
  groupId: string,
  mayCreate: boolean,
): StreamsChange | GroupRefusal {
  const known = groups.get(groupId);
  if (known !== undefined) return new GroupChange(groups, known);
  const classic = groups.classic.get(groupId);
  const isTaken = groups.isOther(groupId);
  if (isTaken && (!mayCreate || classic?.state !== "Empty")) {
    return notFound(groups.absence(groupId));
  }
  if (!mayCreate) return notFound(`Streams group ${groupId} not found.`);
  const change: StreamsChange = new GroupChange(groups, new StreamsGroup(groupId));
  if (isTaken) change.records.push({ type: "groupMetadata", group: groupId, value: null });
  return change;
}

/** What the request makes of a member that may send it. */
function advance(
  change: StreamsChange,
  member: StreamsMember,
  request: StreamsHeartbeatRequest,
  from: RequestContext,
): HeartbeatOutcome {
  const { group, groups, records } = change;
  const { groupId } = group;
  const updated = asSaid(member, request, from);
  if (updated instanceof GroupRefusal) return updated;
  const hasOtherMetadata = !sameStreamsMetadata(member, updated);
  if (hasOtherMetadata) records.push(streamsMemberRecord(groupId, updated));
  const topology = changeTopology(change, request);
  if (topology instanceof GroupRefusal) return topology;
  const status: StreamsProblem[] = [];
  if (group.topology !== null && updated.topologyEpoch < group.topology.epoch) {
    status.push(staleTopology(updated.topologyEpoch, group.topology.epoch));
  }
  const topics = changeTopics(change, topology, hasOtherMetadata);
  if (topics instanceof GroupRefusal) return topics;
  const { configured, groupEpoch, assignmentConfigs } = topics;
  const invalid = checkTasks(configured, request);
  if (invalid !== null) return invalid;
  if (group.isEmpty && groups.context.config.streams.initialRebalanceDelayMs(groupId) > 0) {
    change.whenApplied((applied) => beginGathering(groups, applied));
  }
  const assignment = assignStreams(groups, group, {
    groupEpoch,
    updated,
    topology: configured,
    assignmentConfigs,
  });
  if (assignment.delay !== null) status.push(assignment.delay);
  if (assignment.isBeside === true) {
    change.whenApplied((applied) => assignStreamsBeside(groups, applied));
  }
  // Members of an assignment of which the end is lost are still behind its epoch.
  change.mayBeSpread = assignment.records.length > 0;
  for (const record of assignment.records) records.push(record);
  const next = reconcileMember(change, updated, assignment.target, request);
  if (next instanceof GroupRefusal) return next;
  change.whenApplied((applied) => keepStreamsSession(groups, applied, next.memberId));
  if (configured.problem !== null) status.push(configured.problem);
  const { missingTopics } = configured;
  const response = respond(change, { request, member, next, configured, status });
  return change.outcome({ response, missingTopics });
}

/** The member with what the request says. */
function asSaid(
  member: StreamsMember,
  request: StreamsHeartbeatRequest,
  from: RequestContext,
): StreamsMember | GroupRefusal {
  const { rebalanceTimeoutMs, clientTags, topology } = request;
  const tags = clientTags?.map(({ key, value }) => [key, value] as const);
  const said = tags === undefined ? member.clientTags : new Map(tags);
  // Kafka does not know which of two tags with the same key is meant.
  if (tags !== undefined && said.size < tags.length) {
    return new GroupRefusal(ErrorCode.UNKNOWN_SERVER_ERROR);
  }
  return {
    ...member,
    rackId: request.rackId ?? member.rackId,
    rebalanceTimeoutMs:
      rebalanceTimeoutMs === NO_TIMEOUT ? member.rebalanceTimeoutMs : rebalanceTimeoutMs,
    topologyEpoch: topology?.epoch ?? member.topologyEpoch,
    clientId: from.clientId,
    clientHost: from.clientHost,
    processId: request.processId ?? member.processId,
    clientTags: said,
    userEndpoint: request.userEndpoint ?? member.userEndpoint,
  };
}

/** What a member says that it has must be there, once it is known what there is. */
function checkTasks(
  { problem, subtopologies }: ConfiguredTopology,
  { activeTasks, standbyTasks, warmupTasks }: StreamsHeartbeatRequest,
): GroupRefusal | null {
  if (problem !== null) return null;
  for (const { subtopologyId, partitions } of [activeTasks, standbyTasks, warmupTasks].flatMap(
    (tasks) => tasks ?? [],
  )) {
    const count = subtopologies?.get(subtopologyId)?.taskCount;
    if (count === undefined) {
      const text = `Subtopology ${subtopologyId} does not exist in the topology.`;
      return new GroupRefusal(ErrorCode.INVALID_REQUEST, text);
    }
    const wrong = partitions.find((partition) => partition < 0 || partition >= count);
    if (wrong === undefined) continue;
    const text =
      `Task ${wrong} for subtopology ${subtopologyId} is invalid. ` +
      `Number of tasks for this subtopology: ${count}`;
    return new GroupRefusal(ErrorCode.INVALID_REQUEST, text);
  }
  return null;
}

/** As far towards the target as the member can go now. */
function reconcileMember(
  change: StreamsChange,
  member: StreamsMember,
  target: StreamsTarget,
  request: StreamsHeartbeatRequest,
): StreamsMember | GroupRefusal {
  const { group, groups, records } = change;
  const owned = ownedTasks(request);
  if (owned === "twice") return new GroupRefusal(ErrorCode.UNKNOWN_SERVER_ERROR);
  const next = reconcileStreams(member, { group, target, owned });
  if (next === "fenced") {
    return new GroupRefusal(
      ErrorCode.FENCED_MEMBER_EPOCH,
      "The streams group member is in a unknown state. " +
        "The member must abandon all its tasks and rejoin.",
    );
  }
  if (sameStreamsAssignment(member, next)) return member;
  records.push(streamsCurrentRecord(group.groupId, next));
  change.whenApplied((applied) => {
    const mustRevoke = next.state === StreamsMemberState.UNREVOKED_TASKS;
    if (mustRevoke) awaitTaskRevocation(groups, applied, next);
    else applied.timers.get(next.memberId)?.rebalance?.cancel();
  });
  return next;
}

/** Null where the member does not say; "twice" where it names a subtopology more than once. */
function ownedTasks(request: StreamsHeartbeatRequest): TargetTasks | "twice" | null {
  const { activeTasks, standbyTasks, warmupTasks } = request;
  if (activeTasks === null || standbyTasks === null || warmupTasks === null) return null;
  const of = (tasks: TaskLists) =>
    new Map(tasks.map(({ subtopologyId, partitions }) => [subtopologyId, partitions] as const));
  const owned = { active: of(activeTasks), standby: of(standbyTasks), warmup: of(warmupTasks) };
  const isOnce =
    owned.active.size === activeTasks.length &&
    owned.standby.size === standbyTasks.length &&
    owned.warmup.size === warmupTasks.length;
  return isOnce ? owned : "twice";
}

function hasNoMoreThanGiven(given: OwnTasks, request: StreamsHeartbeatRequest): boolean {
  const isWithin = (tasks: TaskLists | null, own: OwnTasks["active"]): boolean =>
    tasks !== null &&
    tasks.every(({ subtopologyId, partitions }) => {
      const epochs = own.get(subtopologyId);
      return epochs !== undefined && partitions.every((partition) => epochs.has(partition));
    });
  return (
    isWithin(request.activeTasks, given.active) &&
    isWithin(request.standbyTasks, given.standby) &&
    isWithin(request.warmupTasks, given.warmup)
  );
}

function leave(groups: StreamsGroups, request: StreamsHeartbeatRequest): HeartbeatOutcome {
  const { groupId, memberId, memberEpoch } = request;
  const group = groups.get(groupId);
  if (group === undefined) {
    return notFound(groups.absence(groupId));
  }
  const member = group.members.get(memberId);
  if (member === undefined) return unknownMember(group, memberId);
  const { logger } = groups.context;
  logger.info(`group ${groupId}: member ${memberId} leaves`);
  const response = { ...NO_ANSWER, memberId, memberEpoch, status: [] };
  return {
    ...removeStreamsMember(groups, group, member),
    applied: () => {
      // Its last word, for those who stay.
      if (!request.shutdownApplication || group.isEmpty) return;
      group.shutdownRequestMemberId ??= memberId;
    },
    response: { response, missingTopics: [] },
  };
}

function notFound(message: string): GroupRefusal {
  return new GroupRefusal(ErrorCode.GROUP_ID_NOT_FOUND, message);
}
