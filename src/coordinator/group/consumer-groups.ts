/** The groups of the consumer protocol of one shard: how records change them. */
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
import { EpochGroups, type TopicChanges } from "./epoch-groups.ts";

export class ConsumerGroups extends EpochGroups<ConsumerGroup, ConsumerMember> {
  protected readonly protocol = "consumer";
  protected readonly left = {
    memberEpoch: LEFT_EPOCH,
    previousMemberEpoch: LEFT_EPOCH,
    assignedPartitions: NO_EPOCH_PARTITIONS,
    partitionsPendingRevocation: NO_EPOCH_PARTITIONS,
  };
  /** Version of the metadata with which the latest topic came. */
  newTopicsVersion = this.context.topics.version();
  /** What the last member subscribed to: others often do the same, and share it. */
  #lastNames: readonly string[] = [];

  override topicsChanged(changes: TopicChanges): void {
    if (changes.hasNew) this.newTopicsVersion = this.context.topics.version();
    super.topicsChanged(changes);
  }

  /** The same names as others have, once in memory. */
  shared(names: readonly string[]): readonly string[] {
    if (!sameNames(names, this.#lastNames)) this.#lastNames = names;
    return this.#lastNames;
  }

  /** A tombstone for what is not there any more changes nothing. */
  apply(record: ConsumerRecord): void {
    const group = isTombstone(record) ? this.byId.get(record.group) : this.ensure(record.group);
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
        else group.putMember(this.#withMetadata(this.memberOf(group, record.member), record.value));
        return;
      case "consumerTarget":
        return group.setTargetEpoch(record.value);
      case "consumerTargetMember":
        return group.setTarget(record.member, record.value);
      case "consumerCurrent":
        return this.putCurrent(group, record.member, record.value);
      case "consumerRegex":
        if (record.value === null) group.removeResolvedRegex(record.regex);
        else group.putResolvedRegex(record.regex, record.value);
    }
  }

  protected newGroup(groupId: string): ConsumerGroup {
    return new ConsumerGroup(groupId);
  }

  protected newMember(memberId: string): ConsumerMember {
    return newConsumerMember(memberId);
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
