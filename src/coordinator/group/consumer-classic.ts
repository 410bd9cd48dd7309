/**
 * Members that speak the classic protocol in a group of the consumer protocol (KIP-848, online
 * migration). They are told of the coordinator's assignment in the words of their own protocol:
 *
 *   Heartbeat   REBALANCE_IN_PROGRESS where there is something to give back or to get
 *   JoinGroup   says what it has, and gets the epoch as its generation; nobody leads
 *   SyncGroup   gets what it shall have
 */
import { randomUuid } from "../../base/uuid.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { answered, type Outcome } from "../outcome.ts";
import { joinError } from "./classic-rebalance.ts";
import { canDowngradeByReplacing, downgrade } from "./consumer-downgrade.ts";
import {
  awaitClassicJoin,
  awaitClassicSync,
  fenceMembers,
  keepSession,
} from "./consumer-fencing.ts";
import { type ConsumerGroup, NO_OWNER } from "./consumer-group.ts";
import type { ConsumerGroups } from "./consumer-groups.ts";
import { checkInstance, checkSize, maybeReconcile, replaceStatic } from "./consumer-heartbeat.ts";
import {
  type ConsumerMember,
  MemberState,
  newConsumerMember,
  type OwnedPartitions,
  sortedNames,
} from "./consumer-member.ts";
import { changeRegex } from "./consumer-regexes.ts";
import {
  CONSUMER_PROTOCOL_TYPE,
  decodeSubscription,
  encodeAssignment,
  type Subscription,
} from "./consumer-subscription.ts";
import { changeMember, changeMetadata, changeTarget } from "./consumer-subscriptions.ts";
import { GroupChange } from "./group-change.ts";
import type * as messages from "./group-messages.ts";
import type { GroupRecord } from "./group-records.ts";
import { GroupRefusal } from "./group-refusal.ts";
import { unknownMember } from "./member-checks.ts";
import type { TopicDirectory } from "./topic-directory.ts";

type JoinRequest = messages.JoinGroupRequest;
type JoinOutcome = Outcome<GroupRecord, messages.JoinGroupResponse>;

/** From here on members must come back with the id that they were given. */
const MEMBER_ID_REQUIRED_VERSION = 4;

export function joinClassic(
  groups: ConsumerGroups,
  group: ConsumerGroup,
  request: JoinRequest,
  from: messages.RequestContext,
): JoinOutcome {
  const { config, random } = groups.context;
  const isUnknown = request.memberId === "";
  const memberId = isUnknown ? randomUuid(random) : request.memberId;
  const change = new GroupChange(groups, group);
  if (config.groupConsumerMigrationPolicy === "disabled") {
    return answered(joinError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, ""));
  }
  const full = checkSize(change, memberId);
  if (full !== null) return answered(joinError(full.errorCode, ""));
  const names = request.protocols.map(({ name }) => name);
  const subscription = request.protocols[0] && decodeSubscription(request.protocols[0].metadata);
  if (!group.supportsClassicProtocols(request.protocolType, names) || subscription === undefined) {
    return answered(joinError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, ""));
  }
  if (
    isUnknown &&
    request.groupInstanceId === null &&
    from.apiVersion >= MEMBER_ID_REQUIRED_VERSION
  ) {
    return answered(joinError(ErrorCode.MEMBER_ID_REQUIRED, memberId));
  }
  if (subscription === null) return answered(joinError(ErrorCode.UNKNOWN_SERVER_ERROR, ""));
  const member = findMember(change, request, memberId, isUnknown);
  if (member instanceof GroupRefusal) return answered(joinError(member.errorCode, ""));
  const updated = asSaid(groups, member, request, subscription, from);
  const outcome = advance(change, member, updated, { request, subscription, from });
  if (outcome instanceof GroupRefusal) return answered(joinError(outcome.errorCode, ""));
  return outcome;
}

interface ClassicJoin {
  readonly request: JoinRequest;
  readonly subscription: Subscription;
  readonly from: messages.RequestContext;
}

function advance(
  change: GroupChange,
  member: ConsumerMember,
  updated: ConsumerMember,
  { request, subscription, from }: ClassicJoin,
): JoinOutcome | GroupRefusal {
  const { group, groups } = change;
  const { clock, topics } = groups.context;
  const hasOtherNames = changeMember(change, member, updated);
  const regexChange = changeRegex(change, member, updated, from);
  if (regexChange instanceof GroupRefusal) return regexChange;
  const isBumped = hasOtherNames || regexChange !== "none";
  const groupEpoch =
    isBumped || group.hasMetadataExpired(clock.wallMs())
      ? changeMetadata(change, member, updated, isBumped)
      : group.groupEpoch;
  const { instanceId } = updated;
  const current = instanceId === null ? null : group.staticMember(instanceId);
  const owned = ownedPartitions(topics, subscription);
  const replacesLast = current !== null && canDowngradeByReplacing(groups, group, current);
  const isStale = replacesLast && group.assignmentEpoch < groupEpoch;
  let next: ConsumerMember | GroupRefusal = updated;
  if (!isStale) {
    const target = replacesLast
      ? { epoch: group.assignmentEpoch, partitions: group.targetOfMember(updated) }
      : changeTarget(change, groupEpoch, member, updated);
    next = maybeReconcile(change, updated, target, isBumped, owned);
    if (next instanceof GroupRefusal) return next;
  }
  const response = {
    ...joinError(ErrorCode.NONE, next.memberId),
    generationId: next.memberEpoch,
    protocolType: CONSUMER_PROTOCOL_TYPE,
    protocolName: request.protocols[0]!.name,
  };
  if (replacesLast) return becomeClassic(change, next, isStale, response);
  const { memberId } = next;
  change.whenApplied((applied) => {
    applied.timers.get(memberId)?.join?.cancel();
    keepSession(groups, applied, memberId, request.sessionTimeoutMs);
    awaitClassicSync(groups, applied, memberId, request.rebalanceTimeoutMs);
  });
  return change.outcome(response);
}

/** The last member of the consumer protocol is back as one of the classic protocol. */
function becomeClassic(
  { group, groups, records }: GroupChange,
  member: ConsumerMember,
  isStale: boolean,
  response: messages.JoinGroupResponse,
): JoinOutcome | GroupRefusal {
  const reason = `Downgrade group ${group.groupId} from consumer to classic with stale assignment.`;
  const downgraded = downgrade(groups, group, {
    leaving: new Set(),
    joining: member,
    rebalanceReason: isStale ? reason : null,
  });
  if (downgraded instanceof GroupRefusal) return downgraded;
  const { applied } = downgraded;
  return { records: [...records, ...downgraded.records], applied, response };
}

function findMember(
  change: GroupChange,
  request: JoinRequest,
  memberId: string,
  isUnknown: boolean,
): ConsumerMember | GroupRefusal {
  const { group } = change;
  const { groupInstanceId } = request;
  if (groupInstanceId === null) return group.members.get(memberId) ?? newConsumerMember(memberId);
  const current = group.staticMember(groupInstanceId);
  if (!isUnknown) return checkInstance(current, memberId, groupInstanceId) ?? current!;
  return current === null ? newConsumerMember(memberId) : replaceStatic(change, current, memberId);
}

function asSaid(
  groups: ConsumerGroups,
  member: ConsumerMember,
  request: JoinRequest,
  { topics, rackId }: Subscription,
  from: messages.RequestContext,
): ConsumerMember {
  const { rebalanceTimeoutMs } = request;
  return {
    ...member,
    instanceId: request.groupInstanceId ?? member.instanceId,
    rackId: rackId === null || rackId === "" ? member.rackId : rackId,
    rebalanceTimeoutMs: rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : rebalanceTimeoutMs,
    subscribedTopicNames: groups.shared(sortedNames(topics)),
    // Classic members match their patterns themselves.
    subscribedTopicRegex: "",
    clientId: from.clientId,
    clientHost: from.clientHost,
    classicMemberMetadata: {
      sessionTimeoutMs: request.sessionTimeoutMs,
      // The request's bytes are a view into a buffer that is used again.
      supportedProtocols: request.protocols.map(({ name, metadata }) => ({
        name,
        metadata: Buffer.from(metadata),
      })),
    },
  };
}

function ownedPartitions(topics: TopicDirectory, subscription: Subscription): OwnedPartitions[] {
  return subscription.ownedPartitions.flatMap(({ topic, partitions }) => {
    const topicId = topics.idOf(topic);
    return topicId === null ? [] : [{ topicId, partitions }];
  });
}

export function syncClassic(
  groups: ConsumerGroups,
  group: ConsumerGroup,
  request: messages.SyncGroupRequest,
): Outcome<GroupRecord, messages.SyncGroupResponse> | GroupRefusal {
  const { topics } = groups.context;
  const { memberId, generationId, protocolType, protocolName } = request;
  const member = classicMember(group, request, generationId);
  if (member instanceof GroupRefusal) return member;
  const metadata = member.classicMemberMetadata!;
  const protocol = metadata.supportedProtocols[0];
  const isOtherType = protocolType !== null && protocolType !== CONSUMER_PROTOCOL_TYPE;
  const isOtherName = protocolName !== null && protocolName !== protocol?.name;
  if (isOtherType || isOtherName) return refused(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  if (
    group.assignmentEpoch > member.memberEpoch &&
    member.state !== MemberState.UNREVOKED_PARTITIONS
  ) {
    awaitClassicJoin(groups, group, member);
    return refused(ErrorCode.REBALANCE_IN_PROGRESS);
  }
  const partitions = new Map(
    [...member.assignedPartitions].map(([topicId, epochs]) => [topicId, [...epochs.keys()]]),
  );
  const assignment = protocol && encodeAssignment(topics, partitions, protocol.metadata);
  if (!assignment) return refused(ErrorCode.UNKNOWN_SERVER_ERROR);
  return {
    records: [],
    applied: () => {
      group.timers.get(memberId)?.sync?.cancel();
      keepSession(groups, group, memberId, metadata.sessionTimeoutMs);
    },
    response: { errorCode: ErrorCode.NONE, protocolType, protocolName, assignment },
  };
}

/** Costs the same however many members the group has. */
export function heartbeatClassic(
  groups: ConsumerGroups,
  group: ConsumerGroup,
  request: messages.HeartbeatRequest,
): ErrorCode {
  const member = classicMember(group, request, request.generationId);
  if (member instanceof GroupRefusal) return member.errorCode;
  keepSession(groups, group, member.memberId, member.classicMemberMetadata!.sessionTimeoutMs);
  const mustJoin =
    member.memberEpoch < group.assignmentEpoch ||
    member.state === MemberState.UNREVOKED_PARTITIONS ||
    (member.state === MemberState.UNRELEASED_PARTITIONS && !waitsForOthers(group, member));
  if (!mustJoin) return ErrorCode.NONE;
  awaitClassicJoin(groups, group, member);
  return ErrorCode.REBALANCE_IN_PROGRESS;
}

export function leaveClassic(
  groups: ConsumerGroups,
  group: ConsumerGroup,
  leaving: readonly messages.LeavingMember[],
): Outcome<GroupRecord, messages.LeaveGroupResponse> | GroupRefusal {
  const members = new Map<string, ConsumerMember>();
  const left = leaving.map(({ memberId, groupInstanceId }) => {
    const member = leavingMember(group, memberId, groupInstanceId);
    const isRefused = member instanceof GroupRefusal;
    if (!isRefused) members.set(member.memberId, member);
    const errorCode = isRefused ? member.errorCode : ErrorCode.NONE;
    return { memberId, groupInstanceId, errorCode };
  });
  const response = { throttleTimeMs: 0, errorCode: ErrorCode.NONE, members: left };
  return fenceMembers(groups, group, [...members.values()], response);
}

function leavingMember(
  group: ConsumerGroup,
  memberId: string,
  instanceId: string | null,
): ConsumerMember | GroupRefusal {
  if (instanceId === null) return group.members.get(memberId) ?? unknownMember(group, memberId);
  const member = group.staticMember(instanceId);
  if (member === null) return refused(ErrorCode.UNKNOWN_MEMBER_ID);
  // An administrator removes a static member by its instance id.
  return memberId === "" ? member : (checkInstance(member, memberId, instanceId) ?? member);
}

function classicMember(
  group: ConsumerGroup,
  who: { readonly memberId: string; readonly groupInstanceId: string | null },
  generationId: number,
): ConsumerMember | GroupRefusal {
  const member = leavingMember(group, who.memberId, who.groupInstanceId);
  if (member instanceof GroupRefusal) return member;
  if (member.memberId !== who.memberId) return refused(ErrorCode.FENCED_INSTANCE_ID);
  if (member.classicMemberMetadata === null) return refused(ErrorCode.UNKNOWN_MEMBER_ID);
  return generationId === member.memberEpoch ? member : refused(ErrorCode.ILLEGAL_GENERATION);
}

/** Somebody else still has a partition that is to be the member's. */
function waitsForOthers(group: ConsumerGroup, member: ConsumerMember): boolean {
  for (const [topicId, numbers] of group.targetOf(member.memberId)) {
    const assigned = member.assignedPartitions.get(topicId);
    for (const partition of numbers) {
      if (assigned?.has(partition)) continue;
      if (group.partitionEpoch(topicId, partition) !== NO_OWNER) return true;
    }
  }
  return false;
}

function refused(errorCode: ErrorCode): GroupRefusal {
  return new GroupRefusal(errorCode);
}
