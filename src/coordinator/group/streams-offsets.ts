/** Whether a member of a streams group may commit and fetch offsets: those of its active tasks. */
import type { ErrorCode } from "../../protocol/error-code.ts";
import { checkMemberCommit, checkMemberFetch, type CommitCheck } from "./member-offsets.ts";
import type { StreamsGroup } from "./streams-group.ts";
import type { StreamsMember } from "./streams-member.ts";

export function checkStreamsCommit(group: StreamsGroup, check: CommitCheck): ErrorCode {
  return checkMemberCommit(group, check, rulesOf(group));
}

export function checkStreamsFetch(
  group: StreamsGroup,
  memberId: string | null,
  memberEpoch: number,
): ErrorCode {
  return checkMemberFetch(group, memberId, memberEpoch, rulesOf(group));
}

function rulesOf({ topology }: StreamsGroup) {
  return {
    isClassic: () => false,
    assignmentEpochOf: (
      { assignedTasks, tasksPendingRevocation }: StreamsMember,
      { name }: { readonly name: string },
      partition: number,
    ): number | undefined => {
      const subtopologyId = topology?.readers.get(name)?.subtopologyId;
      if (subtopologyId === undefined) return undefined;
      return (
        assignedTasks.active.get(subtopologyId)?.get(partition) ??
        tasksPendingRevocation.active.get(subtopologyId)?.get(partition)
      );
    },
  };
}
