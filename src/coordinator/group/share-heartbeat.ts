/**
 * ShareGroupHeartbeat (KIP-932): a member joins (epoch 0), lives, is told what it has, leaves (-1).
 *
 *   check ─▶ member ─▶ what it says anew ─▶ group epoch ─▶ target assignment ─▶ what it has
 *
 * What members read and no state is kept of yet is initialised beside: it is assigned with a later
 * heartbeat.
 */
import { finishNow } from "../../base/slices.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import type { Effects, Outcome } from "../outcome.ts";
import { assignBeside, LARGE_GROUP_SIZE } from "./assigning-beside.ts";
import { samePartitions, topicIdsOf, type TopicPartitions } from "./assignor.ts";
import { LEFT_EPOCH, sameNames, sortedNames } from "./consumer-member.ts";
import { METADATA_REFRESH_INTERVAL_MS } from "./consumer-subscriptions.ts";
import { GroupChange } from "./group-change.ts";
import type {
  RequestContext,
  ShareHeartbeatRequest,
  ShareHeartbeatResponse,
} from "./group-messages.ts";
import type { GroupRecord } from "./group-records.ts";
import { GroupRefusal } from "./group-refusal.ts";
import { checkShareEpoch, groupFull, JOIN_EPOCH, unknownMember } from "./member-checks.ts";
import { setSession } from "./member-timers.ts";
import { newShareMember, sameShareMetadata, ShareGroup, type ShareMember } from "./share-group.ts";
import type { ShareGroups } from "./share-groups.ts";
import {
  plainTopics,
  shareCurrentRecord,
  shareGroupRecord,
  shareMemberRecord,
  shareMemberTombstones,
  shareStateRecord,
} from "./share-group-records.ts";
import { partitionsOf, uninitializedTopics, withInitializing } from "./share-state-topics.ts";
import { shareTargetInSteps, shareTargetSteps } from "./share-target.ts";

/** Partitions of which the share coordinator is to begin a state. */
export interface Initialization {
  readonly groupId: string;
  readonly stateEpoch: number;
  readonly partitions: TopicPartitions;
}

export interface ShareHeartbeatAnswer {
  readonly response: ShareHeartbeatResponse;
  readonly initialization: Initialization | null;
}

type ShareChange = GroupChange<ShareGroup, ShareGroups>;

export function shareHeartbeat(
  groups: ShareGroups,
  request: ShareHeartbeatRequest,
  from: RequestContext,
): Outcome<GroupRecord, ShareHeartbeatAnswer> | GroupRefusal {
  const { groupId, memberId, memberEpoch } = request;
  if (memberEpoch === LEFT_EPOCH) return leave(groups, request);
  const joins = memberEpoch === JOIN_EPOCH;
  const group = shareGroupOf(groups, groupId, joins);
  if (group instanceof GroupRefusal) return group;
  const { maxSize } = groups.context.config.share;
  if (group.members.size >= maxSize && !group.members.has(memberId)) {
    return groupFull("share", maxSize);
  }
  const member = group.members.get(memberId) ?? (joins ? newShareMember(memberId) : null);
  if (member === null) return unknownMember(group, memberId);
  const fenced = checkShareEpoch(member, memberEpoch);
  if (fenced !== null) return fenced;
  return advance(new GroupChange(groups, group), member, request, from);
}

/** One that does not exist yet may begin, if `mayBegin`; one of another protocol is refused. */
export function shareGroupOf(
  groups: ShareGroups,
  groupId: string,
  mayBegin: boolean,
): ShareGroup | GroupRefusal {
  const group = groups.get(groupId);
  if (group !== undefined) return group;
  if (groups.isOther(groupId)) {
    return new GroupRefusal(ErrorCode.GROUP_ID_NOT_FOUND, groups.absence(groupId));
  }
  if (mayBegin) return new ShareGroup(groupId);
  return new GroupRefusal(ErrorCode.GROUP_ID_NOT_FOUND, `Share group ${groupId} not found.`);
}

/** What the request makes of a member that may send it. */
function advance(
  change: ShareChange,
  member: ShareMember,
  request: ShareHeartbeatRequest,
  from: RequestContext,
): Outcome<GroupRecord, ShareHeartbeatAnswer> {
  const { group, groups, records } = change;
  const { config, clock } = groups.context;
  const { groupId } = group;
  const updated = asSaid(member, request, from);
  const isNew = !group.members.has(member.memberId);
  if (isNew || updated !== member) records.push(shareMemberRecord(groupId, updated));
  const isBumped =
    !sameNames(member.subscribedTopicNames, updated.subscribedTopicNames) ||
    (group.assignmentEpoch >= group.groupEpoch && hasUnassigned(group));
  const subscriptions = group.subscriptionsAfter(member, updated);
  const groupEpoch =
    isBumped || group.hasMetadataExpired(clock.wallMs())
      ? changeMetadata(change, subscriptions.keys(), isBumped)
      : group.groupEpoch;
  const target = changeTarget(change, groupEpoch, updated, subscriptions);
  const next = reconciled(change, updated, target, groupEpoch !== group.groupEpoch);
  change.whenApplied((applied) => keepShareSession(groups, applied, next.memberId));
  const isToldAll =
    request.memberEpoch === JOIN_EPOCH ||
    request.subscribedTopicNames !== null ||
    !samePartitions(member.assignedPartitions, next.assignedPartitions);
  const response = {
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    memberId: next.memberId,
    memberEpoch: next.memberEpoch,
    heartbeatIntervalMs: config.share.heartbeatIntervalMs(groupId),
    assignment: isToldAll ? { topicPartitions: plainTopics(next.assignedPartitions) } : null,
  };
  const initialization = initializeTopics(change, groupEpoch, subscriptions.keys());
  return change.outcome({ response, initialization });
}

/** The member with what the request says; the very same where that is nothing new. */
function asSaid(
  member: ShareMember,
  { rackId, subscribedTopicNames }: ShareHeartbeatRequest,
  { clientId, clientHost }: RequestContext,
): ShareMember {
  const updated = {
    ...member,
    rackId: rackId ?? member.rackId,
    clientId,
    clientHost,
    subscribedTopicNames:
      subscribedTopicNames === null
        ? member.subscribedTopicNames
        : sortedNames(subscribedTopicNames),
  };
  return sameShareMetadata(member, updated) ? member : updated;
}

/** Whether partitions that members read have been initialised and given to nobody yet. */
function hasUnassigned(group: ShareGroup): boolean {
  const { stateTopics, assignmentEpoch: epoch, assignedAsOf } = group;
  // Other members, or other subscriptions, come with a new epoch.
  if (assignedAsOf?.stateTopics === stateTopics && assignedAsOf.epoch === epoch) return false;
  if (group.isEmpty) return false;
  const assigned = new Map<string, Set<number>>();
  for (const partitions of group.targetAssignment.values()) {
    for (const [topicId, numbers] of partitions) {
      const known = assigned.get(topicId);
      if (known === undefined) assigned.set(topicId, new Set(numbers));
      else for (const partition of numbers) known.add(partition);
    }
  }
  for (const [topicId, { name, partitions }] of group.knownTopics.initialized) {
    if (!group.isSubscribedTo(name)) continue;
    const known = assigned.get(topicId);
    if (known?.size !== partitions.length) return true;
    if (partitions.some((partition) => !known.has(partition))) return true;
  }
  group.assignedAsOf = { stateTopics, epoch };
  return false;
}

/** The group epoch after the change: a new one where members or topics are others. */
function changeMetadata(
  change: ShareChange,
  topicNames: Iterable<string>,
  isBumped: boolean,
): number {
  const { group, groups, records } = change;
  const { clock, logger } = groups.context;
  const hash = groups.hashes.ofGroup(topicNames);
  let { groupEpoch } = group;
  if (isBumped || hash !== group.metadataHash) {
    groupEpoch += 1;
    records.push(shareGroupRecord(group.groupId, groupEpoch, hash));
    logger.info(`group ${group.groupId} has group epoch ${groupEpoch}`);
    groups.context.stats.shareRebalances++;
  }
  const metadataRefresh = { dueMs: clock.wallMs() + METADATA_REFRESH_INTERVAL_MS, groupEpoch };
  change.whenApplied((applied) => (applied.metadataRefresh = metadataRefresh));
  return groupEpoch;
}

interface Target {
  readonly epoch: number;
  readonly partitions: TopicPartitions;
}

/** What the member shall have: by a new assignment where it is time for one. */
function changeTarget(
  change: ShareChange,
  groupEpoch: number,
  updated: ShareMember,
  subscriptions: ReadonlyMap<string, number>,
): Target {
  const { group, groups, records } = change;
  const { config, clock } = groups.context;
  const { groupId } = group;
  const last = { epoch: group.assignmentEpoch, partitions: group.targetOf(updated.memberId) };
  if (group.assignmentEpoch >= groupEpoch) return last;
  const intervalMs = config.share.assignmentIntervalMs(groupId);
  if (group.isTooSoonToAssign(clock.wallMs(), intervalMs)) return last;
  if (group.members.size >= LARGE_GROUP_SIZE) {
    change.whenApplied((applied) =>
      assignBeside(groups.context, applied, () => shareTargetSteps(groups, applied)),
    );
    return last;
  }
  const request = { group, groupEpoch, updated, subscriptions };
  const { records: targets, assignment } = finishNow(shareTargetInSteps(groups, request));
  for (const record of targets) records.push(record);
  return { epoch: groupEpoch, partitions: assignment.get(updated.memberId) ?? last.partitions };
}

/** Others may have the same, so it has at once what it shall have, as far as it reads it. */
function reconciled(
  { group, groups, records }: ShareChange,
  member: ShareMember,
  target: Target,
  hasNewEpoch: boolean,
): ShareMember {
  const hasEpoch = member.memberEpoch === target.epoch;
  if (hasEpoch && !hasNewEpoch) return member;
  const read = topicIdsOf(groups.context.topics, member.subscribedTopicNames);
  const own = [...target.partitions].filter(([topicId]) => read.has(topicId));
  const isAll = own.length === target.partitions.size;
  const assignedPartitions = isAll ? target.partitions : new Map(own);
  if (hasEpoch && samePartitions(assignedPartitions, member.assignedPartitions)) return member;
  const epochs = hasEpoch
    ? {}
    : { memberEpoch: target.epoch, previousMemberEpoch: member.memberEpoch };
  const next = { ...member, ...epochs, assignedPartitions };
  records.push(shareCurrentRecord(group.groupId, next));
  return next;
}

/** Writes down what is begun now, so that it is not begun with every heartbeat. */
function initializeTopics(
  { group, groups, records }: ShareChange,
  stateEpoch: number,
  topicNames: Iterable<string>,
): Initialization | null {
  const { topics, clock, config } = groups.context;
  const { groupId, knownTopics } = group;
  const retryBeforeMs = clock.wallMs() - config.share.initializeRetryIntervalMs;
  const missing = uninitializedTopics(knownTopics, topicNames, topics, retryBeforeMs);
  if (missing.size === 0) return null;
  records.push(shareStateRecord(groupId, withInitializing(knownTopics, missing), topics));
  return { groupId, stateEpoch, partitions: partitionsOf(missing) };
}

function leave(
  groups: ShareGroups,
  { groupId, memberId, memberEpoch }: ShareHeartbeatRequest,
): Outcome<GroupRecord, ShareHeartbeatAnswer> | GroupRefusal {
  const group = groups.get(groupId);
  if (group === undefined) {
    return new GroupRefusal(ErrorCode.GROUP_ID_NOT_FOUND, groups.absence(groupId));
  }
  const member = group.members.get(memberId);
  if (member === undefined) return unknownMember(group, memberId);
  const response = {
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    memberId,
    memberEpoch,
    heartbeatIntervalMs: 0,
  };
  const { records } = removeMember(groups, group, member);
  return { records, response: { response, initialization: null } };
}

function removeMember(
  groups: ShareGroups,
  group: ShareGroup,
  member: ShareMember,
): Effects<GroupRecord> {
  const { groupId } = group;
  const epoch = group.groupEpoch + 1;
  const hash = groups.hashes.ofGroup(group.subscriptionsAfter(member, null).keys());
  groups.context.logger.info(`group ${groupId} has group epoch ${epoch}`);
  const tombstones = shareMemberTombstones(groupId, member.memberId);
  return { records: [...tombstones, shareGroupRecord(groupId, epoch, hash)] };
}

/** Begins the session of a member anew. */
export function keepShareSession(groups: ShareGroups, group: ShareGroup, memberId: string): void {
  const timeoutMs = groups.context.config.share.sessionTimeoutMs(group.groupId);
  setSession(groups.context, group, memberId, timeoutMs, (member) =>
    removeMember(groups, group, member),
  );
}
