/** The share groups of one shard: how records change them. */
import { EpochGroups } from "./epoch-groups.ts";
import { LEFT_EPOCH, sortedNames } from "./consumer-member.ts";
import { ascending, NO_PARTITIONS } from "./assignor.ts";
import { newShareMember, ShareGroup, type ShareMember } from "./share-group.ts";
import type { ShareGroupRecord, StateTopicsValue } from "./share-group-records.ts";
import type { StateTopic, StateTopics } from "./share-state-topics.ts";

export class ShareGroups extends EpochGroups<ShareGroup, ShareMember> {
  protected readonly protocol = "share";
  protected readonly left = {
    memberEpoch: LEFT_EPOCH,
    previousMemberEpoch: LEFT_EPOCH,
    assignedPartitions: NO_PARTITIONS,
  };

  has(groupId: string): boolean {
    return this.byId.has(groupId);
  }

  /** A tombstone for what is not there any more changes nothing. */
  apply(record: ShareGroupRecord): void {
    const group = record.value === null ? this.byId.get(record.group) : this.ensure(record.group);
    if (group === undefined) return;
    switch (record.type) {
      case "shareGroup":
        if (record.value === null) return this.remove(record.group);
        group.groupEpoch = record.value.epoch;
        group.metadataHash = record.value.metadataHash;
        return;
      case "shareMember":
        if (record.value === null) group.removeMember(record.member);
        else {
          const subscribedTopicNames = sortedNames(record.value.subscribedTopicNames);
          const member = this.memberOf(group, record.member);
          group.putMember({ ...member, ...record.value, subscribedTopicNames });
        }
        return;
      case "shareTarget":
        return group.setTargetEpoch(record.value);
      case "shareTargetMember":
        return group.setTarget(record.member, record.value);
      case "shareCurrent":
        return this.putCurrent(group, record.member, record.value);
      case "shareState":
        group.stateTopics = record.value && this.#stateOf(record.value);
    }
  }

  protected newGroup(groupId: string): ShareGroup {
    return new ShareGroup(groupId);
  }

  protected newMember(memberId: string): ShareMember {
    return newShareMember(memberId);
  }

  #stateOf({ initializingTopics, initializedTopics, deletingTopics }: StateTopicsValue) {
    const timestampMs = this.context.clock.wallMs();
    const topicsOf = (topics: StateTopicsValue["initializedTopics"]) =>
      new Map(
        topics.map(({ topicId, topicName, partitions }): [string, StateTopic] => [
          topicId,
          { name: topicName, partitions: ascending(partitions), timestampMs },
        ]),
      );
    const state: StateTopics = {
      initializing: topicsOf(initializingTopics),
      initialized: topicsOf(initializedTopics),
      deleting: new Set(deletingTopics.map(({ topicId }) => topicId)),
    };
    return state;
  }
}
