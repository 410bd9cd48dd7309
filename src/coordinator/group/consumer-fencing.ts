/**
 * Members that leave a group of the consumer protocol, on their own or because time is up, and the
 * four timers that a member may have.
 */
import type { Outcome } from "../outcome.ts";
import { canDowngrade, downgrade } from "./consumer-downgrade.ts";
import { add, type ConsumerGroup, countTopic, type SubscriptionCount } from "./consumer-group.ts";
import type { ConsumerGroups } from "./consumer-groups.ts";
import { type ConsumerMember, regexOf } from "./consumer-member.ts";
import { groupRecord, memberTombstones, regexTombstone } from "./consumer-records.ts";
import type { GroupRecord } from "./group-records.ts";
import { GroupChange } from "./group-change.ts";
import { GroupRefusal } from "./group-refusal.ts";
import { type Removal, setRebalance, setSession, timeIsUp } from "./member-timers.ts";

/** Removes the members, which bumps the epoch, or makes the group a classic one. */
export function fenceMembers<T>(
  groups: ConsumerGroups,
  group: ConsumerGroup,
  members: readonly ConsumerMember[],
  response: T,
): Outcome<GroupRecord, T> | GroupRefusal {
  if (members.length === 0) return { records: [], response };
  if (canDowngrade(groups, group, members)) {
    const { groupId } = group;
    const downgraded = downgrade(groups, group, {
      leaving: new Set(members.map(({ memberId }) => memberId)),
      joining: null,
      rebalanceReason: `Downgrade group ${groupId} from consumer to classic for member leaving.`,
    });
    if (downgraded instanceof GroupRefusal) return downgraded;
    return { ...downgraded, response };
  }
  const change = new GroupChange(groups, group);
  const { records } = change;
  for (const { memberId } of members) records.push(...memberTombstones(group.groupId, memberId));
  const subscriptions = subscriptionsWithout(group, members, records);
  const hash = groups.hashes.ofGroup(subscriptions);
  const groupEpoch = group.groupEpoch + 1;
  records.push(groupRecord(group.groupId, groupEpoch, hash));
  logEpoch(groups, group, groupEpoch);
  return change.outcome(response);
}

export function logEpoch(groups: ConsumerGroups, group: ConsumerGroup, epoch: number): void {
  groups.context.stats.consumerRebalances++;
  groups.context.logger.info(`group ${group.groupId} has group epoch ${epoch}`);
}

/** Names that are still read; patterns without a member left are deleted with the members. */
function subscriptionsWithout(
  group: ConsumerGroup,
  members: readonly ConsumerMember[],
  records: GroupRecord[],
): Iterable<string> {
  const regexCounts = new Map<string, number>();
  for (const member of members) {
    const regex = regexOf(member);
    if (regex !== null) add(regexCounts, regex, 1);
  }
  const counts: Map<string, SubscriptionCount> = new Map(group.subscriptions);
  for (const { subscribedTopicNames } of members) {
    for (const name of subscribedTopicNames) countTopic(counts, name, -1, 0);
  }
  for (const [regex, count] of regexCounts) {
    if (group.regexMemberCounts.get(regex) !== count) continue;
    records.push(regexTombstone(group.groupId, regex));
    for (const topic of group.resolvedRegexes.get(regex)?.topics ?? []) {
      countTopic(counts, topic, 0, -1);
    }
  }
  return counts.keys();
}

// ---- Timers ------------------------------------------------------------------------------------

/** Begins the session of a member anew. */
export function keepSession(
  groups: ConsumerGroups,
  group: ConsumerGroup,
  memberId: string,
  timeoutMs: number,
): void {
  setSession(groups.context, group, memberId, timeoutMs, removal(groups, group));
}

/** A member that must give back partitions has so much time for it. */
export function awaitRevocation(
  groups: ConsumerGroups,
  group: ConsumerGroup,
  member: ConsumerMember,
): void {
  setRebalance(groups.context, group, member, removal(groups, group));
}

/** A member that was told of a rebalance must join anew. The first telling counts. */
export function awaitClassicJoin(
  groups: ConsumerGroups,
  group: ConsumerGroup,
  { memberId, rebalanceTimeoutMs }: ConsumerMember,
): void {
  const { context } = groups;
  const timers = group.timersOf(memberId);
  const reason = "did not join again in time";
  timers.join ??= context.deadline(() =>
    timeIsUp(context, group, memberId, reason, timers.join, removal(groups, group)),
  );
  if (!timers.join.isSet) timers.join.set(rebalanceTimeoutMs);
}

export function awaitClassicSync(
  groups: ConsumerGroups,
  group: ConsumerGroup,
  memberId: string,
  rebalanceTimeoutMs: number,
): void {
  const { context } = groups;
  const timers = group.timersOf(memberId);
  const reason = "sent no SyncGroup in time";
  timers.sync ??= context.deadline(() =>
    timeIsUp(context, group, memberId, reason, timers.sync, removal(groups, group)),
  );
  timers.sync.set(rebalanceTimeoutMs);
}

function removal(groups: ConsumerGroups, group: ConsumerGroup): Removal<ConsumerMember> {
  return (member) => fenceMembers(groups, group, [member], null);
}
