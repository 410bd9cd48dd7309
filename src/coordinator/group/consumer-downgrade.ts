/**
 * A group of the consumer protocol becomes one of the classic protocol when the last member that
 * speaks the former has gone (KIP-848, online downgrade): its records are deleted, and one record
 * of the classic kind takes their place, with the target assignment as what each member has.
 */
import { assert } from "../../base/assert.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { ClassicMember } from "./classic-member.ts";
import { newGroup, prepareRebalance } from "./classic-rebalance.ts";
import type { ClassicGroup } from "./classic-group.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import type { ConsumerGroups } from "./consumer-groups.ts";
import type { ConsumerMember } from "./consumer-member.ts";
import { groupTombstones } from "./consumer-records.ts";
import { CONSUMER_PROTOCOL_TYPE, encodeAssignment } from "./consumer-subscription.ts";
import { allowsDowngrade } from "./group-config.ts";
import { generationRecord } from "./group-metadata.ts";
import type { GroupRecord } from "./group-records.ts";
import { GroupRefusal } from "./group-refusal.ts";
import { NO_EFFECTS } from "../outcome.ts";

export interface Downgrade {
  /** Ids of members that leave with it. */
  readonly leaving: ReadonlySet<string>;
  /** A static member that takes the place of its former self. */
  readonly joining: ConsumerMember | null;
  /** Why the members must join again; null where they need not. */
  readonly rebalanceReason: string | null;
}

export interface Downgraded {
  readonly records: GroupRecord[];
  readonly applied: () => void;
}

/** Whether the group is classic without these members, and may become so. */
export function canDowngrade(
  groups: ConsumerGroups,
  group: ConsumerGroup,
  leaving: readonly ConsumerMember[],
): boolean {
  const classicCount = leaving.filter((member) => member.classicMemberMetadata !== null).length;
  const count = group.members.size - leaving.length;
  if (group.classicMemberCount - classicCount !== count || count <= 0) return false;
  return mayDowngrade(groups, group, count);
}

/** The same where a classic member takes the place of the last one that was not. */
export function canDowngradeByReplacing(
  groups: ConsumerGroups,
  group: ConsumerGroup,
  replaced: ConsumerMember,
): boolean {
  const isLast =
    replaced.classicMemberMetadata === null && group.classicMemberCount === group.members.size - 1;
  return isLast && mayDowngrade(groups, group, group.members.size);
}

/** Refused where a member's metadata is not what consumers write. */
export function downgrade(
  groups: ConsumerGroups,
  group: ConsumerGroup,
  { leaving, joining, rebalanceReason }: Downgrade,
): Downgraded | GroupRefusal {
  const { context } = groups;
  const { groupId } = group;
  const replacedId =
    joining?.instanceId == null ? null : group.staticMembers.get(joining.instanceId);
  const staying = [...group.members.values()].filter(
    ({ memberId }) => !leaving.has(memberId) && memberId !== replacedId,
  );
  if (joining !== null) staying.push(joining);
  const classic = classicGroupOf(groups, group, staying);
  for (const member of classic.members.values()) {
    const formerId = member.memberId === joining?.memberId ? replacedId : member.memberId;
    const target = group.targetOf(formerId ?? member.memberId);
    const metadata = member.metadataOf(classic.protocolName);
    const assignment = metadata && encodeAssignment(context.topics, target, metadata);
    if (assignment === null) {
      return new GroupRefusal(
        ErrorCode.GROUP_ID_NOT_FOUND,
        `Cannot downgrade the classic group ${groupId}: malformed consumer protocol.`,
      );
    }
    member.assignment = assignment;
  }
  const renamed =
    joining === null || replacedId == null ? [] : [[replacedId, joining.memberId] as const];
  const record = generationRecord(classic, (member) => member.assignment);
  return {
    records: [...groupTombstones(group, new Map(renamed)), record],
    applied: () => goOn(groups, classic, rebalanceReason),
  };
}

function mayDowngrade({ context }: ConsumerGroups, group: ConsumerGroup, count: number): boolean {
  const { config, logger } = context;
  if (!allowsDowngrade(config.groupConsumerMigrationPolicy)) {
    logger.info(`group ${group.groupId} stays a consumer group: downgrades are disabled`);
    return false;
  }
  if (count > config.groupMaxSize) {
    logger.info(`group ${group.groupId} stays a consumer group: it exceeds group.max.size`);
    return false;
  }
  return true;
}

/** A classic group as its record will make it; only its members' protocols are in no record. */
function classicGroupOf(
  { context }: ConsumerGroups,
  group: ConsumerGroup,
  members: readonly ConsumerMember[],
): ClassicGroup {
  const classic = newGroup(context, group.groupId);
  for (const member of members) {
    const metadata = member.classicMemberMetadata;
    assert(metadata !== null, "only members of the classic protocol stay");
    const description = {
      memberId: member.memberId,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      sessionTimeoutMs: metadata.sessionTimeoutMs,
      protocols: metadata.supportedProtocols,
    };
    const session = context.deadline(() => NO_EFFECTS);
    classic.add(new ClassicMember(description, session), CONSUMER_PROTOCOL_TYPE);
  }
  classic.generationId = group.groupEpoch;
  classic.protocolName = classic.selectProtocol();
  return classic;
}

function goOn(groups: ConsumerGroups, made: ClassicGroup, rebalanceReason: string | null): void {
  const { context } = groups;
  const group = groups.classic.get(made.groupId);
  assert(group !== undefined, "the record has made a classic group");
  for (const { memberId, protocols } of made.members.values()) {
    const member = group.members.get(memberId);
    assert(member !== undefined, "the record names all members");
    const { rebalanceTimeoutMs, sessionTimeoutMs } = member;
    group.update(member, protocols, rebalanceTimeoutMs, sessionTimeoutMs);
    member.resetSession();
  }
  context.logger.info(`group ${group.groupId} is a classic group now`);
  if (rebalanceReason === null) return;
  const { records } = prepareRebalance(context, group, rebalanceReason);
  assert(records.length === 0, "nobody has joined yet");
}
