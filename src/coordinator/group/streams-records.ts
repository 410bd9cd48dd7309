/**
 * The records of a streams group, and their bytes.
 *
 *   key                  value
 *   17  group            its epoch, a hash of its topics, which topology is validated, settings
 *   19  group, member    what the member told of itself
 *   20  group            epoch and time of the target assignment
 *   21  group, member    tasks that it shall have
 *   22  group, member    its epoch, and tasks that it has
 *   23  group            the topology of the application
 */
import { ProtocolError } from "../../protocol/protocol-error.ts";
import {
  streamsGroupCurrentMemberAssignmentKey as currentKey,
  streamsGroupCurrentMemberAssignmentValue as currentValue,
  streamsGroupMemberMetadataKey as memberKey,
  streamsGroupMemberMetadataValue as memberValue,
  streamsGroupMetadataKey as groupKey,
  streamsGroupMetadataValue as groupValue,
  streamsGroupTargetAssignmentMemberKey as targetMemberKey,
  streamsGroupTargetAssignmentMemberValue as targetMemberValue,
  streamsGroupTargetAssignmentMetadataKey as targetKey,
  streamsGroupTargetAssignmentMetadataValue as targetValue,
  streamsGroupTopologyKey as topologyKey,
  streamsGroupTopologyValue as topologyValue,
} from "../../protocol/records/streams-group.ts";
import { decodeVersioned, encodeVersioned } from "../../protocol/records/frame.ts";
import type { Value } from "../../protocol/schema.ts";
import { ascending, type TopicPartitions } from "./assignor.ts";
import type { EpochPartitions } from "./consumer-member.ts";
import type { TargetEpoch } from "./epoch-group.ts";
import type { StreamsGroup } from "./streams-group.ts";
import {
  type OwnTasks,
  type StreamsMember,
  StreamsMemberState,
  type TargetTasks,
} from "./streams-member.ts";
import type { TopologyValue } from "./streams-topology.ts";
import { asItIs, ofGroup, ofMember, type RecordKinds, VALUE_VERSION } from "./record-kinds.ts";

/** What the group's own record holds. */
export interface StreamsGroupValue {
  readonly epoch: number;
  readonly metadataHash: bigint;
  readonly validatedTopologyEpoch: number;
  /** What the assignor was told beside members and tasks. */
  readonly assignmentConfigs: ReadonlyMap<string, string>;
}

type MemberValue = Value<typeof memberValue>;

/** What a member has, with its epochs. */
export type StreamsCurrent = Pick<
  StreamsMember,
  "memberEpoch" | "previousMemberEpoch" | "state" | "assignedTasks" | "tasksPendingRevocation"
>;

/** A value of null forgets what the key names. */
export type StreamsRecord =
  | {
      readonly type: "streamsGroup";
      readonly group: string;
      readonly value: StreamsGroupValue | null;
    }
  | {
      readonly type: "streamsMember";
      readonly group: string;
      readonly member: string;
      readonly value: MemberValue | null;
    }
  | {
      readonly type: "streamsTarget";
      readonly group: string;
      readonly value: TargetEpoch | null;
    }
  | {
      readonly type: "streamsTargetMember";
      readonly group: string;
      readonly member: string;
      readonly value: TargetTasks | null;
    }
  | {
      readonly type: "streamsCurrent";
      readonly group: string;
      readonly member: string;
      readonly value: StreamsCurrent | null;
    }
  | {
      readonly type: "streamsTopology";
      readonly group: string;
      readonly value: TopologyValue | null;
    };

type RecordedTasks = Value<typeof currentValue>["activeTasks"];
type RecordedTarget = Value<typeof targetMemberValue>["activeTasks"];

// ---- Made by operations ------------------------------------------------------------------------

export function streamsGroupRecord(group: string, value: StreamsGroupValue): StreamsRecord {
  return { type: "streamsGroup", group, value };
}

export function streamsMemberRecord(group: string, member: StreamsMember): StreamsRecord {
  const value: MemberValue = {
    instanceId: member.instanceId,
    rackId: member.rackId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
    topologyEpoch: member.topologyEpoch,
    processId: member.processId,
    userEndpoint: member.userEndpoint,
    clientTags: sortedEntries(member.clientTags).map(([key, text]) => ({ key, value: text })),
  };
  return { type: "streamsMember", group, member: member.memberId, value };
}

export function streamsTargetRecord(
  group: string,
  assignmentEpoch: number,
  assignmentTimestamp: number,
): StreamsRecord {
  return { type: "streamsTarget", group, value: { assignmentEpoch, assignmentTimestamp } };
}

export function streamsTargetMemberRecord(
  group: string,
  member: string,
  value: TargetTasks,
): StreamsRecord {
  return { type: "streamsTargetMember", group, member, value };
}

export function streamsCurrentRecord(group: string, member: StreamsMember): StreamsRecord {
  const { memberEpoch, previousMemberEpoch, state } = member;
  const { assignedTasks, tasksPendingRevocation } = member;
  const value = { memberEpoch, previousMemberEpoch, state, assignedTasks, tasksPendingRevocation };
  return { type: "streamsCurrent", group, member: member.memberId, value };
}

export function streamsTopologyRecord(group: string, value: TopologyValue): StreamsRecord {
  return { type: "streamsTopology", group, value };
}

/** In this order: a reader forgets what a member has before it forgets the member. */
export function streamsMemberTombstones(group: string, member: string): StreamsRecord[] {
  return [
    { type: "streamsCurrent", group, member, value: null },
    { type: "streamsTargetMember", group, member, value: null },
    { type: "streamsMember", group, member, value: null },
  ];
}

/** For a whole group without members. */
export function streamsGroupTombstones({ groupId: group }: StreamsGroup): StreamsRecord[] {
  return [
    { type: "streamsTarget", group, value: null },
    { type: "streamsGroup", group, value: null },
    { type: "streamsTopology", group, value: null },
  ];
}

// ---- Their bytes -------------------------------------------------------------------------------

export const streamsKinds: RecordKinds<StreamsRecord> = {
  streamsGroup: ofGroup("streamsGroup", groupKey, { encode: encodeGroup, decode: decodeGroup }),
  streamsMember: ofMember("streamsMember", memberKey, asItIs(memberValue)),
  streamsTarget: ofGroup("streamsTarget", targetKey, asItIs(targetValue)),
  streamsTargetMember: ofMember("streamsTargetMember", targetMemberKey, {
    encode: encodeTarget,
    decode: decodeTarget,
  }),
  streamsCurrent: ofMember("streamsCurrent", currentKey, {
    encode: encodeCurrent,
    decode: decodeCurrent,
  }),
  streamsTopology: ofGroup("streamsTopology", topologyKey, asItIs(topologyValue)),
};

function encodeGroup(value: StreamsGroupValue): Buffer {
  const { epoch, metadataHash, validatedTopologyEpoch, assignmentConfigs } = value;
  return encodeVersioned(groupValue, VALUE_VERSION, {
    epoch,
    metadataHash,
    validatedTopologyEpoch,
    lastAssignmentConfigs: [...assignmentConfigs].map(([key, text]) => ({ key, value: text })),
  });
}

function decodeGroup(value: Buffer): StreamsGroupValue {
  const { lastAssignmentConfigs, ...rest } = decodeVersioned(groupValue, value);
  const entries = (lastAssignmentConfigs ?? []).map(({ key, value: text }) => [key, text] as const);
  return { ...rest, assignmentConfigs: new Map(entries) };
}

function encodeTarget({ active, standby, warmup }: TargetTasks): Buffer {
  return encodeVersioned(targetMemberValue, VALUE_VERSION, {
    activeTasks: recordedTarget(active),
    standbyTasks: recordedTarget(standby),
    warmupTasks: recordedTarget(warmup),
  });
}

function decodeTarget(value: Buffer): TargetTasks {
  const { activeTasks, standbyTasks, warmupTasks } = decodeVersioned(targetMemberValue, value);
  return {
    active: targetOf(activeTasks),
    standby: targetOf(standbyTasks),
    warmup: targetOf(warmupTasks),
  };
}

function encodeCurrent(current: StreamsCurrent): Buffer {
  const { memberEpoch, previousMemberEpoch, state, assignedTasks: own } = current;
  const pending = current.tasksPendingRevocation;
  return encodeVersioned(currentValue, VALUE_VERSION, {
    memberEpoch,
    previousMemberEpoch,
    state,
    activeTasks: recordedOwn(own.active, true),
    standbyTasks: recordedOwn(own.standby, false),
    warmupTasks: recordedOwn(own.warmup, false),
    activeTasksPendingRevocation: recordedOwn(pending.active, true),
    standbyTasksPendingRevocation: recordedOwn(pending.standby, false),
    warmupTasksPendingRevocation: recordedOwn(pending.warmup, false),
  });
}

function decodeCurrent(value: Buffer): StreamsCurrent {
  const decoded = decodeVersioned(currentValue, value);
  const { memberEpoch, previousMemberEpoch } = decoded;
  // Releases before 4.3 do not write the epochs: then the member's own is taken (KIP-1251).
  const own = (active: RecordedTasks, standby: RecordedTasks, warmup: RecordedTasks): OwnTasks => ({
    active: ownOf(active, memberEpoch, true),
    standby: ownOf(standby, 0, false),
    warmup: ownOf(warmup, 0, false),
  });
  return {
    memberEpoch,
    previousMemberEpoch,
    state: stateOf(decoded.state),
    assignedTasks: own(decoded.activeTasks, decoded.standbyTasks, decoded.warmupTasks),
    tasksPendingRevocation: own(
      decoded.activeTasksPendingRevocation,
      decoded.standbyTasksPendingRevocation,
      decoded.warmupTasksPendingRevocation,
    ),
  };
}

function stateOf(state: number): StreamsMemberState {
  switch (state) {
    case StreamsMemberState.STABLE:
    case StreamsMemberState.UNREVOKED_TASKS:
    case StreamsMemberState.UNRELEASED_TASKS:
      return state;
    default:
      return StreamsMemberState.UNKNOWN;
  }
}

function recordedTarget(tasks: TopicPartitions): RecordedTarget {
  return sortedEntries(tasks).map(([subtopologyId, numbers]) => ({
    subtopologyId,
    partitions: [...numbers],
  }));
}

function targetOf(tasks: RecordedTarget): TopicPartitions {
  return new Map(
    tasks.map(({ subtopologyId, partitions }) => [subtopologyId, ascending(partitions)]),
  );
}

function recordedOwn(tasks: EpochPartitions, hasEpochs: boolean): RecordedTasks {
  return sortedEntries(tasks).map(([subtopologyId, epochs]) => {
    const partitions = ascending([...epochs.keys()]);
    const assignmentEpochs = hasEpochs ? partitions.map((each) => epochs.get(each)!) : [];
    return { subtopologyId, partitions, assignmentEpochs };
  });
}

function ownOf(tasks: RecordedTasks, fallback: number, hasEpochs: boolean): EpochPartitions {
  return new Map(
    tasks.map(({ subtopologyId, partitions, assignmentEpochs }) => {
      if (partitions.some((partition) => partition < 0)) {
        throw new ProtocolError(`a negative task of subtopology ${subtopologyId}`);
      }
      const isUsable = hasEpochs && assignmentEpochs?.length === partitions.length;
      const epochs = isUsable ? assignmentEpochs : null;
      return [
        subtopologyId,
        new Map(partitions.map((partition, index) => [partition, epochs?.[index] ?? fallback])),
      ];
    }),
  );
}

function sortedEntries<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([one], [other]) => (one < other ? -1 : 1));
}
