/**
 * A group of Kafka Streams (KIP-1071): the threads of one application share the tasks of its
 * topology.
 *
 *   Empty ──▶ NotReady ──▶ Assigning ──▶ Reconciling ──▶ Stable
 *             its topics    group epoch    a member is     all members have what
 *             are missing   is ahead       behind          the target gives them
 *
 * Invariants: `#holders` names a process for a task exactly while a member of it has the task or is
 * about to give it back; an active task has one at most. What the configured topology says is made
 * from the topology and the metadata, and is forgotten at a restart.
 */
import type { Deadline } from "../deadlines.ts";
import type { EpochPartitions } from "./consumer-member.ts";
import { EpochGroup } from "./epoch-group.ts";
import {
  isStreamsReconciledTo,
  NO_TARGET_TASKS,
  type OwnTasks,
  type StreamsMember,
  type TargetTasks,
  TASK_KINDS,
  type TasksOf,
} from "./streams-member.ts";
import type { ConfiguredTopology } from "./streams-topics.ts";
import type { StreamsTopology } from "./streams-topology.ts";

export type StreamsGroupState = "Empty" | "NotReady" | "Assigning" | "Reconciling" | "Stable";

/** Of a group whose topology was never found to be whole. */
export const NOT_VALIDATED = -1;

/** By process: how many of its members hold a task. */
type Holders = Map<string, Map<number, Map<string, number>>>;

const NO_PROCESSES: ReadonlyMap<string, number> = new Map();

export class StreamsGroup extends EpochGroup<StreamsMember, TargetTasks> {
  validatedTopologyEpoch = 0;
  /** What the last bump of the epoch saw of the settings. */
  assignmentConfigs: ReadonlyMap<string, string> = new Map();
  topology: StreamsTopology | null = null;
  readonly #holders: TasksOf<Holders> = {
    active: new Map(),
    standby: new Map(),
    warmup: new Map(),
  };

  // ---- In memory alone -----------------------------------------------------------------------

  configuredTopology: ConfiguredTopology | null = null;
  /** The first member that wants the whole application to stop. */
  shutdownRequestMemberId: string | null = null;
  /** Counts changes of what can be asked of whom; members say which one they know. */
  endpointInformationEpoch = 0;
  /** Until then members only gather: the first assignment is for all of them. */
  initialRebalance: Deadline | null = null;

  /** Looks at all members: for those who describe the group. */
  get state(): StreamsGroupState {
    if (this.members.size === 0) return "Empty";
    if (this.topology?.epoch !== this.validatedTopologyEpoch) return "NotReady";
    if (this.groupEpoch > this.assignmentEpoch) return "Assigning";
    for (const member of this.members.values()) {
      if (!isStreamsReconciledTo(member, this.assignmentEpoch)) return "Reconciling";
    }
    return "Stable";
  }

  /** Offsets of a group without members may expire. */
  isSubscribedTo(topicName: string): boolean {
    return !this.isEmpty && this.topology?.readers.has(topicName) === true;
  }

  targetOf(memberId: string): TargetTasks {
    return this.targetAssignment.get(memberId) ?? NO_TARGET_TASKS;
  }

  /** Processes that have a task, with how many of their members do. */
  holdersOf(
    kind: keyof OwnTasks,
    subtopologyId: string,
    partition: number,
  ): ReadonlyMap<string, number> {
    return this.#holders[kind].get(subtopologyId)?.get(partition) ?? NO_PROCESSES;
  }

  // ---- Changed by records alone --------------------------------------------------------------

  /** In place of the member of the same id. */
  putMember(member: StreamsMember): void {
    this.#count(this.members.get(member.memberId), -1);
    this.#count(member, 1);
    this.members.set(member.memberId, member);
  }

  removeMember(memberId: string): void {
    this.#count(this.members.get(memberId), -1);
    this.members.delete(memberId);
    this.cancelTimers(memberId);
    if (this.isEmpty) this.shutdownRequestMemberId = null;
  }

  override die(): void {
    super.die();
    this.initialRebalance?.cancel();
    this.initialRebalance = null;
  }

  #count(member: StreamsMember | undefined, difference: 1 | -1): void {
    if (member === undefined) return;
    for (const kind of TASK_KINDS) {
      count(this.#holders[kind], member.assignedTasks[kind], member.processId, difference);
      count(this.#holders[kind], member.tasksPendingRevocation[kind], member.processId, difference);
    }
  }
}

function count(
  holders: Holders,
  tasks: EpochPartitions,
  processId: string,
  difference: 1 | -1,
): void {
  for (const [subtopologyId, epochs] of tasks) {
    let byPartition = holders.get(subtopologyId);
    if (byPartition === undefined) holders.set(subtopologyId, (byPartition = new Map()));
    for (const partition of epochs.keys()) {
      let byProcess = byPartition.get(partition);
      if (byProcess === undefined) byPartition.set(partition, (byProcess = new Map()));
      const after = (byProcess.get(processId) ?? 0) + difference;
      if (after > 0) byProcess.set(processId, after);
      else byProcess.delete(processId);
      if (byProcess.size === 0) byPartition.delete(partition);
    }
    if (byPartition.size === 0) holders.delete(subtopologyId);
  }
}
