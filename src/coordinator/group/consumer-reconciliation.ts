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
import {
  addDifference,
  type AssignmentDifference,
  noDifference,
  withAdded,
} from "./assignment-difference.ts";
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
  return {
    ...withEpoch(member, target.epoch),
    state: next.hasUnreleased ? MemberState.UNRELEASED_PARTITIONS : MemberState.STABLE,
    assignedPartitions: withAdded(next, target.epoch),
    partitionsPendingRevocation: NO_EPOCH_PARTITIONS,
  };
}

function nextPartitions(
  member: ConsumerMember,
  reconciliation: Reconciliation,
): AssignmentDifference {
  const { target, group } = reconciliation;
  const { assignedPartitions, partitionsPendingRevocation } = member;
  const next = noDifference();
  const isSubscribed = subscriptionTest(member, reconciliation);
  const isFree = (topicId: string, partition: number): boolean =>
    group.partitionEpoch(topicId, partition) === NO_OWNER ||
    partitionsPendingRevocation.get(topicId)?.has(partition) === true;
  for (const topicId of new Set([...target.partitions.keys(), ...assignedPartitions.keys()])) {
    // The target may be older than the subscription.
    const wanted = isSubscribed(topicId) ? (target.partitions.get(topicId) ?? []) : [];
    addDifference(next, topicId, assignedPartitions.get(topicId), wanted, isFree);
  }
  return next;
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
