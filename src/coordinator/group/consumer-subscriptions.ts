/** What a change of one member means for the topics that its group reads, and for its epochs. */
import { add, type ConsumerGroup, countTopic, type SubscriptionCount } from "./consumer-group.ts";
import { logEpoch } from "./consumer-fencing.ts";
import { assignBeside, LARGE_GROUP_SIZE } from "./assigning-beside.ts";
import { consumerTargetSteps } from "./consumer-assigning.ts";
import { type ConsumerMember, regexOf, sameMetadata, sameNames } from "./consumer-member.ts";
import { groupRecord, memberRecord, partitionMetadataTombstone } from "./consumer-records.ts";
import { isHomogeneous, newTarget } from "./consumer-target.ts";
import type { Target } from "./consumer-reconciliation.ts";
import type { GroupChange } from "./group-change.ts";
import { ASSIGNORS } from "./assignors.ts";

/** Java's largest int, in Kafka's code: metadata is looked at when it changes, and now and then. */
export const METADATA_REFRESH_INTERVAL_MS = 2_147_483_647;

/** Writes down what the member says anew; true when it names other topics than before. */
export function changeMember(
  { group, records }: GroupChange,
  member: ConsumerMember,
  updated: ConsumerMember,
): boolean {
  if (sameMetadata(member, updated)) return false;
  records.push(memberRecord(group.groupId, updated));
  return !sameNames(member.subscribedTopicNames, updated.subscribedTopicNames);
}

/** The group epoch after the change: a new one where members or topics are others. */
export function changeMetadata(
  change: GroupChange,
  member: ConsumerMember,
  updated: ConsumerMember,
  isBumped: boolean,
): number {
  const { group, groups, records } = change;
  const { clock } = groups.context;
  const hash = hashAfter(change, member, updated);
  let { groupEpoch } = group;
  if (isBumped || hash !== group.metadataHash) {
    groupEpoch += 1;
    records.push(groupRecord(group.groupId, groupEpoch, hash));
    logEpoch(groups, group, groupEpoch);
  }
  const metadataRefresh = { dueMs: clock.wallMs() + METADATA_REFRESH_INTERVAL_MS, groupEpoch };
  change.whenApplied((applied) => (applied.metadataRefresh = metadataRefresh));
  if (group.hasPartitionMetadata) records.push(partitionMetadataTombstone(group.groupId));
  return groupEpoch;
}

/** A member replaced, its patterns and the epoch. */
const OWN_RECORD_COUNT_MAX = 12;

/** What the member shall have: by a new assignment where it is time for one. */
export function changeTarget(
  change: GroupChange,
  groupEpoch: number,
  member: ConsumerMember,
  updated: ConsumerMember,
): Target {
  const { group, groups, records } = change;
  const { config, clock } = groups.context;
  const last = { epoch: group.assignmentEpoch, partitions: group.targetOfMember(updated) };
  if (group.assignmentEpoch >= groupEpoch) return last;
  const intervalMs = config.consumerAssignmentIntervalMs(group.groupId);
  if (group.isTooSoonToAssign(clock.wallMs(), intervalMs)) return last;
  const preferred = group.preferredAssignor(member, updated);
  const names = config.groupConsumerAssignors;
  const assignorName =
    preferred !== null && ASSIGNORS.has(preferred) ? preferred : (names[0] ?? "uniform");
  if (group.members.size >= LARGE_GROUP_SIZE) {
    change.whenApplied((applied) =>
      assignBeside(groups.context, applied, () => {
        return consumerTargetSteps(groups, applied, assignorName);
      }),
    );
    return last;
  }
  const { records: targets, partitions } = newTarget(groups.context, {
    group,
    groupEpoch,
    updated,
    assignorName,
    isHomogeneous: isHomogeneousWith(group, member, updated),
  });
  // What stands before it, and is more than the member's own, must not be torn apart.
  change.mayBeSpread = records.length <= OWN_RECORD_COUNT_MAX;
  for (const record of targets) records.push(record);
  return { epoch: groupEpoch, partitions };
}

/** Most members read what others read as well: then the hash of before still holds. */
function hashAfter(change: GroupChange, member: ConsumerMember, updated: ConsumerMember): bigint {
  const { group, groups } = change;
  const isSame =
    !group.hasMetadataExpired(groups.context.clock.wallMs()) &&
    regexOf(member) === regexOf(updated) &&
    updated.subscribedTopicNames.every((name) => group.subscriptions.has(name)) &&
    (member.subscribedTopicNames.length === 0 ||
      member.subscribedTopicNames === updated.subscribedTopicNames);
  if (isSame) return group.metadataHash;
  return groups.hashes.ofGroup(subscriptionsAfter(group, member, updated).keys());
}

function subscriptionsAfter(
  group: ConsumerGroup,
  member: ConsumerMember,
  updated: ConsumerMember,
): Map<string, SubscriptionCount> {
  const counts = new Map(group.subscriptions);
  for (const name of member.subscribedTopicNames) countTopic(counts, name, -1, 0);
  for (const name of updated.subscribedTopicNames) countTopic(counts, name, 1, 0);
  const former = regexOf(member);
  if (former !== null && former !== regexOf(updated) && group.regexMemberCounts.get(former) === 1) {
    for (const topic of group.resolvedRegexes.get(former)?.topics ?? []) {
      countTopic(counts, topic, 0, -1);
    }
  }
  return counts;
}

function isHomogeneousWith(
  group: ConsumerGroup,
  member: ConsumerMember,
  updated: ConsumerMember,
): boolean {
  const regexCounts = new Map(group.regexMemberCounts);
  const former = regexOf(member);
  const regex = regexOf(updated);
  if (former !== null) add(regexCounts, former, -1);
  if (regex !== null) add(regexCounts, regex, 1);
  const isOneMore =
    !group.members.has(updated.memberId) &&
    (updated.instanceId === null || !group.staticMembers.has(updated.instanceId));
  const memberCount = group.members.size + (isOneMore ? 1 : 0);
  return isHomogeneous(regexCounts, subscriptionsAfter(group, member, updated), memberCount);
}
