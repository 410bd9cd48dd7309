/**
 * The "range" assignor: each topic by itself is cut into ranges, one for each member that reads it.
 * Members are in the order of their instance ids, or of their member ids, so that the same members
 * get partitions of the same number of all topics.
 */
import type { AssignableGroup, AssignableMember, GroupAssignment } from "./assignor.ts";

/** How far one topic has been handed out. */
interface TopicRange {
  readonly partitionCount: number;
  readonly quota: number;
  /** So many members, the next ones, get one more. */
  extraCount: number;
  nextPartition: number;
}

export function rangeAssignor(group: AssignableGroup): GroupAssignment {
  const members = [...group.members].sort(byInstanceThenId);
  const ranges = rangesOf(group, members);
  const assignment = new Map<string, Map<string, number[]>>();
  for (const { memberId, topicIds } of members) {
    const partitions = new Map<string, number[]>();
    for (const topicId of topicIds) {
      const range = nextRange(ranges.get(topicId)!);
      if (range.length > 0) partitions.set(topicId, range);
    }
    assignment.set(memberId, partitions);
  }
  return assignment;
}

function byInstanceThenId(one: AssignableMember, other: AssignableMember): number {
  if (one.instanceId !== null && other.instanceId !== null) {
    return compare(one.instanceId, other.instanceId);
  }
  if (one.instanceId !== null) return -1;
  if (other.instanceId !== null) return 1;
  return compare(one.memberId, other.memberId);
}

function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

function rangesOf(
  { isHomogeneous, partitionCountOf }: AssignableGroup,
  members: readonly AssignableMember[],
): Map<string, TopicRange> {
  const memberCounts = new Map<string, number>();
  if (isHomogeneous) {
    for (const topicId of members[0]?.topicIds ?? []) memberCounts.set(topicId, members.length);
  } else {
    for (const { topicIds } of members) {
      for (const topicId of topicIds) {
        memberCounts.set(topicId, (memberCounts.get(topicId) ?? 0) + 1);
      }
    }
  }
  const ranges = new Map<string, TopicRange>();
  for (const [topicId, memberCount] of memberCounts) {
    const partitionCount = partitionCountOf(topicId);
    ranges.set(topicId, {
      partitionCount,
      quota: Math.floor(partitionCount / memberCount),
      extraCount: partitionCount % memberCount,
      nextPartition: 0,
    });
  }
  return ranges;
}

function nextRange(range: TopicRange): number[] {
  const from = range.nextPartition;
  const quota = range.extraCount > 0 ? range.quota + 1 : range.quota;
  if (range.extraCount > 0) range.extraCount -= 1;
  range.nextPartition = Math.min(from + quota, range.partitionCount);
  const count = range.nextPartition - from;
  return Array.from({ length: count }, (_, index) => from + index);
}
