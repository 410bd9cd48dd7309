/**
 * The records of a share group (KIP-932), and their bytes.
 *
 *   key                  value
 *   10  group, member    what the member told of itself
 *   11  group            its epoch, a hash of the topics that it reads
 *   12  group            epoch and time of the target assignment
 *   13  group, member    what it shall have
 *   14  group, member    its epoch, and what it has
 *   15  group            partitions of which the share coordinator keeps a state
 */
import { decodeVersioned, encodeVersioned } from "../../protocol/records/frame.ts";
import {
  shareGroupCurrentMemberAssignmentKey as currentKey,
  shareGroupCurrentMemberAssignmentValue as currentValue,
  shareGroupMemberMetadataKey as memberKey,
  shareGroupMemberMetadataValue as memberValue,
  shareGroupMetadataKey as groupKey,
  shareGroupMetadataValue as groupValue,
  shareGroupStatePartitionMetadataKey as stateKey,
  shareGroupStatePartitionMetadataValue as stateValue,
  shareGroupTargetAssignmentMemberKey as targetMemberKey,
  shareGroupTargetAssignmentMemberValue as targetMemberValue,
  shareGroupTargetAssignmentMetadataKey as targetKey,
  shareGroupTargetAssignmentMetadataValue as targetValue,
} from "../../protocol/records/share-group.ts";
import type { Value } from "../../protocol/schema.ts";
import { ascending, NO_PARTITIONS, type TopicPartitions } from "./assignor.ts";
import { MemberState } from "./consumer-member.ts";
import type { TargetEpoch } from "./epoch-group.ts";
import type { ShareGroup, ShareMember } from "./share-group.ts";
import { type StateTopicMap, type StateTopics, UNKNOWN_TOPIC } from "./share-state-topics.ts";
import type { TopicDirectory } from "./topic-directory.ts";
import { asItIs, ofGroup, ofMember, type RecordKinds, VALUE_VERSION } from "./record-kinds.ts";

type MemberValue = Value<typeof memberValue>;
export type StateTopicsValue = Value<typeof stateValue>;

/** What a member has, with its epochs. */
export type ShareCurrent = Pick<
  ShareMember,
  "memberEpoch" | "previousMemberEpoch" | "assignedPartitions"
>;

/** A value of null forgets what the key names. */
export type ShareGroupRecord =
  | {
      readonly type: "shareGroup";
      readonly group: string;
      readonly value: { readonly epoch: number; readonly metadataHash: bigint } | null;
    }
  | {
      readonly type: "shareMember";
      readonly group: string;
      readonly member: string;
      readonly value: MemberValue | null;
    }
  | {
      readonly type: "shareTarget";
      readonly group: string;
      readonly value: TargetEpoch | null;
    }
  | {
      readonly type: "shareTargetMember";
      readonly group: string;
      readonly member: string;
      readonly value: TopicPartitions | null;
    }
  | {
      readonly type: "shareCurrent";
      readonly group: string;
      readonly member: string;
      readonly value: ShareCurrent | null;
    }
  | {
      readonly type: "shareState";
      readonly group: string;
      readonly value: StateTopicsValue | null;
    };

// ---- Made by operations ------------------------------------------------------------------------

export function shareGroupRecord(
  group: string,
  epoch: number,
  metadataHash: bigint,
): ShareGroupRecord {
  return { type: "shareGroup", group, value: { epoch, metadataHash } };
}

export function shareMemberRecord(group: string, member: ShareMember): ShareGroupRecord {
  const { memberId, rackId, clientId, clientHost, subscribedTopicNames } = member;
  const value = {
    rackId,
    clientId,
    clientHost,
    subscribedTopicNames: subscribedTopicNames as string[],
  };
  return { type: "shareMember", group, member: memberId, value };
}

export function shareTargetRecord(
  group: string,
  assignmentEpoch: number,
  assignmentTimestamp: number,
): ShareGroupRecord {
  return { type: "shareTarget", group, value: { assignmentEpoch, assignmentTimestamp } };
}

export function shareTargetMemberRecord(
  group: string,
  member: string,
  value: TopicPartitions,
): ShareGroupRecord {
  return { type: "shareTargetMember", group, member, value };
}

export function shareCurrentRecord(group: string, member: ShareMember): ShareGroupRecord {
  const { memberId, memberEpoch, previousMemberEpoch, assignedPartitions } = member;
  const value = { memberEpoch, previousMemberEpoch, assignedPartitions };
  return { type: "shareCurrent", group, member: memberId, value };
}

export function shareStateRecord(
  group: string,
  { initializing, initialized, deleting }: StateTopics,
  topics: TopicDirectory,
): ShareGroupRecord {
  const value = {
    initializingTopics: recorded(initializing),
    initializedTopics: recorded(initialized),
    deletingTopics: [...deleting].map((topicId) => ({
      topicId,
      topicName: topics.nameOf(topicId) ?? UNKNOWN_TOPIC,
    })),
  };
  return { type: "shareState", group, value };
}

/** In this order: a reader forgets what a member has before it forgets the member. */
export function shareMemberTombstones(group: string, member: string): ShareGroupRecord[] {
  return [
    { type: "shareCurrent", group, member, value: null },
    { type: "shareTargetMember", group, member, value: null },
    { type: "shareMember", group, member, value: null },
  ];
}

/** For a group without members. */
export function shareGroupTombstones({ groupId: group }: ShareGroup): ShareGroupRecord[] {
  return [
    { type: "shareTarget", group, value: null },
    { type: "shareState", group, value: null },
    { type: "shareGroup", group, value: null },
  ];
}

// ---- Their bytes -------------------------------------------------------------------------------

export const shareGroupKinds: RecordKinds<ShareGroupRecord> = {
  shareGroup: ofGroup("shareGroup", groupKey, asItIs(groupValue)),
  shareMember: ofMember("shareMember", memberKey, asItIs(memberValue)),
  shareTarget: ofGroup("shareTarget", targetKey, asItIs(targetValue)),
  shareTargetMember: ofMember("shareTargetMember", targetMemberKey, {
    encode: encodeTarget,
    decode: decodeTarget,
  }),
  shareCurrent: ofMember("shareCurrent", currentKey, {
    encode: encodeCurrent,
    decode: decodeCurrent,
  }),
  shareState: ofGroup("shareState", stateKey, asItIs(stateValue)),
};

function encodeTarget(partitions: TopicPartitions): Buffer {
  const topicPartitions = plainTopics(partitions);
  return encodeVersioned(targetMemberValue, VALUE_VERSION, { topicPartitions });
}

function encodeCurrent({ memberEpoch, previousMemberEpoch, assignedPartitions }: ShareCurrent) {
  return encodeVersioned(currentValue, VALUE_VERSION, {
    memberEpoch,
    previousMemberEpoch,
    state: MemberState.STABLE,
    assignedPartitions: plainTopics(assignedPartitions),
  });
}

function decodeTarget(value: Buffer): TopicPartitions {
  return partitionsFrom(decodeVersioned(targetMemberValue, value).topicPartitions);
}

/** A share member has no state but one. */
function decodeCurrent(value: Buffer): ShareCurrent {
  const { memberEpoch, previousMemberEpoch, assignedPartitions } = decodeVersioned(
    currentValue,
    value,
  );
  const partitions = partitionsFrom(assignedPartitions);
  return { memberEpoch, previousMemberEpoch, assignedPartitions: partitions };
}

function recorded(topics: StateTopicMap) {
  return [...topics].map(([topicId, { name, partitions }]) => ({
    topicId,
    topicName: name,
    partitions: [...partitions],
  }));
}

interface PlainTopic {
  readonly topicId: string;
  readonly partitions: readonly number[];
}

export function plainTopics(partitions: TopicPartitions): PlainTopic[] {
  return [...partitions].map(([topicId, numbers]) => ({ topicId, partitions: numbers }));
}

function partitionsFrom(topics: readonly PlainTopic[]): TopicPartitions {
  const named = topics.filter(({ partitions }) => partitions.length > 0);
  if (named.length === 0) return NO_PARTITIONS;
  return new Map(named.map(({ topicId, partitions }) => [topicId, ascending(partitions)]));
}
