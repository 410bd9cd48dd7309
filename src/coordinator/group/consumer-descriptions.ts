/** Groups of the consumer protocol as ConsumerGroupDescribe shows them. */
import { ErrorCode } from "../../protocol/error-code.ts";
import type { TopicPartitions } from "./assignor.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import type { ConsumerGroups } from "./consumer-groups.ts";
import { type ConsumerMember, type EpochPartitions, plainPartitions } from "./consumer-member.ts";
import type { ConsumerDescribedGroup } from "./group-messages.ts";
import { copiedCapacity, stringsInJavaOrder } from "../java-order.ts";
import type { TopicDirectory } from "./topic-directory.ts";

type DescribedMember = ConsumerDescribedGroup["members"][number];
type DescribedPartitions = DescribedMember["assignment"]["topicPartitions"];

const CLASSIC_MEMBER = 0;
const CONSUMER_MEMBER = 1;

export function describeConsumerGroup(
  groups: ConsumerGroups,
  groupId: string,
): ConsumerDescribedGroup {
  const group = groups.get(groupId);
  if (group === undefined) {
    const errorMessage = groups.absence(groupId);
    return { ...undescribedConsumer(groupId, ErrorCode.GROUP_ID_NOT_FOUND), errorMessage };
  }
  const { config, topics } = groups.context;
  return {
    ...undescribedConsumer(groupId, ErrorCode.NONE),
    groupState: group.state,
    groupEpoch: group.groupEpoch,
    assignmentEpoch: group.assignmentEpoch,
    assignorName: group.preferredAssignor() ?? config.groupConsumerAssignors[0] ?? "",
    members: [...group.members.values()].map((member) => describeMember(group, member, topics)),
  };
}

export function undescribedConsumer(groupId: string, errorCode: ErrorCode): ConsumerDescribedGroup {
  return {
    errorCode,
    errorMessage: null,
    groupId,
    groupState: "",
    groupEpoch: 0,
    assignmentEpoch: 0,
    assignorName: "",
    members: [],
  };
}

function describeMember(
  group: ConsumerGroup,
  member: ConsumerMember,
  topics: TopicDirectory,
): DescribedMember {
  const { assignedPartitions, partitionsPendingRevocation } = member;
  const names = member.subscribedTopicNames;
  const current = plainPartitions(merged(assignedPartitions, partitionsPendingRevocation));
  const target = plainTarget(group.targetOf(member.memberId));
  return {
    memberId: member.memberId,
    instanceId: member.instanceId,
    rackId: member.rackId,
    memberEpoch: member.memberEpoch,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: stringsInJavaOrder(names, copiedCapacity(names.length)),
    subscribedTopicRegex: member.subscribedTopicRegex,
    assignment: { topicPartitions: named(current, topics) },
    targetAssignment: { topicPartitions: named(target, topics) },
    memberType: member.classicMemberMetadata === null ? CONSUMER_MEMBER : CLASSIC_MEMBER,
  };
}

/** What a member is about to give back, it still has. */
function merged(assigned: EpochPartitions, pending: EpochPartitions): EpochPartitions {
  if (pending.size === 0) return assigned;
  const all = new Map(assigned);
  for (const [topicId, epochs] of pending) {
    all.set(topicId, new Map([...(all.get(topicId) ?? []), ...epochs]));
  }
  return all;
}

function plainTarget(
  partitions: TopicPartitions,
): { readonly topicId: string; readonly partitions: readonly number[] }[] {
  return [...partitions].map(([topicId, numbers]) => ({ topicId, partitions: numbers }));
}

/** Topics that are gone have no name to be shown by. */
function named(
  partitions: readonly { readonly topicId: string; readonly partitions: readonly number[] }[],
  topics: TopicDirectory,
): DescribedPartitions {
  return partitions.flatMap(({ topicId, partitions: numbers }) => {
    const topicName = topics.nameOf(topicId);
    return topicName === null ? [] : [{ topicId, topicName, partitions: numbers }];
  });
}
