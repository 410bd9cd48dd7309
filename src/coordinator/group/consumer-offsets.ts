/** Whether a member of a group of the consumer protocol may commit and fetch offsets. */
import type { ErrorCode } from "../../protocol/error-code.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import type { ConsumerMember } from "./consumer-member.ts";
import {
  checkMemberCommit,
  checkMemberFetch,
  type CommitCheck,
  type MemberOffsets,
} from "./member-offsets.ts";

const RULES: MemberOffsets<ConsumerMember> = {
  isClassic: ({ classicMemberMetadata }) => classicMemberMetadata !== null,
  assignmentEpochOf: ({ assignedPartitions, partitionsPendingRevocation }, { topicId }, index) => {
    if (topicId === null) return undefined;
    return (
      assignedPartitions.get(topicId)?.get(index) ??
      partitionsPendingRevocation.get(topicId)?.get(index)
    );
  },
};

export function checkConsumerCommit(group: ConsumerGroup, check: CommitCheck): ErrorCode {
  return checkMemberCommit(group, check, RULES);
}

export function checkConsumerFetch(
  group: ConsumerGroup,
  memberId: string | null,
  memberEpoch: number,
): ErrorCode {
  return checkMemberFetch(group, memberId, memberEpoch, RULES);
}
