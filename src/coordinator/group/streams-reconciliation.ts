/**
 * Brings a member of a streams group from the tasks that it has to those that it shall have, one
 * heartbeat after the other, in the steps of a member of a consumer group (see
 * consumer-reconciliation.ts). No task is active twice, and no process has a task twice: threads of
 * one process share the directory of its state.
 */
import {
  addDifference,
  type AssignmentDifference,
  noDifference,
  withAdded,
} from "./assignment-difference.ts";
import type { StreamsGroup } from "./streams-group.ts";
import {
  hasNoTasks,
  isStreamsReconciledTo,
  NO_OWN_TASKS,
  type OwnTasks,
  type StreamsMember,
  StreamsMemberState,
  type TargetTasks,
  TASK_KINDS,
  type TasksOf,
} from "./streams-member.ts";

export interface StreamsTarget {
  readonly epoch: number;
  readonly tasks: TargetTasks;
}

export interface StreamsReconciliation {
  readonly group: StreamsGroup;
  readonly target: StreamsTarget;
  /** What the member says that it has; null where it does not say. */
  readonly owned: TargetTasks | null;
}

/** "fenced": its state is of a newer release, so it must give up all it has and join again. */
export function reconcileStreams(
  member: StreamsMember,
  reconciliation: StreamsReconciliation,
): StreamsMember | "fenced" {
  const { target, owned } = reconciliation;
  if (isStreamsReconciledTo(member, target.epoch)) return member;
  switch (member.state) {
    case StreamsMemberState.STABLE:
    case StreamsMemberState.UNRELEASED_TASKS:
      return advance(member, reconciliation, member.memberEpoch);
    case StreamsMemberState.UNREVOKED_TASKS:
      if (owns(owned, member.tasksPendingRevocation)) return member;
      return advance(member, reconciliation, member.memberEpoch + 1);
    case StreamsMemberState.UNKNOWN:
      if (owned === null || !hasNoTasks(owned)) return "fenced";
      return advance(member, reconciliation, target.epoch);
  }
}

/** Where it does not say what it has, it may have all of them. */
function owns(owned: TargetTasks | null, tasks: OwnTasks): boolean {
  if (owned === null) return true;
  return TASK_KINDS.some((kind) =>
    [...owned[kind]].some(([subtopologyId, partitions]) => {
      const epochs = tasks[kind].get(subtopologyId);
      return epochs !== undefined && partitions.some((partition) => epochs.has(partition));
    }),
  );
}

/** Towards the target, as far as it goes now. */
function advance(
  member: StreamsMember,
  reconciliation: StreamsReconciliation,
  memberEpoch: number,
): StreamsMember {
  const { target, owned } = reconciliation;
  const next = differences(member, reconciliation);
  const revoked = {
    active: next.active.revoked,
    standby: next.standby.revoked,
    warmup: next.warmup.revoked,
  };
  const previousMemberEpoch = member.memberEpoch;
  if (!hasNoTasks(revoked) && owns(owned, revoked)) {
    return {
      ...member,
      memberEpoch,
      previousMemberEpoch,
      state: StreamsMemberState.UNREVOKED_TASKS,
      assignedTasks: {
        active: next.active.kept,
        standby: next.standby.kept,
        warmup: next.warmup.kept,
      },
      tasksPendingRevocation: revoked,
    };
  }
  const hasUnreleased = TASK_KINDS.some((kind) => next[kind].hasUnreleased);
  return {
    ...member,
    memberEpoch: target.epoch,
    previousMemberEpoch,
    state: hasUnreleased ? StreamsMemberState.UNRELEASED_TASKS : StreamsMemberState.STABLE,
    assignedTasks: {
      active: withAdded(next.active, target.epoch),
      standby: withAdded(next.standby, 0),
      warmup: withAdded(next.warmup, 0),
    },
    tasksPendingRevocation: NO_OWN_TASKS,
  };
}

function differences(
  member: StreamsMember,
  { group, target }: StreamsReconciliation,
): TasksOf<AssignmentDifference> {
  const { processId, assignedTasks } = member;
  const has = (kind: keyof OwnTasks, id: string, partition: number): boolean =>
    group.holdersOf(kind, id, partition).has(processId);
  const isPassive = (id: string, partition: number): boolean =>
    has("standby", id, partition) || has("warmup", id, partition);
  const isFree: TasksOf<(id: string, partition: number) => boolean> = {
    active: (id, partition) =>
      group.holdersOf("active", id, partition).size === 0 && !isPassive(id, partition),
    standby: (id, partition) => !has("active", id, partition) && !isPassive(id, partition),
    warmup: (id, partition) => !has("active", id, partition) && !isPassive(id, partition),
  };
  const of = (kind: keyof OwnTasks): AssignmentDifference => {
    const difference = noDifference();
    const current = assignedTasks[kind];
    for (const id of new Set([...target.tasks[kind].keys(), ...current.keys()])) {
      const wanted = target.tasks[kind].get(id) ?? [];
      addDifference(difference, id, current.get(id), wanted, isFree[kind]);
    }
    return difference;
  };
  return { active: of("active"), standby: of("standby"), warmup: of("warmup") };
}
