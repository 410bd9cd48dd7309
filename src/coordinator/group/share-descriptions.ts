/** Share groups as ShareGroupDescribe shows them. */
import { ErrorCode } from "../../protocol/error-code.ts";
import type { ShareDescribedGroup } from "./group-messages.ts";
import { copiedCapacity, stringsInJavaOrder } from "../java-order.ts";
import type { ShareMember } from "./share-group.ts";
import { plainTopics } from "./share-group-records.ts";
import type { ShareGroups } from "./share-groups.ts";
import type { TopicDirectory } from "./topic-directory.ts";

/** The only one that there is. */
const ASSIGNOR = "simple";

export function describeShareGroup(groups: ShareGroups, groupId: string): ShareDescribedGroup {
  const group = groups.get(groupId);
  if (group === undefined) {
    const errorMessage = groups.absence(groupId);
    return { ...undescribedShare(groupId, ErrorCode.GROUP_ID_NOT_FOUND), errorMessage };
  }
  const { topics } = groups.context;
  return {
    ...undescribedShare(groupId, ErrorCode.NONE),
    groupState: group.state,
    groupEpoch: group.groupEpoch,
    assignmentEpoch: group.assignmentEpoch,
    assignorName: ASSIGNOR,
    members: [...group.members.values()].map((member) => describeMember(member, topics)),
  };
}

export function undescribedShare(groupId: string, errorCode: ErrorCode): ShareDescribedGroup {
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

/** Topics that are gone have no name to be shown by. */
function describeMember(
  member: ShareMember,
  topics: TopicDirectory,
): ShareDescribedGroup["members"][number] {
  const { memberId, rackId, memberEpoch, clientId, clientHost, subscribedTopicNames } = member;
  const topicPartitions = plainTopics(member.assignedPartitions).flatMap((topic) => {
    const topicName = topics.nameOf(topic.topicId);
    return topicName === null ? [] : [{ ...topic, topicName }];
  });
  return {
    memberId,
    rackId,
    memberEpoch,
    clientId,
    clientHost,
    subscribedTopicNames: stringsInJavaOrder(
      subscribedTopicNames,
      copiedCapacity(subscribedTopicNames.length),
    ),
    assignment: { topicPartitions },
  };
}
