/**
 * Kafka's assignor of share groups (KIP-932): every partition has at least one member, every member
 * about as many partitions as the others, and whoever has something keeps it where that is fair.
 *
 *   3 members, 2 partitions   sharing: 2 members a partition, 4 places in all
 *                             m0: p0 p1   m1: p0   m2: p1
 *
 * Where all members read the same topics, all partitions are one pool; else each topic is its own.
 */
import { finishNow, Pace, type Steps } from "../../base/slices.ts";
import type { AssignableGroup, GroupAssignment, TopicPartitions } from "./assignor.ts";

export interface ShareableGroup extends Pick<AssignableGroup, "members" | "isHomogeneous"> {
  /** Ascending. */
  readonly assignablePartitions: (topicId: string) => readonly number[];
}

/** A partition, and who is given it: members by their place in the list. */
interface Slot {
  readonly topicId: string;
  readonly partition: number;
  readonly takers: Set<number>;
}

interface Pool {
  readonly slots: readonly Slot[];
  /** Ascending. */
  readonly subscribers: readonly number[];
}

export function assignSimply(group: ShareableGroup): GroupAssignment {
  return finishNow(assignSimplyInSteps(group));
}

export function* assignSimplyInSteps(group: ShareableGroup): Steps<GroupAssignment> {
  const { members } = group;
  const held: Set<Slot>[] = members.map(() => new Set());
  for (const pool of poolsOf(group)) {
    yield;
    yield* keepHeld(pool, group, held);
    yield* balance(pool, held);
  }
  const assignment = new Map<string, TopicPartitions>();
  const pace = new Pace(MEMBERS_A_STEP);
  for (const [index, { memberId }] of members.entries()) {
    assignment.set(memberId, partitionsOf(held[index] ?? new Set()));
    if (pace.endsStep()) yield;
  }
  return assignment;
}

const MEMBERS_A_STEP = 16;
const SLOTS_A_STEP = 64;

function poolsOf({ members, isHomogeneous, assignablePartitions }: ShareableGroup): Pool[] {
  const topicIds = [...new Set(members.flatMap((member) => [...member.topicIds]))];
  const slotsOf = (topicId: string): Slot[] =>
    assignablePartitions(topicId).map((partition) => ({ topicId, partition, takers: new Set() }));
  const indexes = members.map((_, index) => index);
  if (isHomogeneous) return [{ slots: topicIds.flatMap(slotsOf), subscribers: indexes }];
  return topicIds.map((topicId) => ({
    slots: slotsOf(topicId),
    subscribers: indexes.filter((index) => members[index]!.topicIds.has(topicId)),
  }));
}

/** What members of the pool have been given before, they have for now. */
function* keepHeld(
  pool: Pool,
  { members }: ShareableGroup,
  held: readonly Set<Slot>[],
): Steps<void> {
  const byTopic = new Map<string, Map<number, Slot>>();
  for (const slot of pool.slots) {
    let slots = byTopic.get(slot.topicId);
    if (slots === undefined) byTopic.set(slot.topicId, (slots = new Map()));
    slots.set(slot.partition, slot);
  }
  yield;
  const pace = new Pace(MEMBERS_A_STEP);
  for (const index of pool.subscribers) {
    if (pace.endsStep()) yield;
    for (const [topicId, partitions] of members[index]!.partitions) {
      const slots = byTopic.get(topicId);
      for (const partition of partitions) {
        const slot = slots?.get(partition);
        if (slot !== undefined) give(slot, index, held);
      }
    }
  }
}

function* balance({ slots, subscribers }: Pool, held: readonly Set<Slot>[]): Steps<void> {
  if (slots.length === 0 || subscribers.length === 0) return;
  const sharing = Math.ceil(subscribers.length / slots.length);
  const each = (sharing * slots.length) / subscribers.length;
  const ownCounts = new Map(subscribers.map((index) => [index, 0]));
  for (const { takers } of slots) {
    for (const index of takers) ownCounts.set(index, ownCounts.get(index)! + 1);
  }
  const shares = new Map(
    subscribers.map((index, place) => [
      index,
      Math.ceil(each * (place + 1)) - Math.ceil(each * place),
    ]),
  );
  const missing = (index: number) => shares.get(index)! - ownCounts.get(index)!;
  const move = (slot: Slot, index: number, difference: 1 | -1): void => {
    if (difference === 1) give(slot, index, held);
    else take(slot, index, held);
    ownCounts.set(index, ownCounts.get(index)! + difference);
  };
  yield;
  const pace = new Pace(SLOTS_A_STEP);
  for (const slot of slots) {
    for (const index of [...slot.takers]) if (missing(index) < 0) move(slot, index, -1);
    if (pace.endsStep()) yield;
  }
  for (const slot of slots) {
    if (pace.endsStep()) yield;
    for (const index of slot.takers) {
      if (slot.takers.size <= sharing) break;
      move(slot, index, -1);
    }
  }
  yield* fill(
    slots,
    sharing,
    subscribers.filter((index) => missing(index) > 0),
    (slot, index) => {
      move(slot, index, 1);
      return missing(index) > 0;
    },
  );
}

/** Free places go round among those who have too little. `assign`: whether it still has. */
function* fill(
  slots: readonly Slot[],
  sharing: number,
  unfilled: number[],
  assign: (slot: Slot, index: number) => boolean,
): Steps<void> {
  let at = 0;
  const pace = new Pace(SLOTS_A_STEP);
  for (const slot of slots) {
    if (pace.endsStep()) yield;
    let refusals = 0;
    while (slot.takers.size < sharing && refusals < unfilled.length) {
      if (at >= unfilled.length) at = 0;
      const index = unfilled[at]!;
      if (slot.takers.has(index)) {
        at += 1;
        refusals += 1;
        continue;
      }
      refusals = 0;
      if (assign(slot, index)) at += 1;
      else unfilled.splice(at, 1);
    }
  }
}

function give(slot: Slot, index: number, held: readonly Set<Slot>[]): void {
  slot.takers.add(index);
  held[index]!.add(slot);
}

function take(slot: Slot, index: number, held: readonly Set<Slot>[]): void {
  slot.takers.delete(index);
  held[index]!.delete(slot);
}

function partitionsOf(slots: ReadonlySet<Slot>): Map<string, number[]> {
  const partitions = new Map<string, number[]>();
  for (const { topicId, partition } of slots) {
    const numbers = partitions.get(topicId);
    if (numbers === undefined) partitions.set(topicId, [partition]);
    else numbers.push(partition);
  }
  for (const numbers of partitions.values()) numbers.sort((one, other) => one - other);
  return partitions;
}
