/**
 * A member of a streams group (KIP-1071): one thread of an application of Kafka Streams. What it
 * told of itself, and which tasks it has; a change makes a new one.
 */
import type { Value } from "../../protocol/schema.ts";
import type { streamsGroupMemberMetadataValue } from "../../protocol/records/streams-group.ts";
import { NO_PARTITIONS, samePartitions, type TopicPartitions } from "./assignor.ts";
import {
  type EpochPartitions,
  NO_EPOCH_PARTITIONS,
  sameEpochPartitions,
} from "./consumer-member.ts";

export type Endpoint = NonNullable<Value<typeof streamsGroupMemberMetadataValue>["userEndpoint"]>;

/** As the record has it. */
export const StreamsMemberState = {
  STABLE: 1,
  /** It must give back tasks before it goes on. */
  UNREVOKED_TASKS: 2,
  /** Others have tasks that are to be its own. */
  UNRELEASED_TASKS: 3,
  /** Of a newer release. */
  UNKNOWN: 127,
} as const;
export type StreamsMemberState = (typeof StreamsMemberState)[keyof typeof StreamsMemberState];

export const TASK_KINDS = ["active", "standby", "warmup"] as const;

/** Tasks of each kind, by subtopology: a task is one partition of what its subtopology reads. */
export type TasksOf<T> = { readonly [K in (typeof TASK_KINDS)[number]]: T };

/** What a member has; only active tasks have an epoch, the others say 0. */
export type OwnTasks = TasksOf<EpochPartitions>;
/** What a member shall have. */
export type TargetTasks = TasksOf<TopicPartitions>;

export const NO_OWN_TASKS: OwnTasks = {
  active: NO_EPOCH_PARTITIONS,
  standby: NO_EPOCH_PARTITIONS,
  warmup: NO_EPOCH_PARTITIONS,
};
export const NO_TARGET_TASKS: TargetTasks = {
  active: NO_PARTITIONS,
  standby: NO_PARTITIONS,
  warmup: NO_PARTITIONS,
};

export interface StreamsMember {
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly previousMemberEpoch: number;
  readonly state: StreamsMemberState;
  /** Kafka's records have room for it; no member of 4.3 has one. */
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly topologyEpoch: number;
  /** Threads of one process share its state on disk. */
  readonly processId: string;
  /** Where the application can be asked for what its tasks hold. */
  readonly userEndpoint: Endpoint | null;
  readonly clientTags: ReadonlyMap<string, string>;
  readonly assignedTasks: OwnTasks;
  readonly tasksPendingRevocation: OwnTasks;
}

export function newStreamsMember(memberId: string): StreamsMember {
  return {
    memberId,
    memberEpoch: 0,
    previousMemberEpoch: 0,
    state: StreamsMemberState.STABLE,
    instanceId: null,
    rackId: null,
    clientId: "",
    clientHost: "",
    rebalanceTimeoutMs: -1,
    topologyEpoch: -1,
    processId: "",
    userEndpoint: null,
    clientTags: new Map(),
    assignedTasks: NO_OWN_TASKS,
    tasksPendingRevocation: NO_OWN_TASKS,
  };
}

export function isStreamsReconciledTo(member: StreamsMember, assignmentEpoch: number): boolean {
  return member.state === StreamsMemberState.STABLE && member.memberEpoch === assignmentEpoch;
}

/** Whether both say the same of themselves: all that the first record holds. */
export function sameStreamsMetadata(one: StreamsMember, other: StreamsMember): boolean {
  return (
    one.instanceId === other.instanceId &&
    one.rackId === other.rackId &&
    one.clientId === other.clientId &&
    one.clientHost === other.clientHost &&
    one.rebalanceTimeoutMs === other.rebalanceTimeoutMs &&
    one.topologyEpoch === other.topologyEpoch &&
    one.processId === other.processId &&
    one.userEndpoint?.host === other.userEndpoint?.host &&
    one.userEndpoint?.port === other.userEndpoint?.port &&
    sameTexts(one.clientTags, other.clientTags)
  );
}

/** Whether both have been given the same: all that the second record holds. */
export function sameStreamsAssignment(one: StreamsMember, other: StreamsMember): boolean {
  return (
    one.memberEpoch === other.memberEpoch &&
    one.previousMemberEpoch === other.previousMemberEpoch &&
    one.state === other.state &&
    sameOwnTasks(one.assignedTasks, other.assignedTasks) &&
    sameOwnTasks(one.tasksPendingRevocation, other.tasksPendingRevocation)
  );
}

export function sameOwnTasks(one: OwnTasks, other: OwnTasks): boolean {
  return TASK_KINDS.every((kind) => sameEpochPartitions(one[kind], other[kind]));
}

export function sameTargetTasks(one: TargetTasks, other: TargetTasks): boolean {
  return TASK_KINDS.every((kind) => samePartitions(one[kind], other[kind]));
}

export function hasNoTasks(tasks: TasksOf<ReadonlyMap<string, unknown>>): boolean {
  return TASK_KINDS.every((kind) => tasks[kind].size === 0);
}

export function sameTexts(
  one: ReadonlyMap<string, string>,
  other: ReadonlyMap<string, string>,
): boolean {
  return one.size === other.size && [...one].every(([key, text]) => other.get(key) === text);
}
