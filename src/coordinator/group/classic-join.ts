/**
 * JoinGroup to classic groups: new members, members that come back, static members that take their
 * place again (KIP-345), and ids handed out before a member is taken in (KIP-394).
 */
import { assert } from "../../base/assert.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { NO_EFFECTS, type Effects } from "../outcome.ts";
import type { ClassicGroup } from "./classic-group.ts";
import { ClassicMember, type MemberProtocol } from "./classic-member.ts";
import {
  joinAnswer,
  joinedMembers,
  joinError,
  maybeCompleteJoin,
  maybePrepareRebalance,
  pendingJoinIsOver,
  prepareRebalance,
  sessionIsOver,
} from "./classic-rebalance.ts";
import { NEW_MEMBER_JOIN_TIMEOUT_MS } from "./group-config.ts";
import type { GroupContext } from "./group-context.ts";
import { generationRecord } from "./group-metadata.ts";
import type { JoinGroupRequest, JoinGroupResponse, RequestContext } from "./group-messages.ts";
import type { GroupRecord } from "./group-records.ts";
import { newMemberId } from "./member-id.ts";

/** One JoinGroup on its way. */
export interface Join {
  readonly request: JoinGroupRequest;
  readonly from: RequestContext;
  /** Called once, now or when the rebalance is complete. */
  readonly answer: (response: JoinGroupResponse) => void;
}

type GroupEffects = Effects<GroupRecord>;

/** From here on members must come back with the id that they were given. */
const MEMBER_ID_REQUIRED_VERSION = 4;
/** From here on a static leader can be told not to assign anew. */
const SKIP_ASSIGNMENT_VERSION = 9;

export function joinGroup(context: GroupContext, group: ClassicGroup, join: Join): GroupEffects {
  const { request, answer } = join;
  if (!isAccepted(context, group, request.memberId)) {
    const member = group.members.get(request.memberId);
    if (member !== undefined) assert(member.awaitingJoin === null, "who waits is accepted");
    group.remove(request.memberId);
    answer(joinError(ErrorCode.GROUP_MAX_SIZE_REACHED, ""));
    return NO_EFFECTS;
  }
  if (!group.supportsProtocols(request.protocolType, request.protocols)) {
    answer(joinError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, request.memberId));
    return NO_EFFECTS;
  }
  if (request.memberId !== "") return joinKnownMember(context, group, join);
  if (request.groupInstanceId !== null) return joinNewStaticMember(context, group, join);
  return joinNewDynamicMember(context, group, join);
}

/** A member of a group as it was read from the log, or that joins now. */
export function sessionDeadline(
  context: GroupContext,
  group: ClassicGroup,
  memberId: string,
): ClassicMember["session"] {
  return context.deadline(() => sessionIsOver(context, group, memberId));
}

/**
 * While members are joining, those who wait count, and not the members: so the last to come back
 * are turned away where `group.max.size` was made smaller.
 */
function isAccepted(context: GroupContext, group: ClassicGroup, memberId: string): boolean {
  const { groupMaxSize } = context.config;
  const member = group.members.get(memberId);
  switch (group.state) {
    case "PreparingRebalance":
      return (member?.awaitingJoin ?? null) !== null || group.awaitingJoinCount < groupMaxSize;
    case "CompletingRebalance":
    case "Stable":
      return member !== undefined || group.members.size < groupMaxSize;
    default:
      return true;
  }
}

function joinNewDynamicMember(
  context: GroupContext,
  group: ClassicGroup,
  join: Join,
): GroupEffects {
  const { request, from, answer } = join;
  const memberId = newMemberId(context.random, from.clientId);
  if (from.apiVersion < MEMBER_ID_REQUIRED_VERSION)
    return addMember(context, group, join, memberId);
  const deadline = context.deadline(() => pendingJoinIsOver(context, group, memberId));
  group.addPending(memberId, deadline);
  deadline.set(request.sessionTimeoutMs);
  answer(joinError(ErrorCode.MEMBER_ID_REQUIRED, memberId));
  return NO_EFFECTS;
}

function joinNewStaticMember(context: GroupContext, group: ClassicGroup, join: Join): GroupEffects {
  const { groupInstanceId } = join.request;
  assert(groupInstanceId !== null, "a static member has an instance id");
  const memberId = newMemberId(context.random, groupInstanceId);
  const currentId = group.staticMembers.get(groupInstanceId);
  if (currentId === undefined) return addMember(context, group, join, memberId);
  return replaceStaticMember(context, group, join, currentId, memberId);
}

function addMember(
  context: GroupContext,
  group: ClassicGroup,
  join: Join,
  memberId: string,
): GroupEffects {
  const { request, from } = join;
  const member = new ClassicMember(
    {
      memberId,
      groupInstanceId: request.groupInstanceId,
      clientId: from.clientId,
      clientHost: from.clientHost,
      rebalanceTimeoutMs: rebalanceTimeoutOf(join),
      sessionTimeoutMs: request.sessionTimeoutMs,
      protocols: ownCopyOf(request.protocols),
    },
    sessionDeadline(context, group, memberId),
  );
  member.isNew = true;
  member.awaitingJoin = join.answer;
  if (group.state === "PreparingRebalance" && group.previousState === "Empty") {
    group.newMemberAdded = true;
  }
  group.add(member, request.protocolType);
  // The member cannot send heartbeats while it waits, and its client may have gone: it has a limit
  // of its own, and a client that is still there retries.
  member.session.set(NEW_MEMBER_JOIN_TIMEOUT_MS);
  return maybePrepareRebalance(context, group, `member ${memberId} joins: ${reasonOf(request)}`);
}

function joinKnownMember(context: GroupContext, group: ClassicGroup, join: Join): GroupEffects {
  const { request, answer } = join;
  const { memberId, groupInstanceId } = request;
  if (group.pendingJoin.has(memberId)) {
    // Only dynamic members are told to come back with an id.
    if (groupInstanceId === null) return addMember(context, group, join, memberId);
    answer(joinError(ErrorCode.UNKNOWN_SERVER_ERROR, ""));
    return NO_EFFECTS;
  }
  const error = group.checkMember(memberId, groupInstanceId);
  if (error !== ErrorCode.NONE) {
    answer(joinError(error, memberId));
    return NO_EFFECTS;
  }
  const member = group.members.get(memberId)!;
  const isSame = member.hasProtocols(request.protocols);
  switch (group.state) {
    case "PreparingRebalance":
      return rejoin(context, group, join, member, `member ${memberId} joins again`);
    case "CompletingRebalance":
      if (!isSame) return rejoin(context, group, join, member, `member ${memberId} has changed`);
      // It missed the answer to its first JoinGroup.
      answer(joinAnswer(group, memberId));
      return NO_EFFECTS;
    case "Stable":
      // The leader joins again when topics have changed, say, which its metadata does not show.
      if (group.isLeader(memberId)) {
        return rejoin(context, group, join, member, `leader ${memberId} joins again`);
      }
      if (!isSame) return rejoin(context, group, join, member, `member ${memberId} has changed`);
      answer(joinAnswer(group, memberId));
      return NO_EFFECTS;
    default:
      answer(joinError(ErrorCode.UNKNOWN_MEMBER_ID, memberId));
      return NO_EFFECTS;
  }
}

function rejoin(
  context: GroupContext,
  group: ClassicGroup,
  join: Join,
  member: ClassicMember,
  reason: string,
): GroupEffects {
  updateMember(group, member, join);
  return maybePrepareRebalance(context, group, `${reason}: ${reasonOf(join.request)}`);
}

/** A member that waits already has asked on another connection: the older request is let go. */
function updateMember(group: ClassicGroup, member: ClassicMember, join: Join): void {
  const { request } = join;
  group.answerJoin(member, joinError(ErrorCode.REBALANCE_IN_PROGRESS, member.memberId));
  const protocols = ownCopyOf(request.protocols);
  group.update(member, protocols, rebalanceTimeoutOf(join), request.sessionTimeoutMs);
  group.awaitJoin(member, join.answer);
}

/** The same instance, started again: it takes the place of its former self, which is fenced. */
function replaceStaticMember(
  context: GroupContext,
  group: ClassicGroup,
  join: Join,
  currentId: string,
  memberId: string,
): GroupEffects {
  const former = group.members.get(currentId);
  assert(former !== undefined, "a static member is a member");
  const leaderBefore = group.leaderId;
  const member = takeStaticPlace(context, group, former, memberId);
  updateMember(group, member, join);
  const who = `static member ${memberId} (${join.request.groupInstanceId}) is back`;
  switch (group.state) {
    case "Stable":
      if (group.selectProtocol() === group.protocolName) {
        return keepGeneration(group, join, member, former, leaderBefore);
      }
      return maybePrepareRebalance(context, group, `${who} and changes the protocol`);
    case "CompletingRebalance":
      // The leader may be assigning to the former member id at this very moment.
      return prepareRebalance(context, group, who);
    default:
      return maybeCompleteJoin(context, group);
  }
}

function takeStaticPlace(
  context: GroupContext,
  group: ClassicGroup,
  former: ClassicMember,
  memberId: string,
): ClassicMember {
  group.answerJoin(former, joinError(ErrorCode.FENCED_INSTANCE_ID, former.memberId));
  group.answerSync(former, {
    errorCode: ErrorCode.FENCED_INSTANCE_ID,
    assignment: Buffer.alloc(0),
  });
  const description = { ...former.describe(), memberId };
  const member = new ClassicMember(description, sessionDeadline(context, group, memberId));
  member.assignment = former.assignment;
  group.replaceStatic(former, member);
  member.resetSession();
  return member;
}

/**
 * Nothing changes but the member id: it is written down, and the member is told of the generation
 * that goes on. A client before version 9 that led is told of its old id as leader's, so that it
 * does not assign anew: nobody would learn of it.
 */
function keepGeneration(
  group: ClassicGroup,
  join: Join,
  member: ClassicMember,
  former: ClassicMember,
  leaderBefore: string | null,
): GroupEffects {
  const { memberId } = member;
  const skips = join.from.apiVersion >= SKIP_ASSIGNMENT_VERSION;
  const isLeader = group.isLeader(memberId);
  return {
    records: [generationRecord(group, (each) => each.assignment)],
    applied: () =>
      group.answerJoin(member, {
        ...joinAnswer(group, memberId),
        leader: (skips ? group.leaderId : leaderBefore) ?? "",
        skipAssignment: skips && isLeader,
        members: skips && isLeader ? joinedMembers(group) : [],
      }),
    refused: (error) => {
      group.answerJoin(member, joinError(error, ""));
      group.replaceStatic(member, former);
      former.resetSession();
    },
  };
}

/** Version 0 has no field for it. */
function rebalanceTimeoutOf({ request, from }: Join): number {
  return from.apiVersion === 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs;
}

function reasonOf(request: JoinGroupRequest): string {
  return request.reason === null || request.reason === "" ? "no reason given" : request.reason;
}

/** The request's bytes are a view into a buffer that is used again. */
function ownCopyOf(protocols: readonly MemberProtocol[]): MemberProtocol[] {
  return protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) }));
}
