/** Whether a member of a group with epochs may send what it sends. */
import { ErrorCode } from "../../protocol/error-code.ts";
import { GroupRefusal } from "./group-refusal.ts";

export interface CheckedMember {
  readonly memberEpoch: number;
  readonly previousMemberEpoch: number;
}

export const JOIN_EPOCH = 0;

export function unknownMember(
  { groupId }: { readonly groupId: string },
  memberId: string,
): GroupRefusal {
  return new GroupRefusal(
    ErrorCode.UNKNOWN_MEMBER_ID,
    `Member ${memberId} is not a member of group ${groupId}.`,
  );
}

/**
 * Null where the epoch is the member's own, or the one before: it may have missed the last answer,
 * if what it says that it has is no more than it was given.
 */
export function checkMemberEpoch(
  kind: "consumer" | "streams",
  member: CheckedMember,
  memberEpoch: number,
  hasNoMoreThanGiven: () => boolean,
): GroupRefusal | null {
  if (memberEpoch === JOIN_EPOCH || memberEpoch === member.memberEpoch) return null;
  const isSmaller = memberEpoch < member.memberEpoch;
  const mayHaveMissedOne = isSmaller && memberEpoch === member.previousMemberEpoch;
  if (mayHaveMissedOne && hasNoMoreThanGiven()) return null;
  return new GroupRefusal(
    ErrorCode.FENCED_MEMBER_EPOCH,
    `The ${kind} group member has a ${isSmaller ? "smaller" : "greater"} member epoch ` +
      `(${memberEpoch}) than the one known by the group coordinator (${member.memberEpoch}). ` +
      "The member must abandon all its partitions and rejoin.",
  );
}

/** As above; a share group does not ask what the member has. */
export function checkShareEpoch(member: CheckedMember, memberEpoch: number): GroupRefusal | null {
  if (memberEpoch === JOIN_EPOCH || memberEpoch === member.memberEpoch) return null;
  if (memberEpoch < member.memberEpoch && memberEpoch === member.previousMemberEpoch) return null;
  const isSmaller = memberEpoch < member.memberEpoch;
  const previous = isSmaller
    ? `, and it does not match the previous member epoch (${member.previousMemberEpoch})`
    : "";
  return new GroupRefusal(
    ErrorCode.FENCED_MEMBER_EPOCH,
    `The share group member has a ${isSmaller ? "smaller" : "greater"} member epoch ` +
      `(${memberEpoch}) than the one known by the group coordinator (${member.memberEpoch})` +
      `${previous}. The member must abandon all its partitions and rejoin.`,
  );
}

/** As Java's `trim` sees it: all up to the space is blank. */
export function isBlank(text: string | null): boolean {
  return text !== null && /^[\0- ]*$/.test(text);
}

export function invalidRequest(message: string): GroupRefusal {
  return new GroupRefusal(ErrorCode.INVALID_REQUEST, message);
}

export function groupFull(kind: "consumer" | "share" | "streams", sizeMax: number): GroupRefusal {
  return new GroupRefusal(
    ErrorCode.GROUP_MAX_SIZE_REACHED,
    `The ${kind} group has reached its maximum capacity of ${sizeMax} members.`,
  );
}
