/**
 * The "uniform" assignor: members get as many partitions as one another, give or take one, and keep
 * as many as they can of what they had. Here for groups whose members all read the same topics;
 * where they do not, see uniform-heterogeneous.ts.
 *
 *   1. A member keeps what it has up to its quota; what is above goes back to the pool.
 *   2. The pool, and what nobody had, fills up those below their quota.
 */
import { assert } from "../../base/assert.ts";
import type { AssignableGroup, GroupAssignment, TopicPartitions } from "./assignor.ts";
import {
  copiedCapacity,
  grownCapacity,
  numbersInJavaOrder,
  uuidsInJavaOrder,
} from "../java-order.ts";
import { assignHeterogeneous } from "./uniform-heterogeneous.ts";

interface TopicPartition {
  readonly topicId: string;
  readonly partition: number;
}

interface Unfilled {
  readonly memberId: string;
  readonly wantedCount: number;
}

export function uniformAssignor(group: AssignableGroup): GroupAssignment {
  if (group.members.length === 0) return new Map();
  return group.isHomogeneous ? assignHomogeneous(group) : assignHeterogeneous(group);
}

function assignHomogeneous(group: AssignableGroup): GroupAssignment {
  const { members, partitionCountOf } = group;
  const topicIds = members[0]!.topicIds;
  if (topicIds.size === 0) return new Map();
  const pool = unassigned(group, topicIds);
  let totalCount = 0;
  for (const topicId of topicIds) totalCount += partitionCountOf(topicId);
  const quotaMin = Math.floor(totalCount / members.length);
  let extraCount = totalCount % members.length;
  const assignment = new Map<string, TopicPartitions>();
  const unfilled: Unfilled[] = [];
  for (const [index, { memberId, partitions }] of members.entries()) {
    let hasExtra = extraCount > 0;
    const kept = keep(partitions, topicIds, hasExtra ? quotaMin + 1 : quotaMin, pool);
    let wantedCount = kept.wantedCount;
    if (wantedCount > 0 && hasExtra && members.length - index > extraCount) {
      // Others behind this one may have one more already, and keep it.
      wantedCount -= 1;
      hasExtra = false;
    }
    if (wantedCount > 0) unfilled.push({ memberId, wantedCount });
    if (hasExtra) extraCount -= 1;
    assignment.set(memberId, kept.partitions);
  }
  fill(assignment, unfilled, pool);
  return assignment;
}

/** Partitions that nobody has, in the order in which they are handed out. */
function unassigned(group: AssignableGroup, topicIds: ReadonlySet<string>): TopicPartition[] {
  const { members, partitionCountOf } = group;
  const owned = new Map<string, Uint8Array>();
  for (const topicId of topicIds) owned.set(topicId, new Uint8Array(partitionCountOf(topicId)));
  for (const { partitions } of members) {
    for (const [topicId, numbers] of partitions) {
      const flags = owned.get(topicId);
      if (flags !== undefined) for (const partition of numbers) flags[partition] = 1;
    }
  }
  const pool: TopicPartition[] = [];
  for (const topicId of uuidsInJavaOrder([...topicIds], copiedCapacity(topicIds.size))) {
    for (const [partition, flag] of owned.get(topicId)!.entries()) {
      if (flag === 0) pool.push({ topicId, partition });
    }
  }
  return pool;
}

/** What a member keeps, and how many more it may have; what it gives up goes to the pool. */
function keep(
  partitions: TopicPartitions,
  topicIds: ReadonlySet<string>,
  quota: number,
  pool: TopicPartition[],
): { readonly partitions: TopicPartitions; readonly wantedCount: number } {
  let heldCount = 0;
  let isWhole = true;
  for (const [topicId, numbers] of partitions) {
    if (topicIds.has(topicId)) heldCount += numbers.length;
    else isWhole = false;
  }
  if (isWhole && heldCount <= quota) return { partitions, wantedCount: quota - heldCount };
  let wantedCount = quota;
  const kept = new Map<string, readonly number[]>();
  for (const topicId of uuidsInJavaOrder([...partitions.keys()], grownCapacity(partitions.size))) {
    if (!topicIds.has(topicId)) continue;
    const numbers = partitions.get(topicId)!;
    if (numbers.length <= wantedCount) {
      kept.set(topicId, numbers);
      wantedCount -= numbers.length;
      continue;
    }
    const ordered = numbersInJavaOrder(numbers);
    for (const partition of ordered.slice(wantedCount)) pool.push({ topicId, partition });
    if (wantedCount > 0) kept.set(topicId, ordered.slice(0, wantedCount).sort(ascending));
    wantedCount = 0;
  }
  return { partitions: kept, wantedCount };
}

function fill(
  assignment: Map<string, TopicPartitions>,
  unfilled: readonly Unfilled[],
  pool: readonly TopicPartition[],
): void {
  let next = 0;
  for (const { memberId, wantedCount } of unfilled) {
    const end = Math.min(next + wantedCount, pool.length);
    if (next === end) break;
    const partitions = new Map<string, number[]>();
    for (const [topicId, numbers] of assignment.get(memberId)!) {
      partitions.set(topicId, [...numbers]);
    }
    for (; next < end; next++) {
      const { topicId, partition } = pool[next]!;
      const numbers = partitions.get(topicId);
      if (numbers === undefined) partitions.set(topicId, [partition]);
      else numbers.push(partition);
    }
    for (const numbers of partitions.values()) numbers.sort(ascending);
    assignment.set(memberId, partitions);
  }
  assert(next === pool.length, "quotas add up to all partitions");
}

function ascending(one: number, other: number): number {
  return one - other;
}
