/**
 * Whether a member of a group with epochs may commit and fetch offsets. A commit of an earlier
 * epoch is taken for partitions that the member has had since then (KIP-1251).
 */
import { ErrorCode } from "../../protocol/error-code.ts";
import type { EpochGroup, EpochMember } from "./epoch-group.ts";

export interface CommitCheck {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly memberEpoch: number;
  readonly isTransactional: boolean;
  readonly apiVersion: number;
  readonly topics: readonly {
    readonly name: string;
    /** Null where the topic is not known. */
    readonly topicId: string | null;
    readonly partitions: readonly { readonly partitionIndex: number }[];
  }[];
}

/** What the protocols do not have in common. */
export interface MemberOffsets<M extends EpochMember> {
  /** It speaks the classic protocol: its epoch is a generation. */
  isClassic(member: M): boolean;
  /** In which the member got what the partition belongs to; undefined where it has it not. */
  assignmentEpochOf(
    member: M,
    topic: { readonly name: string; readonly topicId: string | null },
    partition: number,
  ): number | undefined;
}

/** From here on commits of members with epochs are understood. */
const MEMBER_EPOCH_VERSION = 9;

export function checkMemberCommit<M extends EpochMember>(
  group: EpochGroup<M>,
  check: CommitCheck,
  rules: MemberOffsets<M>,
): ErrorCode {
  const error = checkMember(group, check, rules);
  // Producers know nothing of member epochs.
  const isStale = error === ErrorCode.STALE_MEMBER_EPOCH && check.isTransactional;
  return isStale ? ErrorCode.ILLEGAL_GENERATION : error;
}

/** Versions without a member ask for whatever there is. */
export function checkMemberFetch<M extends EpochMember>(
  group: EpochGroup<M>,
  memberId: string | null,
  memberEpoch: number,
  rules: MemberOffsets<M>,
): ErrorCode {
  if (memberId === null && memberEpoch < 0) return ErrorCode.NONE;
  const member = memberId === null ? undefined : group.members.get(memberId);
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  return memberEpoch === member.memberEpoch ? ErrorCode.NONE : staleError(member, rules);
}

function checkMember<M extends EpochMember>(
  group: EpochGroup<M>,
  check: CommitCheck,
  rules: MemberOffsets<M>,
): ErrorCode {
  const { memberId, groupInstanceId, memberEpoch, isTransactional } = check;
  // An admin client, or a consumer that does without membership.
  if (memberEpoch < 0 && group.isEmpty) return ErrorCode.NONE;
  const isUnnamed = memberEpoch === -1 && memberId === "" && groupInstanceId === null;
  if (isTransactional && isUnnamed) return ErrorCode.NONE;
  const member = group.members.get(memberId);
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  const mustKnowEpochs = !isTransactional && !rules.isClassic(member);
  if (mustKnowEpochs && check.apiVersion < MEMBER_EPOCH_VERSION) {
    return ErrorCode.UNSUPPORTED_VERSION;
  }
  if (memberEpoch === member.memberEpoch) return ErrorCode.NONE;
  if (memberEpoch > member.memberEpoch) return staleError(member, rules);
  const hasAll = check.topics.every((topic) =>
    topic.partitions.every(({ partitionIndex }) => {
      const epoch = rules.assignmentEpochOf(member, topic, partitionIndex);
      return epoch !== undefined && memberEpoch >= epoch;
    }),
  );
  return hasAll ? ErrorCode.NONE : staleError(member, rules);
}

function staleError<M extends EpochMember>(member: M, rules: MemberOffsets<M>): ErrorCode {
  return rules.isClassic(member) ? ErrorCode.ILLEGAL_GENERATION : ErrorCode.STALE_MEMBER_EPOCH;
}
