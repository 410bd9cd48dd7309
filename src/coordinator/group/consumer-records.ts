/**
 * The records of a group of the consumer protocol, and their bytes.
 *
 *   key                  value
 *   3   group            its epoch, a hash of the topics that it reads
 *   4   group            (of releases before 4.1: only deleted)
 *   5   group, member    what the member told of itself
 *   6   group            epoch and time of the target assignment
 *   7   group, member    what it shall have
 *   8   group, member    its epoch, and what it has
 *   16  group, pattern   topics that match it
 */
import { ProtocolError } from "../../protocol/protocol-error.ts";
import {
  consumerGroupCurrentMemberAssignmentKey as currentKey,
  consumerGroupCurrentMemberAssignmentValue as currentValue,
  consumerGroupMemberMetadataKey as memberKey,
  consumerGroupMemberMetadataValue as memberValue,
  consumerGroupMetadataKey as groupKey,
  consumerGroupMetadataValue as groupValue,
  consumerGroupPartitionMetadataKey as partitionMetadataKey,
  consumerGroupRegularExpressionKey as regexKey,
  consumerGroupRegularExpressionValue as regexValue,
  consumerGroupTargetAssignmentMemberKey as targetMemberKey,
  consumerGroupTargetAssignmentMemberValue as targetMemberValue,
  consumerGroupTargetAssignmentMetadataKey as targetKey,
  consumerGroupTargetAssignmentMetadataValue as targetValue,
} from "../../protocol/records/consumer-group.ts";
import {
  decodeKey,
  decodeVersioned,
  encodeKey,
  encodeVersioned,
} from "../../protocol/records/frame.ts";
import type { Value } from "../../protocol/schema.ts";
import { NO_PARTITIONS, type TopicPartitions } from "./assignor.ts";
import type { ConsumerGroup, ResolvedRegex } from "./consumer-group.ts";
import type { TargetEpoch } from "./epoch-group.ts";
import {
  type ConsumerMember,
  type EpochPartitions,
  type MemberMetadataValue,
  MemberState,
} from "./consumer-member.ts";
import { asItIs, ofGroup, ofMember, type RecordKinds, VALUE_VERSION } from "./record-kinds.ts";

/** What a member has, with its epochs. */
export interface CurrentAssignment {
  readonly memberEpoch: number;
  readonly previousMemberEpoch: number;
  readonly state: MemberState;
  readonly assignedPartitions: EpochPartitions;
  readonly partitionsPendingRevocation: EpochPartitions;
}

/** A value of null forgets what the key names. */
export type ConsumerRecord =
  | {
      readonly type: "consumerGroup";
      readonly group: string;
      readonly value: { readonly epoch: number; readonly metadataHash: bigint } | null;
    }
  | {
      readonly type: "consumerPartitionMetadata";
      readonly group: string;
      readonly exists: boolean;
    }
  | {
      readonly type: "consumerMember";
      readonly group: string;
      readonly member: string;
      readonly value: MemberMetadataValue | null;
    }
  | {
      readonly type: "consumerTarget";
      readonly group: string;
      readonly value: TargetEpoch | null;
    }
  | {
      readonly type: "consumerTargetMember";
      readonly group: string;
      readonly member: string;
      readonly value: TopicPartitions | null;
    }
  | {
      readonly type: "consumerCurrent";
      readonly group: string;
      readonly member: string;
      readonly value: CurrentAssignment | null;
    }
  | {
      readonly type: "consumerRegex";
      readonly group: string;
      readonly regex: string;
      readonly value: ResolvedRegex | null;
    };

type RecordedPartitions = Value<typeof currentValue>["assignedPartitions"];

// ---- Made by operations ------------------------------------------------------------------------

export function groupRecord(group: string, epoch: number, metadataHash: bigint): ConsumerRecord {
  return { type: "consumerGroup", group, value: { epoch, metadataHash } };
}

export function memberRecord(group: string, member: ConsumerMember): ConsumerRecord {
  const value: MemberMetadataValue = {
    instanceId: member.instanceId,
    rackId: member.rackId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    // Recorded as it is: members with the same subscription share it.
    subscribedTopicNames: member.subscribedTopicNames as string[],
    subscribedTopicRegex: member.subscribedTopicRegex,
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
    serverAssignor: member.serverAssignor,
    classicMemberMetadata: member.classicMemberMetadata,
  };
  return { type: "consumerMember", group, member: member.memberId, value };
}

export function targetRecord(
  group: string,
  assignmentEpoch: number,
  assignmentTimestamp: number,
): ConsumerRecord {
  return { type: "consumerTarget", group, value: { assignmentEpoch, assignmentTimestamp } };
}

export function targetMemberRecord(
  group: string,
  member: string,
  value: TopicPartitions,
): ConsumerRecord {
  return { type: "consumerTargetMember", group, member, value };
}

export function currentRecord(group: string, member: ConsumerMember): ConsumerRecord {
  const { memberEpoch, previousMemberEpoch, state } = member;
  const { assignedPartitions, partitionsPendingRevocation } = member;
  const value = {
    memberEpoch,
    previousMemberEpoch,
    state,
    assignedPartitions,
    partitionsPendingRevocation,
  };
  return { type: "consumerCurrent", group, member: member.memberId, value };
}

export function regexRecord(group: string, regex: string, value: ResolvedRegex): ConsumerRecord {
  return { type: "consumerRegex", group, regex, value };
}

export function regexTombstone(group: string, regex: string): ConsumerRecord {
  return { type: "consumerRegex", group, regex, value: null };
}

export function partitionMetadataTombstone(group: string): ConsumerRecord {
  return { type: "consumerPartitionMetadata", group, exists: false };
}

/** In this order: a reader forgets what a member has before it forgets the member. */
export function memberTombstones(group: string, member: string): ConsumerRecord[] {
  return [
    { type: "consumerCurrent", group, member, value: null },
    { type: "consumerTargetMember", group, member, value: null },
    { type: "consumerMember", group, member, value: null },
  ];
}

/** For the whole group, which may have members; `renamed` stands for one that took its place. */
export function groupTombstones(
  { groupId: group, members, resolvedRegexes }: ConsumerGroup,
  renamed: ReadonlyMap<string, string> = new Map(),
): ConsumerRecord[] {
  const ids = [...members.keys()].map((memberId) => renamed.get(memberId) ?? memberId);
  return [
    ...ids.map((member) => ({ type: "consumerCurrent", group, member, value: null }) as const),
    ...ids.map((member) => ({ type: "consumerTargetMember", group, member, value: null }) as const),
    { type: "consumerTarget", group, value: null },
    ...ids.map((member) => ({ type: "consumerMember", group, member, value: null }) as const),
    ...[...resolvedRegexes.keys()].map((regex) => regexTombstone(group, regex)),
    partitionMetadataTombstone(group),
    { type: "consumerGroup", group, value: null },
  ];
}

/** A whole group, as it came out of another protocol. */
export function wholeGroupRecords(group: ConsumerGroup): ConsumerRecord[] {
  const { groupId } = group;
  const members = [...group.members.values()];
  return [
    ...members.map((member) => memberRecord(groupId, member)),
    groupRecord(groupId, group.groupEpoch, group.metadataHash),
    ...members.map(({ memberId }) =>
      targetMemberRecord(groupId, memberId, group.targetOf(memberId)),
    ),
    targetRecord(groupId, group.assignmentEpoch, group.assignmentTimestampMs),
    ...members.map((member) => currentRecord(groupId, member)),
  ];
}

// ---- Their bytes -------------------------------------------------------------------------------

export const consumerKinds: RecordKinds<ConsumerRecord> = {
  consumerGroup: ofGroup("consumerGroup", groupKey, asItIs(groupValue)),
  consumerPartitionMetadata: {
    keyType: partitionMetadataKey.key,
    encode: ({ group: groupId }) => {
      return { key: encodeKey(partitionMetadataKey, { groupId }), value: null };
    },
    decode: (key, value) => {
      const group = decodeKey(partitionMetadataKey, key).groupId;
      return { type: "consumerPartitionMetadata", group, exists: value !== null };
    },
  },
  consumerMember: ofMember("consumerMember", memberKey, {
    encode: asItIs(memberValue).encode,
    decode: decodeMember,
  }),
  consumerTarget: ofGroup("consumerTarget", targetKey, asItIs(targetValue)),
  consumerTargetMember: ofMember("consumerTargetMember", targetMemberKey, {
    encode: encodeTarget,
    decode: decodeTarget,
  }),
  consumerCurrent: ofMember("consumerCurrent", currentKey, {
    encode: encodeCurrent,
    decode: decodeCurrent,
  }),
  consumerRegex: {
    keyType: regexKey.key,
    encode: ({ group: groupId, regex: regularExpression, value }) => {
      const key = encodeKey(regexKey, { groupId, regularExpression });
      return { key, value: value === null ? null : encodeRegex(value) };
    },
    decode: (key, value) => {
      const { groupId: group, regularExpression: regex } = decodeKey(regexKey, key);
      const content = value === null ? null : decodeRegex(value);
      return { type: "consumerRegex", group, regex, value: content };
    },
  },
};

function encodeTarget(partitions: TopicPartitions): Buffer {
  const topicPartitions = [...partitions].map(([topicId, numbers]) => ({
    topicId,
    partitions: numbers,
  }));
  return encodeVersioned(targetMemberValue, VALUE_VERSION, { topicPartitions });
}

function encodeCurrent(current: CurrentAssignment): Buffer {
  return encodeVersioned(currentValue, VALUE_VERSION, {
    ...current,
    assignedPartitions: recorded(current.assignedPartitions),
    partitionsPendingRevocation: recorded(current.partitionsPendingRevocation),
  });
}

function encodeRegex({ topics, version, timestampMs }: ResolvedRegex): Buffer {
  return encodeVersioned(regexValue, VALUE_VERSION, { topics, version, timestamp: timestampMs });
}

/** Members live as long as the group: they must not hold on to the bytes that were read. */
function decodeMember(value: Buffer): MemberMetadataValue {
  const decoded = decodeVersioned(memberValue, value);
  for (const protocol of decoded.classicMemberMetadata?.supportedProtocols ?? []) {
    protocol.metadata = Buffer.from(protocol.metadata);
  }
  return decoded;
}

function decodeTarget(value: Buffer): TopicPartitions {
  const { topicPartitions } = decodeVersioned(targetMemberValue, value);
  if (topicPartitions.length === 0) return NO_PARTITIONS;
  return new Map(
    topicPartitions.map(({ topicId, partitions }) => [
      topicId,
      partitions.sort((one, other) => one - other),
    ]),
  );
}

function decodeCurrent(value: Buffer): CurrentAssignment {
  const decoded = decodeVersioned(currentValue, value);
  const { memberEpoch, previousMemberEpoch } = decoded;
  return {
    memberEpoch,
    previousMemberEpoch,
    state: stateOf(decoded.state),
    assignedPartitions: withEpochs(decoded.assignedPartitions, memberEpoch),
    partitionsPendingRevocation: withEpochs(decoded.partitionsPendingRevocation, memberEpoch),
  };
}

function decodeRegex(value: Buffer): ResolvedRegex {
  const { topics, version, timestamp } = decodeVersioned(regexValue, value);
  return { topics: [...new Set(topics)].sort(), version, timestampMs: timestamp };
}

function stateOf(state: number): MemberState {
  switch (state) {
    case MemberState.STABLE:
    case MemberState.UNREVOKED_PARTITIONS:
    case MemberState.UNRELEASED_PARTITIONS:
      return state;
    default:
      return MemberState.UNKNOWN;
  }
}

function recorded(partitions: EpochPartitions): RecordedPartitions {
  return [...partitions].map(([topicId, epochs]) => ({
    topicId,
    partitions: [...epochs.keys()],
    assignmentEpochs: [...epochs.values()],
  }));
}

/** Releases before 4.3 do not write the epochs: then the member's own is taken (KIP-1251). */
function withEpochs(topics: RecordedPartitions, memberEpoch: number): EpochPartitions {
  const fallback = Math.max(memberEpoch, 0);
  return new Map(
    topics.map(({ topicId, partitions, assignmentEpochs }) => {
      const epochs = assignmentEpochs?.length === partitions.length ? assignmentEpochs : null;
      if (partitions.some((partition) => partition < 0)) {
        throw new ProtocolError(`a negative partition of topic ${topicId}`);
      }
      return [
        topicId,
        new Map(partitions.map((partition, index) => [partition, epochs?.[index] ?? fallback])),
      ];
    }),
  );
}
