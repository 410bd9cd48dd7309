/** When a streams group gets a new target assignment: at a heartbeat, or once it has gathered. */
import { NO_EFFECTS, type Effects } from "../outcome.ts";
import { assignBeside, LARGE_GROUP_SIZE } from "./assigning-beside.ts";
import type { GroupRecord } from "./group-records.ts";
import type { StreamsGroup } from "./streams-group.ts";
import type { StreamsGroups } from "./streams-groups.ts";
import { NO_TARGET_TASKS, type StreamsMember } from "./streams-member.ts";
import type { StreamsTarget } from "./streams-reconciliation.ts";
import { type StreamsProblem, StreamsStatus } from "./streams-status.ts";
import { newStreamsTarget, STANDBY_COUNT, streamsTargetSteps } from "./streams-target.ts";
import type { ConfiguredTopology } from "./streams-topics.ts";

export interface StreamsAssignment {
  readonly target: StreamsTarget;
  readonly records: readonly GroupRecord[];
  /** Why there is no new one, where there ought to be. */
  readonly delay: StreamsProblem | null;
  /** It is made beside, by `assignStreamsBeside`, once what the request changes is applied. */
  readonly isBeside?: boolean;
}

/** Settings of the group that its assignments depend on. */
export function assignmentConfigsOf(
  { context }: StreamsGroups,
  groupId: string,
): ReadonlyMap<string, string> {
  return new Map([[STANDBY_COUNT, String(context.config.streams.standbyCount(groupId))]]);
}

export interface AssignmentRequest {
  readonly groupEpoch: number;
  readonly updated: StreamsMember;
  readonly topology: ConfiguredTopology;
  readonly assignmentConfigs: ReadonlyMap<string, string>;
}

export function assignStreams(
  groups: StreamsGroups,
  group: StreamsGroup,
  request: AssignmentRequest,
): StreamsAssignment {
  const { groupEpoch, updated } = request;
  const { assignmentEpoch: epoch } = group;
  if (isGathering(groups, group)) {
    const delay = delayed("Assignment delayed due to the configured initial rebalance delay.");
    return { target: { epoch, tasks: NO_TARGET_TASKS }, records: [], delay };
  }
  const last = { target: { epoch, tasks: group.targetOf(updated.memberId) }, records: [] };
  if (epoch >= groupEpoch) return { ...last, delay: null };
  if (isTooSoon(groups, group)) {
    const delay = delayed("Assignment delayed due to the configured assignment interval.");
    return { ...last, delay };
  }
  if (group.members.size >= LARGE_GROUP_SIZE) return { ...last, delay: null, isBeside: true };
  const { records, byMember } = newStreamsTarget(groups, { group, ...request });
  const tasks = byMember.get(updated.memberId) ?? NO_TARGET_TASKS;
  return { target: { epoch: groupEpoch, tasks }, records, delay: null };
}

export function assignStreamsBeside(groups: StreamsGroups, group: StreamsGroup): void {
  const { configuredTopology: topology } = group;
  if (topology === null) return;
  assignBeside(groups.context, group, () => streamsTargetSteps(groups, group, topology));
}

/** The first member of an empty group waits for others, for as long as the settings say. */
export function beginGathering(groups: StreamsGroups, group: StreamsGroup): void {
  if (group.initialRebalance?.isSet === true) return;
  group.initialRebalance ??= groups.context.deadline(() => assignGathered(groups, group));
  group.initialRebalance.set(groups.context.config.streams.initialRebalanceDelayMs(group.groupId));
}

/** Also where the member that begins it is only about to be there. */
function isGathering({ context }: StreamsGroups, group: StreamsGroup): boolean {
  if (group.initialRebalance?.isSet === true) return true;
  return group.isEmpty && context.config.streams.initialRebalanceDelayMs(group.groupId) > 0;
}

function isTooSoon({ context }: StreamsGroups, group: StreamsGroup): boolean {
  const intervalMs = context.config.streams.assignmentIntervalMs(group.groupId);
  return group.isTooSoonToAssign(context.clock.wallMs(), intervalMs);
}

function assignGathered(groups: StreamsGroups, group: StreamsGroup): Effects<GroupRecord> {
  const { groupEpoch, configuredTopology: topology, assignmentConfigs } = group;
  // Where nothing is known of its topics yet, its next heartbeat assigns.
  const isIdle = group.isEmpty || topology === null || groupEpoch <= group.assignmentEpoch;
  if (isIdle || isTooSoon(groups, group)) return NO_EFFECTS;
  if (group.members.size >= LARGE_GROUP_SIZE) {
    assignStreamsBeside(groups, group);
    return NO_EFFECTS;
  }
  const request = { group, groupEpoch, updated: null, topology, assignmentConfigs };
  return { records: newStreamsTarget(groups, request).records, isAtomic: false };
}

function delayed(statusDetail: string): StreamsProblem {
  return { statusCode: StreamsStatus.ASSIGNMENT_DELAYED, statusDetail };
}
