/**
 * ConsumerGroupHeartbeat: a member joins (epoch 0), says what it has and is told what it shall
 * have, leaves for good (-1), or for a while when it is static (-2).
 *
 *   check ─▶ member ─▶ what it says anew ─▶ group epoch ─▶ target assignment ─▶ reconciliation
 */
import { randomUuid } from "../../base/uuid.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import type { Outcome } from "../outcome.ts";
import { fenceMembers, awaitRevocation, keepSession } from "./consumer-fencing.ts";
import type { ConsumerGroups } from "./consumer-groups.ts";
import {
  type ConsumerMember,
  LEFT_EPOCH,
  MemberState,
  NO_EPOCH_PARTITIONS,
  newConsumerMember,
  type OwnedPartitions,
  plainPartitions,
  sameAssignment,
  sameEpochPartitions,
  sameMetadata,
  sameNames,
  sortedNames,
  STATIC_LEFT_EPOCH,
} from "./consumer-member.ts";
import { reconcile, type Target } from "./consumer-reconciliation.ts";
import {
  currentRecord,
  memberRecord,
  memberTombstones,
  targetMemberRecord,
} from "./consumer-records.ts";
import { changeRegex } from "./consumer-regexes.ts";
import { changeMember, changeMetadata, changeTarget } from "./consumer-subscriptions.ts";
import { changeOf } from "./consumer-upgrade.ts";
import type { GroupChange } from "./group-change.ts";
import type {
  ConsumerHeartbeatRequest,
  ConsumerHeartbeatResponse,
  RequestContext,
} from "./group-messages.ts";
import type { GroupRecord } from "./group-records.ts";
import { GroupRefusal } from "./group-refusal.ts";
import { checkMemberEpoch, groupFull, JOIN_EPOCH, unknownMember } from "./member-checks.ts";

type HeartbeatOutcome = Outcome<GroupRecord, ConsumerHeartbeatResponse> | GroupRefusal;

/** "Not said", of a rebalance timeout. */
const NO_TIMEOUT = -1;

export function consumerHeartbeat(
  groups: ConsumerGroups,
  request: ConsumerHeartbeatRequest,
  from: RequestContext,
): HeartbeatOutcome {
  const { memberEpoch } = request;
  if (memberEpoch === LEFT_EPOCH || memberEpoch === STATIC_LEFT_EPOCH) {
    return leave(groups, request);
  }
  const joins = memberEpoch === JOIN_EPOCH;
  const change = changeOf(groups, request.groupId, joins);
  if (change instanceof GroupRefusal) return change;
  const full = checkSize(change, request.memberId);
  if (full !== null) return full;
  const { random } = groups.context;
  const memberId = request.memberId === "" ? randomUuid(random) : request.memberId;
  const member = findMember(change, { ...request, memberId }, joins);
  if (member instanceof GroupRefusal) return member;
  return advance(change, member, request, from);
}

/** What the request makes of a member that may send it. */
function advance(
  change: GroupChange,
  member: ConsumerMember,
  request: ConsumerHeartbeatRequest,
  from: RequestContext,
): HeartbeatOutcome {
  const { group, groups } = change;
  const { config, clock } = groups.context;
  const { groupId } = group;
  const updated = asSaid(groups, member, request, from);
  const hasOtherNames = changeMember(change, member, updated);
  const regexChange = changeRegex(change, member, updated, from);
  if (regexChange instanceof GroupRefusal) return regexChange;
  const isBumped = hasOtherNames || regexChange === "resolved";
  const groupEpoch =
    isBumped || group.hasMetadataExpired(clock.wallMs())
      ? changeMetadata(change, member, updated, isBumped)
      : group.groupEpoch;
  const target = changeTarget(change, groupEpoch, member, updated);
  const hasSubscriptionChanged = hasOtherNames || regexChange !== "none";
  const owned = request.topicPartitions;
  const next = maybeReconcile(change, updated, target, hasSubscriptionChanged, owned);
  if (next instanceof GroupRefusal) return next;
  const sessionTimeoutMs = config.consumerSessionTimeoutMs(groupId);
  change.whenApplied((applied) => keepSession(groups, applied, next.memberId, sessionTimeoutMs));
  const isToldAll =
    request.memberEpoch === JOIN_EPOCH ||
    isFull(request) ||
    !sameEpochPartitions(member.assignedPartitions, next.assignedPartitions);
  return change.outcome({
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    memberId: next.memberId,
    memberEpoch: next.memberEpoch,
    heartbeatIntervalMs: config.consumerHeartbeatIntervalMs(groupId),
    assignment: isToldAll ? { topicPartitions: plainPartitions(next.assignedPartitions) } : null,
  });
}

/** KIP-848: a member that says all that there is to say is told all. */
function isFull(request: ConsumerHeartbeatRequest): boolean {
  const { rebalanceTimeoutMs, subscribedTopicNames, subscribedTopicRegex } = request;
  const hasSubscription = subscribedTopicNames !== null || subscribedTopicRegex !== null;
  return rebalanceTimeoutMs !== NO_TIMEOUT && hasSubscription && request.topicPartitions !== null;
}

export function checkSize({ group, groups }: GroupChange, memberId: string): GroupRefusal | null {
  const { groupConsumerMaxSize } = groups.context.config;
  if (group.members.size < groupConsumerMaxSize || group.members.has(memberId)) return null;
  return groupFull("consumer", groupConsumerMaxSize);
}

interface MemberRequest {
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly instanceId: string | null;
  readonly topicPartitions: readonly OwnedPartitions[] | null;
}

function findMember(
  change: GroupChange,
  request: MemberRequest,
  joins: boolean,
): ConsumerMember | GroupRefusal {
  const { group } = change;
  const { memberId, instanceId } = request;
  if (instanceId === null) {
    const member = group.members.get(memberId) ?? (joins ? newConsumerMember(memberId) : null);
    if (member === null) return unknownMember(group, memberId);
    return checkEpoch(member, request) ?? member;
  }
  const current = group.staticMember(instanceId);
  if (joins) {
    if (current === null) return group.members.get(memberId) ?? newConsumerMember(memberId);
    if (current.classicMemberMetadata === null && current.memberEpoch !== STATIC_LEFT_EPOCH) {
      return new GroupRefusal(
        ErrorCode.UNRELEASED_INSTANCE_ID,
        `Static member ${memberId} with instance id ${instanceId} cannot join the group because ` +
          `the instance id is owned by ${current.memberId} member.`,
      );
    }
    return replaceStatic(change, current, memberId);
  }
  return checkInstance(current, memberId, instanceId) ?? checkEpoch(current!, request) ?? current!;
}

/** The same instance, started again, has what its former self had. */
export function replaceStatic(
  { group, records }: GroupChange,
  current: ConsumerMember,
  memberId: string,
): ConsumerMember {
  const member = { ...current, memberId, memberEpoch: 0, previousMemberEpoch: 0 };
  records.push(
    ...memberTombstones(group.groupId, current.memberId),
    memberRecord(group.groupId, member),
    targetMemberRecord(group.groupId, memberId, group.targetOf(current.memberId)),
    currentRecord(group.groupId, member),
  );
  return member;
}

/** Null where the member is who it says. */
export function checkInstance(
  current: ConsumerMember | null,
  memberId: string,
  instanceId: string,
): GroupRefusal | null {
  if (current === null) {
    return new GroupRefusal(ErrorCode.UNKNOWN_MEMBER_ID, `Instance id ${instanceId} is unknown.`);
  }
  if (current.memberId === memberId) return null;
  return new GroupRefusal(
    ErrorCode.FENCED_INSTANCE_ID,
    `Static member ${memberId} with instance id ${instanceId} was fenced by member ` +
      `${current.memberId}.`,
  );
}

function checkEpoch(
  member: ConsumerMember,
  { memberEpoch, topicPartitions }: MemberRequest,
): GroupRefusal | null {
  return checkMemberEpoch(
    "consumer",
    member,
    memberEpoch,
    () =>
      topicPartitions !== null &&
      topicPartitions.every(({ topicId, partitions }) => {
        const epochs = member.assignedPartitions.get(topicId);
        return epochs !== undefined && partitions.every((partition) => epochs.has(partition));
      }),
  );
}

/** The member with what the request says; the very same where that is nothing new. */
function asSaid(
  groups: ConsumerGroups,
  member: ConsumerMember,
  request: ConsumerHeartbeatRequest,
  from: RequestContext,
): ConsumerMember {
  const { rebalanceTimeoutMs } = request;
  const updated: ConsumerMember = {
    ...member,
    instanceId: request.instanceId ?? member.instanceId,
    rackId: request.rackId ?? member.rackId,
    rebalanceTimeoutMs:
      rebalanceTimeoutMs === NO_TIMEOUT ? member.rebalanceTimeoutMs : rebalanceTimeoutMs,
    serverAssignor: request.serverAssignor ?? member.serverAssignor,
    subscribedTopicNames: namesOf(groups, member, request.subscribedTopicNames),
    subscribedTopicRegex: request.subscribedTopicRegex ?? member.subscribedTopicRegex,
    clientId: from.clientId,
    clientHost: from.clientHost,
    classicMemberMetadata: null,
  };
  return sameMetadata(member, updated) ? member : updated;
}

function namesOf(
  groups: ConsumerGroups,
  member: ConsumerMember,
  names: readonly string[] | null,
): readonly string[] {
  if (names === null) return member.subscribedTopicNames;
  const sorted = sortedNames(names);
  const isSame = sameNames(sorted, member.subscribedTopicNames);
  return isSame ? member.subscribedTopicNames : groups.shared(sorted);
}

/** As far towards the target as the member can go now. */
export function maybeReconcile(
  change: GroupChange,
  member: ConsumerMember,
  target: Target,
  hasSubscriptionChanged: boolean,
  owned: readonly OwnedPartitions[] | null,
): ConsumerMember | GroupRefusal {
  const { group, groups, records } = change;
  const { topics } = groups.context;
  const next = reconcile(member, { group, topics, target, hasSubscriptionChanged, owned });
  if (next === "fenced") {
    return new GroupRefusal(
      ErrorCode.FENCED_MEMBER_EPOCH,
      "The consumer group member is in a unknown state. " +
        "The member must abandon all its partitions and rejoin.",
    );
  }
  if (sameAssignment(member, next)) return member;
  records.push(currentRecord(group.groupId, next));
  if (next.classicMemberMetadata === null) {
    change.whenApplied((applied) => {
      if (next.state === MemberState.UNREVOKED_PARTITIONS) awaitRevocation(groups, applied, next);
      else applied.timers.get(next.memberId)?.rebalance?.cancel();
    });
  }
  return next;
}

function leave(groups: ConsumerGroups, request: ConsumerHeartbeatRequest): HeartbeatOutcome {
  const { groupId, memberId, memberEpoch, instanceId } = request;
  const group = groups.get(groupId);
  if (group === undefined) {
    return new GroupRefusal(ErrorCode.GROUP_ID_NOT_FOUND, groups.absence(groupId));
  }
  const response = {
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    memberId,
    memberEpoch,
    heartbeatIntervalMs: 0,
  };
  const member =
    instanceId === null ? (group.members.get(memberId) ?? null) : group.staticMember(instanceId);
  const refusal = instanceId === null ? null : checkInstance(member, memberId, instanceId);
  if (refusal !== null) return refusal;
  if (member === null) return unknownMember(group, memberId);
  if (instanceId === null || memberEpoch === LEFT_EPOCH) {
    return fenceMembers(groups, group, [member], response);
  }
  // It comes back to what it had; its session goes on, so that it does not stay away for ever.
  const away = {
    ...member,
    memberEpoch: STATIC_LEFT_EPOCH,
    partitionsPendingRevocation: NO_EPOCH_PARTITIONS,
    assignedPartitions: withoutEpochs(member),
  };
  return { records: [currentRecord(groupId, away)], response };
}

/** KIP-1251: epochs of before the absence mean nothing when the member is back. */
function withoutEpochs({
  assignedPartitions,
}: ConsumerMember): ConsumerMember["assignedPartitions"] {
  return new Map(
    [...assignedPartitions].map(([topicId, epochs]) => [
      topicId,
      new Map([...epochs.keys()].map((partition) => [partition, 0])),
    ]),
  );
}
