/**
 * Whether a member of a group of the consumer protocol may commit and fetch offsets. A commit of an
 * earlier epoch is taken for partitions that the member has had since then (KIP-1251).
 */
import { ErrorCode } from "../../protocol/error-code.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import type { ConsumerMember } from "./consumer-member.ts";

export interface CommitCheck {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly memberEpoch: number;
  readonly isTransactional: boolean;
  readonly apiVersion: number;
  /** Null where the topic is not known. */
  readonly topics: readonly {
    readonly topicId: string | null;
    readonly partitions: readonly { readonly partitionIndex: number }[];
  }[];
}

/** From here on commits of members of the consumer protocol are understood. */
const MEMBER_EPOCH_VERSION = 9;

export function checkConsumerCommit(group: ConsumerGroup, check: CommitCheck): ErrorCode {
  const error = checkMember(group, check);
  // Producers know nothing of member epochs.
  const isStale = error === ErrorCode.STALE_MEMBER_EPOCH && check.isTransactional;
  return isStale ? ErrorCode.ILLEGAL_GENERATION : error;
}

/** Versions without a member ask for whatever there is. */
export function checkConsumerFetch(
  group: ConsumerGroup,
  memberId: string | null,
  memberEpoch: number,
): ErrorCode {
  if (memberId === null && memberEpoch < 0) return ErrorCode.NONE;
  const member = memberId === null ? undefined : group.members.get(memberId);
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  return memberEpoch === member.memberEpoch ? ErrorCode.NONE : staleError(member);
}

function checkMember(group: ConsumerGroup, check: CommitCheck): ErrorCode {
  const { memberId, groupInstanceId, memberEpoch, isTransactional } = check;
  // An admin client, or a consumer that does without membership.
  if (memberEpoch < 0 && group.isEmpty) return ErrorCode.NONE;
  const isUnnamed = memberEpoch === -1 && memberId === "" && groupInstanceId === null;
  if (isTransactional && isUnnamed) return ErrorCode.NONE;
  const member = group.members.get(memberId);
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  if (
    !isTransactional &&
    member.classicMemberMetadata === null &&
    check.apiVersion < MEMBER_EPOCH_VERSION
  ) {
    return ErrorCode.UNSUPPORTED_VERSION;
  }
  if (memberEpoch === member.memberEpoch) return ErrorCode.NONE;
  if (memberEpoch > member.memberEpoch) return staleError(member);
  const hasAll = check.topics.every(({ topicId, partitions }) =>
    partitions.every(({ partitionIndex }) =>
      hadSince(member, topicId, partitionIndex, memberEpoch),
    ),
  );
  return hasAll ? ErrorCode.NONE : staleError(member);
}

function hadSince(
  { assignedPartitions, partitionsPendingRevocation }: ConsumerMember,
  topicId: string | null,
  partition: number,
  memberEpoch: number,
): boolean {
  if (topicId === null) return false;
  const epoch =
    assignedPartitions.get(topicId)?.get(partition) ??
    partitionsPendingRevocation.get(topicId)?.get(partition);
  return epoch !== undefined && memberEpoch >= epoch;
}

function staleError({ classicMemberMetadata }: ConsumerMember): ErrorCode {
  return classicMemberMetadata === null
    ? ErrorCode.STALE_MEMBER_EPOCH
    : ErrorCode.ILLEGAL_GENERATION;
}
