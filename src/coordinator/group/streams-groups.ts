/** The streams groups of one shard: how records change them. */
import { LEFT_EPOCH } from "./consumer-member.ts";
import { EpochGroups } from "./epoch-groups.ts";
import { StreamsGroup } from "./streams-group.ts";
import { newStreamsMember, NO_OWN_TASKS, type StreamsMember } from "./streams-member.ts";
import type { StreamsRecord } from "./streams-records.ts";
import { recordedTopology } from "./streams-topology.ts";

export class StreamsGroups extends EpochGroups<StreamsGroup, StreamsMember> {
  protected readonly protocol = "streams";
  protected readonly left = {
    memberEpoch: LEFT_EPOCH,
    previousMemberEpoch: LEFT_EPOCH,
    assignedTasks: NO_OWN_TASKS,
    tasksPendingRevocation: NO_OWN_TASKS,
  };

  /** A tombstone for what is not there any more changes nothing. */
  apply(record: StreamsRecord): void {
    const group = record.value === null ? this.byId.get(record.group) : this.ensure(record.group);
    if (group === undefined) return;
    switch (record.type) {
      case "streamsGroup":
        if (record.value === null) return this.remove(record.group);
        group.groupEpoch = record.value.epoch;
        group.metadataHash = record.value.metadataHash;
        group.validatedTopologyEpoch = record.value.validatedTopologyEpoch;
        group.assignmentConfigs = record.value.assignmentConfigs;
        return;
      case "streamsMember":
        if (record.value === null) group.removeMember(record.member);
        else group.putMember(withMetadata(this.memberOf(group, record.member), record.value));
        return;
      case "streamsTarget":
        return group.setTargetEpoch(record.value);
      case "streamsTargetMember":
        return group.setTarget(record.member, record.value);
      case "streamsCurrent":
        return this.putCurrent(group, record.member, record.value);
      case "streamsTopology":
        group.topology = record.value && recordedTopology(record.value);
    }
  }

  protected override needs({ topology }: StreamsGroup, topicName: string): boolean {
    return topology?.requiredTopics.has(topicName) === true;
  }

  protected newGroup(groupId: string): StreamsGroup {
    return new StreamsGroup(groupId);
  }

  protected newMember(memberId: string): StreamsMember {
    return newStreamsMember(memberId);
  }
}

function withMetadata(
  member: StreamsMember,
  value: NonNullable<Extract<StreamsRecord, { type: "streamsMember" }>["value"]>,
): StreamsMember {
  const { clientTags, ...rest } = value;
  const tags = clientTags.map(({ key, value: text }) => [key, text] as const);
  return { ...member, ...rest, clientTags: new Map(tags) };
}
