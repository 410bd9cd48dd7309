/** SyncGroup, Heartbeat and LeaveGroup to classic groups. */
import { ErrorCode } from "../../protocol/error-code.ts";
import { NO_EFFECTS, type Effects } from "../outcome.ts";
import type { ClassicGroup } from "./classic-group.ts";
import {
  answerSyncs,
  maybeCompleteJoin,
  maybePrepareRebalance,
  removeMember,
} from "./classic-rebalance.ts";
import type { GroupContext } from "./group-context.ts";
import { generationRecord } from "./group-metadata.ts";
import type {
  HeartbeatRequest,
  LeaveGroupResponse,
  LeavingMember,
  SyncGroupRequest,
  SyncGroupResponse,
} from "./group-messages.ts";
import type { GroupRecord } from "./group-records.ts";

type GroupEffects = Effects<GroupRecord>;
type LeftMember = LeaveGroupResponse["members"][number];

const NO_ASSIGNMENT = Buffer.alloc(0);

export function syncError(errorCode: ErrorCode): SyncGroupResponse {
  return { errorCode, assignment: NO_ASSIGNMENT };
}

/** `answer` is called once: at once, or when the leader's plan has come. */
export function syncGroup(
  context: GroupContext,
  group: ClassicGroup,
  request: SyncGroupRequest,
  answer: (response: SyncGroupResponse) => void,
): GroupEffects {
  const error = checkSync(group, request);
  if (error !== ErrorCode.NONE) {
    answer(syncError(error));
    return NO_EFFECTS;
  }
  const member = group.members.get(request.memberId)!;
  switch (group.state) {
    case "PreparingRebalance":
      answer(syncError(ErrorCode.REBALANCE_IN_PROGRESS));
      return NO_EFFECTS;
    case "CompletingRebalance":
      // A member that waits already has asked on another connection.
      group.answerSync(member, syncError(ErrorCode.REBALANCE_IN_PROGRESS));
      member.awaitingSync = answer;
      hasSynced(group, request.memberId);
      return group.isLeader(request.memberId) ? assign(context, group, request) : NO_EFFECTS;
    default:
      hasSynced(group, request.memberId);
      answer({
        errorCode: ErrorCode.NONE,
        protocolType: group.protocolType,
        protocolName: group.protocolName,
        assignment: member.assignment,
      });
      return NO_EFFECTS;
  }
}

/** Keeps the session; no other state changes and nothing is searched. */
export function heartbeat(group: ClassicGroup, request: HeartbeatRequest): ErrorCode {
  const error = group.checkMember(request.memberId, request.groupInstanceId);
  if (error !== ErrorCode.NONE) return error;
  if (request.generationId !== group.generationId) return ErrorCode.ILLEGAL_GENERATION;
  group.members.get(request.memberId)!.resetSession();
  return group.state === "PreparingRebalance" ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
}

/** Removes the members, each with its own error code; `left` is filled in their order. */
export function leaveGroup(
  context: GroupContext,
  group: ClassicGroup,
  members: readonly LeavingMember[],
  left: LeftMember[],
): GroupEffects {
  const gone: string[] = [];
  for (const leaving of members) {
    const { memberId, groupInstanceId } = leaving;
    const errorCode = leave(group, leaving);
    left.push({ memberId, groupInstanceId, errorCode });
    if (errorCode !== ErrorCode.NONE) continue;
    gone.push(`${groupInstanceId ?? memberId} (${leaving.reason ?? "no reason given"})`);
  }
  if (gone.length === 0) return NO_EFFECTS;
  switch (group.state) {
    case "Stable":
    case "CompletingRebalance":
      return maybePrepareRebalance(context, group, `members left: ${gone.join(", ")}`);
    case "PreparingRebalance":
      return maybeCompleteJoin(context, group);
    default:
      return NO_EFFECTS;
  }
}

function checkSync(group: ClassicGroup, request: SyncGroupRequest): ErrorCode {
  if (group.state === "Empty") return ErrorCode.UNKNOWN_MEMBER_ID;
  const error = group.checkMember(request.memberId, request.groupInstanceId);
  if (error !== ErrorCode.NONE) return error;
  if (request.generationId !== group.generationId) return ErrorCode.ILLEGAL_GENERATION;
  const isInconsistent =
    differs(request.protocolType, group.protocolType) ||
    differs(request.protocolName, group.protocolName);
  return isInconsistent ? ErrorCode.INCONSISTENT_GROUP_PROTOCOL : ErrorCode.NONE;
}

/** Requests of old versions name neither type nor protocol. */
function differs(requested: string | null, current: string | null): boolean {
  return requested !== null && current !== null && requested !== current;
}

function hasSynced(group: ClassicGroup, memberId: string): void {
  group.pendingSync.delete(memberId);
  if (group.hasReceivedSyncFromAll) group.syncDeadline.cancel();
}

/** The leader's plan. Whoever it leaves out gets nothing to do. */
function assign(
  context: GroupContext,
  group: ClassicGroup,
  request: SyncGroupRequest,
): GroupEffects {
  const plan = new Map<string, Buffer>();
  for (const { memberId, assignment } of request.assignments) {
    // The request's bytes are a view into a buffer that is used again.
    plan.set(memberId, Buffer.from(assignment));
  }
  const record = generationRecord(group, ({ memberId }) => plan.get(memberId) ?? NO_ASSIGNMENT);
  return {
    records: [record],
    applied: () => {
      group.stateSinceMs = context.clock.wallMs();
      answerSyncs(group, ErrorCode.NONE);
    },
    refused: (error) => {
      for (const member of group.members.values()) member.assignment = NO_ASSIGNMENT;
      answerSyncs(group, error);
      // Nothing to complete here, as nobody has joined again: no records.
      maybePrepareRebalance(context, group, "the assignment could not be written");
    },
  };
}

function leave(group: ClassicGroup, { memberId, groupInstanceId }: LeavingMember): ErrorCode {
  if (memberId === "") {
    // An administrator removes a static member by its instance id.
    const current = groupInstanceId === null ? undefined : group.staticMembers.get(groupInstanceId);
    if (current === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    removeMember(group, group.members.get(current)!);
    return ErrorCode.NONE;
  }
  if (group.pendingJoin.has(memberId)) {
    group.removePending(memberId);
    return ErrorCode.NONE;
  }
  const error = group.checkMember(memberId, groupInstanceId);
  if (error === ErrorCode.NONE) removeMember(group, group.members.get(memberId)!);
  return error;
}
