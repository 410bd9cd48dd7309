/** The target assignment of a streams group: what its assignor makes of its members and tasks. */
import { finishNow, Pace, type Steps } from "../../base/slices.ts";
import { type Effects, NO_EFFECTS } from "../outcome.ts";
import { targetEffects } from "./assigning-beside.ts";
import type { GroupRecord } from "./group-records.ts";
import { grownCapacity, stringsInJavaOrder } from "../java-order.ts";
import type { StreamsGroup } from "./streams-group.ts";
import type { StreamsGroups } from "./streams-groups.ts";
import {
  NO_TARGET_TASKS,
  sameTargetTasks,
  type StreamsMember,
  type TargetTasks,
} from "./streams-member.ts";
import {
  type StreamsRecord,
  streamsTargetMemberRecord,
  streamsTargetRecord,
} from "./streams-records.ts";
import type { ConfiguredTopology } from "./streams-topics.ts";
import {
  assignTasksInSteps,
  type TaskMember,
  type TaskSubtopology,
} from "./sticky-task-assignor.ts";

/** The one setting that assignors are told. */
export const STANDBY_COUNT = "num.standby.replicas";

export interface StreamsTargetRequest {
  readonly group: StreamsGroup;
  readonly groupEpoch: number;
  /** As a request makes it, in the place of the one that the group has; null: all as they are. */
  readonly updated: StreamsMember | null;
  readonly topology: ConfiguredTopology;
  readonly assignmentConfigs: ReadonlyMap<string, string>;
}

export interface NewStreamsTarget {
  readonly records: StreamsRecord[];
  readonly byMember: ReadonlyMap<string, TargetTasks>;
}

export function newStreamsTarget(
  groups: StreamsGroups,
  request: StreamsTargetRequest,
): NewStreamsTarget {
  return finishNow(streamsTargetInSteps(groups, request));
}

/** Of a large group, as it is now, beside its heartbeats. */
export function* streamsTargetSteps(
  groups: StreamsGroups,
  group: StreamsGroup,
  topology: ConfiguredTopology,
): Steps<Effects<GroupRecord>> {
  const { groupEpoch, assignmentConfigs, topology: described } = group;
  const request = { group, groupEpoch, updated: null, topology, assignmentConfigs };
  const { records } = yield* streamsTargetInSteps(groups, request);
  // Tasks of another topology are nobody's any more.
  if (group.topology?.epoch !== described?.epoch) return NO_EFFECTS;
  return yield* targetEffects(groups, group, groupEpoch, records);
}

/** Between the steps members and topics may change: it is of its beginning. */
function* streamsTargetInSteps(
  { context }: StreamsGroups,
  request: StreamsTargetRequest,
): Steps<NewStreamsTarget> {
  const { group, groupEpoch, updated, topology, assignmentConfigs } = request;
  const { clock, logger } = context;
  const { groupId } = group;
  const startMs = clock.monotonicMs();
  const members = taskMembers(group, updated);
  const standbyCount = Number(assignmentConfigs.get(STANDBY_COUNT) ?? 0);
  const subtopologies = topology.problem === null ? taskSubtopologies(topology) : [];
  yield;
  const steps = assignTasksInSteps({ members, subtopologies, standbyCount });
  const { byMember, shortCount } = yield* steps;
  const records: StreamsRecord[] = [];
  const pace = new Pace(MEMBERS_A_STEP);
  for (const { memberId } of members) {
    if (pace.endsStep()) yield;
    const tasks = byMember.get(memberId) ?? NO_TARGET_TASKS;
    const former = group.targetAssignment.get(memberId);
    if (former !== undefined && sameTargetTasks(former, tasks)) continue;
    records.push(streamsTargetMemberRecord(groupId, memberId, tasks));
  }
  records.push(streamsTargetRecord(groupId, groupEpoch, clock.wallMs()));
  const tookMs = Math.round(clock.monotonicMs() - startMs);
  logger.info(`group ${groupId}: sticky assignment for epoch ${groupEpoch} in ${tookMs} ms`);
  if (shortCount > 0) {
    logger.warn(`group ${groupId}: ${shortCount} standby tasks have no process to run in`);
  }
  return { records, byMember };
}

const MEMBERS_A_STEP = 64;

function taskMembers(group: StreamsGroup, updated: StreamsMember | null): TaskMember[] {
  const ids = new Set(group.members.keys());
  if (updated !== null) ids.add(updated.memberId);
  return stringsInJavaOrder([...ids], grownCapacity(ids.size)).map((memberId) => {
    const member = memberId === updated?.memberId ? updated : group.members.get(memberId)!;
    return { memberId, processId: member.processId, tasks: group.targetOf(memberId) };
  });
}

function taskSubtopologies({ subtopologies }: ConfiguredTopology): TaskSubtopology[] {
  return [...(subtopologies ?? [])].map(([id, { taskCount, stateChangelogTopics }]) => ({
    id,
    taskCount,
    isStateful: stateChangelogTopics.length > 0,
  }));
}
