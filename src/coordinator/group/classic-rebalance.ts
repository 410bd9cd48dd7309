/**
 * The rebalance of a classic group: from the first reason for it to the point where every member
 * has been told of the new generation.
 *
 *   prepareRebalance ──▶ wait for all to join ──▶ completeJoin ──▶ wait for all to sync
 *                          │ joinDeadline             │               │ syncDeadline
 *                          ▼                          ▼               ▼
 *                        those who did not come are removed; static members may be late
 */
import { ErrorCode, errorName } from "../../protocol/error-code.ts";
import { NO_EFFECTS, type Effects } from "../outcome.ts";
import { ClassicGroup } from "./classic-group.ts";
import type { ClassicMember } from "./classic-member.ts";
import type { GroupContext } from "./group-context.ts";
import type { JoinGroupResponse } from "./group-messages.ts";
import { groupMetadataRecord } from "./group-metadata.ts";
import type { GroupRecord } from "./group-records.ts";

type GroupEffects = Effects<GroupRecord>;

const NO_ASSIGNMENT = Buffer.alloc(0);

/** A group that nobody has joined yet. */
export function newGroup(context: GroupContext, groupId: string): ClassicGroup {
  const group: ClassicGroup = new ClassicGroup(
    groupId,
    context.clock.wallMs(),
    context.deadline(() => joinTimeIsUp(context, group)),
    context.deadline(() => syncTimeIsUp(context, group)),
  );
  return group;
}

/** A JoinGroup's answer that carries an error. */
export function joinError(errorCode: ErrorCode, memberId: string): JoinGroupResponse {
  return {
    errorCode,
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: "",
    memberId,
    members: [],
  };
}

/** A JoinGroup's answer for the present generation; only the leader is told of all members. */
export function joinAnswer(group: ClassicGroup, memberId: string): JoinGroupResponse {
  const members = group.isLeader(memberId) ? joinedMembers(group) : [];
  return {
    errorCode: ErrorCode.NONE,
    generationId: group.generationId,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    leader: group.leaderId ?? "",
    skipAssignment: false,
    memberId,
    members,
  };
}

export function joinedMembers(group: ClassicGroup): JoinGroupResponse["members"] {
  return [...group.members.values()].map((member) => ({
    memberId: member.memberId,
    groupInstanceId: member.groupInstanceId,
    metadata: member.metadataOf(group.protocolName) ?? NO_ASSIGNMENT,
  }));
}

export function maybePrepareRebalance(
  context: GroupContext,
  group: ClassicGroup,
  reason: string,
): GroupEffects {
  if (group.canRebalance) return prepareRebalance(context, group, reason);
  return maybeCompleteJoin(context, group);
}

export function prepareRebalance(
  context: GroupContext,
  group: ClassicGroup,
  reason: string,
): GroupEffects {
  if (group.state === "CompletingRebalance") {
    for (const member of group.members.values()) member.assignment = NO_ASSIGNMENT;
    answerSyncs(group, ErrorCode.REBALANCE_IN_PROGRESS);
  }
  group.pendingSync.clear();
  group.syncDeadline.cancel();
  const isInitial = group.state === "Empty";
  group.initialRebalance = null;
  if (isInitial) {
    const delayMs = context.config.groupInitialRebalanceDelayMs;
    const remainingMs = Math.max(group.rebalanceTimeoutMs - delayMs, 0);
    group.initialRebalance = { delayMs, remainingMs };
    group.newMemberAdded = false;
    group.joinDeadline.set(delayMs);
  }
  context.logger.info(
    `group ${group.groupId} rebalances from ${group.state}, ` +
      `generation ${group.generationId}: ${reason}`,
  );
  group.transitionTo("PreparingRebalance", context.clock.wallMs());
  if (isInitial) return NO_EFFECTS;
  if (group.hasAllMembersJoined) return completeJoin(context, group);
  group.joinDeadline.set(group.rebalanceTimeoutMs);
  return NO_EFFECTS;
}

/** The initial rebalance is not completed early: others may be about to come. */
export function maybeCompleteJoin(context: GroupContext, group: ClassicGroup): GroupEffects {
  if (group.state !== "PreparingRebalance" || group.previousState === "Empty") return NO_EFFECTS;
  return group.hasAllMembersJoined ? completeJoin(context, group) : NO_EFFECTS;
}

/** The member has not been heard of for its session timeout, or never joined. */
export function sessionIsOver(
  context: GroupContext,
  group: ClassicGroup,
  memberId: string,
): GroupEffects {
  const member = group.members.get(memberId);
  if (member === undefined || member.hasSatisfiedHeartbeat) return NO_EFFECTS;
  const reason = `member ${memberId} sent no heartbeat in time`;
  context.logger.info(`group ${group.groupId}: ${reason}`);
  removeMember(group, member);
  if (group.state === "Stable" || group.state === "CompletingRebalance") {
    return maybePrepareRebalance(context, group, reason);
  }
  return completeJoinOfAll(context, group);
}

/** A member id was given out, and nobody joined with it. */
export function pendingJoinIsOver(
  context: GroupContext,
  group: ClassicGroup,
  memberId: string,
): GroupEffects {
  context.logger.info(`group ${group.groupId}: pending member ${memberId} did not join in time`);
  group.removePending(memberId);
  return completeJoinOfAll(context, group);
}

/** Whoever waits for an answer to the member's requests gets one: the member may retry. */
export function removeMember(group: ClassicGroup, member: ClassicMember): void {
  group.answerJoin(member, joinError(ErrorCode.UNKNOWN_MEMBER_ID, ""));
  group.answerSync(member, {
    errorCode: ErrorCode.UNKNOWN_MEMBER_ID,
    assignment: NO_ASSIGNMENT,
  });
  group.remove(member.memberId);
}

/** Gives every waiting SyncGroup its member's assignment, or the error. */
export function answerSyncs(group: ClassicGroup, errorCode: ErrorCode): void {
  const isGood = errorCode === ErrorCode.NONE;
  for (const member of group.members.values()) {
    const isAnswered = group.answerSync(member, {
      errorCode,
      protocolType: isGood ? group.protocolType : null,
      protocolName: isGood ? group.protocolName : null,
      assignment: member.assignment,
    });
    // The session may have ended, without effect, while the member was waiting here.
    if (isAnswered) member.resetSession();
  }
}

function joinTimeIsUp(context: GroupContext, group: ClassicGroup): GroupEffects {
  const initial = group.initialRebalance;
  if (initial === null || !group.newMemberAdded || initial.remainingMs === 0) {
    return completeJoin(context, group);
  }
  // Somebody came while the group waited: others may follow, so it waits once more.
  const delayMs = Math.min(context.config.groupInitialRebalanceDelayMs, initial.remainingMs);
  const remainingMs = Math.max(initial.remainingMs - initial.delayMs, 0);
  group.initialRebalance = { delayMs, remainingMs };
  group.newMemberAdded = false;
  group.joinDeadline.set(delayMs);
  return NO_EFFECTS;
}

function syncTimeIsUp(context: GroupContext, group: ClassicGroup): GroupEffects {
  if (group.hasReceivedSyncFromAll) return NO_EFFECTS;
  const late = [...group.pendingSync];
  for (const memberId of late) removeMember(group, group.members.get(memberId)!);
  return prepareRebalance(context, group, `members ${late.join(", ")} sent no SyncGroup in time`);
}

function completeJoinOfAll(context: GroupContext, group: ClassicGroup): GroupEffects {
  if (group.state !== "PreparingRebalance" || !group.hasAllMembersJoined) return NO_EFFECTS;
  return completeJoin(context, group);
}

/** Goes on with those who are there: as a new generation, or empty when nobody is left. */
function completeJoin(context: GroupContext, group: ClassicGroup): GroupEffects {
  group.joinDeadline.cancel();
  group.initialRebalance = null;
  removeLateMembers(context, group);
  if (group.members.size === 0) return becomeEmpty(context, group);
  if (!group.electJoinedLeader()) {
    // Only static members are left, and none of them is here. Their sessions will end.
    context.logger.warn(`group ${group.groupId}: no member has joined, waiting on`);
    group.joinDeadline.set(group.rebalanceTimeoutMs);
    return NO_EFFECTS;
  }
  group.startGeneration(context.clock.wallMs());
  context.stats.classicRebalances++;
  context.logger.info(
    `group ${group.groupId} has generation ${group.generationId} ` +
      `with ${group.members.size} members, leader ${group.leaderId}`,
  );
  for (const member of group.members.values()) {
    group.answerJoin(member, joinAnswer(group, member.memberId));
    member.resetSession();
    member.isNew = false;
    group.pendingSync.add(member.memberId);
  }
  group.syncDeadline.set(group.rebalanceTimeoutMs);
  return NO_EFFECTS;
}

function removeLateMembers(context: GroupContext, group: ClassicGroup): void {
  for (const member of [...group.members.values()]) {
    if (member.awaitingJoin !== null || member.isStatic) continue;
    context.logger.info(`group ${group.groupId}: member ${member.memberId} did not rejoin in time`);
    removeMember(group, member);
  }
}

function becomeEmpty(context: GroupContext, group: ClassicGroup): GroupEffects {
  context.logger.info(`group ${group.groupId} is empty, generation ${group.generationId + 1}`);
  const recorded = {
    generationId: group.generationId + 1,
    protocolType: group.protocolType,
    protocolName: null,
    leaderId: null,
    stateSinceMs: context.clock.wallMs(),
  };
  return {
    records: [groupMetadataRecord(group.groupId, recorded, [])],
    refused: (error) => {
      // Not on disk, then: after a restart the last generation is back, and its sessions end.
      context.logger.warn(`group ${group.groupId}: empty state not written: ${errorName(error)}`);
      group.becomeAsRecorded(recorded, []);
    },
  };
}
