/**
 * Brings a member from what it has to what it shall have, one heartbeat after the other, so that no
 * partition ever has two owners:
 *
 *             must give back                        others still have its partitions
 *   Stable ───────────────────▶ UnrevokedPartitions ─────────────────▶ UnreleasedPartitions
 *     ▲                              │ has given back                        │ are free
 *     └──────────────────────────────┴───────────────────────────────────────┘
 *
 * A member gets the epoch of the target as soon as it has given back all that it must.
 */
import type { TopicPartitions } from "./assignor.ts";
import { type ConsumerGroup, NO_OWNER } from "./consumer-group.ts";
import {
  type ConsumerMember,
  type EpochPartitions,
  isReconciledTo,
  MemberState,
  NO_EPOCH_PARTITIONS,
  type OwnedPartitions,
  regexOf,
  withEpoch,
} from "./consumer-member.ts";
import type { TopicDirectory } from "./topic-directory.ts";

export interface Target {
  readonly epoch: number;
  readonly partitions: TopicPartitions;
}

export interface Reconciliation {
  readonly group: ConsumerGroup;
  readonly topics: TopicDirectory;
  readonly target: Target;
  readonly hasSubscriptionChanged: boolean;
  /** What the member says that it has; null where it does not say. */
  readonly owned: readonly OwnedPartitions[] | null;
}

/** "fenced": its state is of a newer release, so it must give up all it has and join again. */
export function reconcile(
  member: ConsumerMember,
  reconciliation: Reconciliation,
): ConsumerMember | "fenced" {
  const { target, hasSubscriptionChanged, owned } = reconciliation;
  if (!hasSubscriptionChanged && isReconciledTo(member, target.epoch)) return member;
  switch (member.state) {
    case MemberState.STABLE:
      if (member.memberEpoch !== target.epoch) return advance(member, reconciliation);
      return dropUnsubscribed(member, reconciliation);
    case MemberState.UNREVOKED_PARTITIONS:
      if (!owns(owned, member.partitionsPendingRevocation)) return advance(member, reconciliation);
      return hasSubscriptionChanged ? dropUnsubscribed(member, reconciliation) : member;
    case MemberState.UNRELEASED_PARTITIONS:
      return advance(member, reconciliation);
    case MemberState.UNKNOWN:
      if (owned === null || owned.length > 0) return "fenced";
      return advance(member, reconciliation, target.epoch);
  }
}

/** Where it does not say what it has, it may have all of them. */
function owns(owned: readonly OwnedPartitions[] | null, partitions: EpochPartitions): boolean {
  if (owned === null) return true;
  return owned.some(({ topicId, partitions: numbers }) => {
    const epochs = partitions.get(topicId);
    return epochs !== undefined && numbers.some((partition) => epochs.has(partition));
  });
}

/** Towards the target, as far as it goes now. */
function advance(
  member: ConsumerMember,
  reconciliation: Reconciliation,
  memberEpoch = member.memberEpoch,
): ConsumerMember {
  const { target, owned } = reconciliation;
  const next = nextPartitions(member, reconciliation);
  if (next.revoked.size > 0 && owns(owned, next.revoked)) {
    return {
      ...withEpoch(member, memberEpoch),
      state: MemberState.UNREVOKED_PARTITIONS,
      assignedPartitions: next.kept,
      partitionsPendingRevocation: next.revoked,
    };
  }
  const assigned = new Map(next.kept);
  for (const [topicId, numbers] of next.added) {
    const epochs = new Map(assigned.get(topicId));
    for (const partition of numbers) epochs.set(partition, target.epoch);
    assigned.set(topicId, epochs);
  }
  return {
    ...withEpoch(member, target.epoch),
    state: next.hasUnreleased ? MemberState.UNRELEASED_PARTITIONS : MemberState.STABLE,
    assignedPartitions: assigned,
    partitionsPendingRevocation: NO_EPOCH_PARTITIONS,
  };
}

interface NextPartitions {
  readonly kept: Map<string, ReadonlyMap<number, number>>;
  readonly revoked: Map<string, ReadonlyMap<number, number>>;
  readonly added: Map<string, number[]>;
  /** Some of the target have another owner. */
  hasUnreleased: boolean;
}

function nextPartitions(member: ConsumerMember, reconciliation: Reconciliation): NextPartitions {
  const { target } = reconciliation;
  const next: NextPartitions = {
    kept: new Map(),
    revoked: new Map(),
    added: new Map(),
    hasUnreleased: false,
  };
  const isSubscribed = subscriptionTest(member, reconciliation);
  for (const topicId of new Set([
    ...target.partitions.keys(),
    ...member.assignedPartitions.keys(),
  ])) {
    // The target may be older than the subscription.
    const wanted = isSubscribed(topicId) ? (target.partitions.get(topicId) ?? []) : [];
    addTopic(next, member, reconciliation.group, topicId, wanted);
  }
  return next;
}

function addTopic(
  next: NextPartitions,
  member: ConsumerMember,
  group: ConsumerGroup,
  topicId: string,
  wanted: readonly number[],
): void {
  const current = member.assignedPartitions.get(topicId);
  const wantedSet = new Set(wanted);
  const kept = new Map<number, number>();
  const revoked = new Map<number, number>();
  for (const [partition, epoch] of current ?? []) {
    (wantedSet.has(partition) ? kept : revoked).set(partition, epoch);
  }
  const pending = member.partitionsPendingRevocation.get(topicId);
  const added: number[] = [];
  for (const partition of wanted) {
    if (kept.has(partition)) continue;
    const isFree =
      group.partitionEpoch(topicId, partition) === NO_OWNER || pending?.has(partition) === true;
    if (isFree) added.push(partition);
    else next.hasUnreleased = true;
  }
  if (kept.size > 0) next.kept.set(topicId, kept);
  if (revoked.size > 0) next.revoked.set(topicId, revoked);
  if (added.length > 0) next.added.set(topicId, added);
}

/** Takes away what the member has no use for; the rest stays as it is. */
function dropUnsubscribed(member: ConsumerMember, reconciliation: Reconciliation): ConsumerMember {
  const isSubscribed = subscriptionTest(member, reconciliation);
  const dropped = [...member.assignedPartitions].filter(([topicId]) => !isSubscribed(topicId));
  if (dropped.length === 0) return member;
  const assignedPartitions = new Map(member.assignedPartitions);
  const revoked = new Map(member.partitionsPendingRevocation);
  for (const [topicId, epochs] of dropped) {
    assignedPartitions.delete(topicId);
    revoked.set(topicId, new Map([...(revoked.get(topicId) ?? []), ...epochs]));
  }
  const shrunk = { ...withEpoch(member, member.memberEpoch), assignedPartitions };
  if (!owns(reconciliation.owned, revoked)) return shrunk;
  return {
    ...shrunk,
    state: MemberState.UNREVOKED_PARTITIONS,
    partitionsPendingRevocation: revoked,
  };
}

/** Whether the member reads the topic of an id, by name or by pattern. */
function subscriptionTest(
  member: ConsumerMember,
  { group, topics }: Reconciliation,
): (topicId: string) => boolean {
  const regex = regexOf(member);
  const matched = regex === null ? [] : (group.resolvedRegexes.get(regex)?.topics ?? []);
  const names = new Set([...member.subscribedTopicNames, ...matched]);
  return (topicId) => {
    const name = topics.nameOf(topicId);
    return name !== null && names.has(name);
  };
}
