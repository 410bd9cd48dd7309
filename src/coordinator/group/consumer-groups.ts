/**
 * The groups of the consumer protocol of one shard: how records change them, and what they need
 * beside their own state.
 */
import type { ClassicGroup } from "./classic-group.ts";
import { TopicHashes } from "./metadata-hash.ts";
import { ConsumerGroup } from "./consumer-group.ts";
import {
  type ConsumerMember,
  LEFT_EPOCH,
  newConsumerMember,
  NO_EPOCH_PARTITIONS,
  sameNames,
  sortedNames,
  type MemberMetadataValue,
} from "./consumer-member.ts";
import type { ConsumerRecord } from "./consumer-records.ts";
import type { GroupContext } from "./group-context.ts";

/** Topics that were made, changed or deleted, by name. */
export interface TopicChanges {
  readonly names: readonly string[];
  /** Some of them are new. */
  readonly hasNew: boolean;
}

export interface GroupIds {
  has(groupId: string): boolean;
}

export class ConsumerGroups {
  readonly byId = new Map<string, ConsumerGroup>();
  readonly hashes: TopicHashes;
  /** Version of the metadata with which the latest topic came. */
  newTopicsVersion: number;
  readonly context: GroupContext;
  /** The groups of the classic protocol beside these. */
  readonly classic: ReadonlyMap<string, ClassicGroup>;
  /** The ids of groups of any other protocol. */
  readonly others: GroupIds;
  /** What the last member subscribed to: others often do the same, and share it. */
  #lastNames: readonly string[] = [];

  constructor(context: GroupContext, classic: ReadonlyMap<string, ClassicGroup>, others: GroupIds) {
    this.context = context;
    this.classic = classic;
    this.others = others;
    this.hashes = new TopicHashes(context.topics);
    this.newTopicsVersion = context.topics.version();
  }

  get(groupId: string): ConsumerGroup | undefined {
    return this.byId.get(groupId);
  }

  /** A group of another protocol has the id. */
  isOther(groupId: string): boolean {
    return this.classic.has(groupId) || this.others.has(groupId);
  }

  /** Groups that read one of the topics look at the metadata at the next heartbeat. */
  topicsChanged({ names, hasNew }: TopicChanges): void {
    if (hasNew) this.newTopicsVersion = this.context.topics.version();
    for (const name of names) this.hashes.forget(name);
    for (const group of this.byId.values()) {
      if (names.some((name) => group.isSubscribedTo(name))) group.requestMetadataRefresh();
    }
  }

  /** The same names as others have, once in memory. */
  shared(names: readonly string[]): readonly string[] {
    if (!sameNames(names, this.#lastNames)) this.#lastNames = names;
    return this.#lastNames;
  }

  remove(groupId: string): void {
    this.byId.get(groupId)?.die();
    this.byId.delete(groupId);
  }

  /** A tombstone for what is not there any more changes nothing. */
  apply(record: ConsumerRecord): void {
    const group = isTombstone(record) ? this.byId.get(record.group) : this.#ensure(record.group);
    if (group === undefined) return;
    switch (record.type) {
      case "consumerGroup":
        if (record.value === null) return this.remove(record.group);
        group.groupEpoch = record.value.epoch;
        group.metadataHash = record.value.metadataHash;
        return;
      case "consumerPartitionMetadata":
        group.hasPartitionMetadata = record.exists;
        return;
      case "consumerMember":
        if (record.value === null) group.removeMember(record.member);
        else group.putMember(this.#withMetadata(memberOf(group, record.member), record.value));
        return;
      case "consumerTarget":
        if (record.value === null) return group.forgetTargetAssignment();
        group.assignmentEpoch = record.value.assignmentEpoch;
        group.assignmentTimestampMs = record.value.assignmentTimestamp;
        return;
      case "consumerTargetMember":
        if (record.value === null) group.targetAssignment.delete(record.member);
        else group.targetAssignment.set(record.member, record.value);
        return;
      case "consumerCurrent":
        applyCurrent(group, record);
        return;
      case "consumerRegex":
        if (record.value === null) group.removeResolvedRegex(record.regex);
        else group.putResolvedRegex(record.regex, record.value);
    }
  }

  #ensure(groupId: string): ConsumerGroup {
    let group = this.byId.get(groupId);
    if (group === undefined) this.byId.set(groupId, (group = new ConsumerGroup(groupId)));
    return group;
  }

  #withMetadata(member: ConsumerMember, value: MemberMetadataValue): ConsumerMember {
    const { subscribedTopicNames, ...rest } = value;
    // Those of our own records are sorted; a foreign log may have them in any order.
    const isSorted = subscribedTopicNames.every(
      (name, index) => index === 0 || subscribedTopicNames[index - 1]! < name,
    );
    const names = isSorted ? subscribedTopicNames : sortedNames(subscribedTopicNames);
    return { ...member, ...rest, subscribedTopicNames: this.shared(names) };
  }
}

export function isTombstone(record: ConsumerRecord): boolean {
  return record.type === "consumerPartitionMetadata" ? !record.exists : record.value === null;
}

function memberOf(group: ConsumerGroup, memberId: string): ConsumerMember {
  return group.members.get(memberId) ?? newConsumerMember(memberId);
}

function applyCurrent(
  group: ConsumerGroup,
  { member: memberId, value }: Extract<ConsumerRecord, { type: "consumerCurrent" }>,
): void {
  if (value !== null) {
    group.putMember({ ...memberOf(group, memberId), ...value });
    return;
  }
  const member = group.members.get(memberId);
  if (member === undefined) return;
  // The member's own tombstone follows.
  group.putMember({
    ...member,
    memberEpoch: LEFT_EPOCH,
    previousMemberEpoch: LEFT_EPOCH,
    assignedPartitions: NO_EPOCH_PARTITIONS,
    partitionsPendingRevocation: NO_EPOCH_PARTITIONS,
  });
}
