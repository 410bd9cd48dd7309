/**
 * The group that a member of the consumer protocol joins: its own, a new one, or one of the classic
 * protocol that becomes one of the consumer protocol with it (KIP-848, online upgrade). The latter
 * keeps its members, their generation as the epoch, and what each of them has as the target.
 */
import { ErrorCode } from "../../protocol/error-code.ts";
import { NO_PARTITIONS, type TopicPartitions } from "./assignor.ts";
import type { ClassicGroup } from "./classic-group.ts";
import type { ClassicMember } from "./classic-member.ts";
import { joinError } from "./classic-rebalance.ts";
import { keepSession } from "./consumer-fencing.ts";
import { ConsumerGroup } from "./consumer-group.ts";
import type { ConsumerGroups } from "./consumer-groups.ts";
import { newConsumerMember, sortedNames } from "./consumer-member.ts";
import { wholeGroupRecords } from "./consumer-records.ts";
import { decodeAssignment, decodeSubscription } from "./consumer-subscription.ts";
import { GroupChange } from "./group-change.ts";
import { allowsUpgrade } from "./group-config.ts";
import { GroupRefusal } from "./group-refusal.ts";

const NO_BYTES = Buffer.alloc(0);

/** A change of the group, which holds what must be written before anything else. */
export function changeOf(
  groups: ConsumerGroups,
  groupId: string,
  mayCreate: boolean,
): GroupChange | GroupRefusal {
  const known = groups.get(groupId);
  if (known !== undefined) return new GroupChange(groups, known);
  const classic = groups.classic.get(groupId);
  if (groups.isOther(groupId) && (classic === undefined || !mayCreate)) {
    return notFound(groups.absence(groupId));
  }
  if (!mayCreate) return notFound(`Consumer group ${groupId} not found.`);
  if (classic === undefined) return new GroupChange(groups, new ConsumerGroup(groupId));
  return upgrade(groups, classic);
}

function upgrade(groups: ConsumerGroups, classic: ClassicGroup): GroupChange | GroupRefusal {
  const { groupId } = classic;
  const tombstone = { type: "groupMetadata", group: groupId, value: null } as const;
  if (classic.state === "Empty") {
    const change = new GroupChange(groups, new ConsumerGroup(groupId));
    change.records.push(tombstone);
    return change;
  }
  const refusal = checkUpgrade(groups, classic);
  if (refusal !== null) return refusal;
  const group = upgraded(groups, classic);
  if (group instanceof GroupRefusal) return group;
  // Those who wait are told to ask again: they are members of the new group then.
  for (const member of classic.members.values()) {
    const errorCode = ErrorCode.REBALANCE_IN_PROGRESS;
    classic.answerJoin(member, joinError(errorCode, member.memberId));
    classic.answerSync(member, { errorCode, assignment: NO_BYTES });
  }
  const change = new GroupChange(groups, group);
  change.records.push(tombstone, ...wholeGroupRecords(group));
  change.whenApplied((applied) => {
    groups.context.logger.info(`group ${groupId} is a consumer group now`);
    for (const { memberId, classicMemberMetadata } of applied.members.values()) {
      const timeoutMs = classicMemberMetadata?.sessionTimeoutMs;
      if (timeoutMs !== undefined) keepSession(groups, applied, memberId, timeoutMs);
    }
  });
  return change;
}

function checkUpgrade({ context }: ConsumerGroups, classic: ClassicGroup): GroupRefusal | null {
  const { config, logger } = context;
  const { groupId } = classic;
  let reason: string | null = null;
  if (!allowsUpgrade(config.groupConsumerMigrationPolicy)) {
    reason = "online upgrade is disabled.";
  } else if (!classic.usesConsumerProtocol) {
    reason = "the group does not use the consumer embedded protocol.";
  } else if (classic.members.size > config.groupConsumerMaxSize) {
    reason = "the group size exceeds the consumer group maximum size.";
  }
  if (reason === null) return null;
  const text = `Cannot upgrade classic group ${groupId} to consumer group because ${reason}`;
  logger.info(text);
  return notFound(text);
}

function upgraded(groups: ConsumerGroups, classic: ClassicGroup): ConsumerGroup | GroupRefusal {
  const { groupId, generationId } = classic;
  const group = new ConsumerGroup(groupId);
  group.groupEpoch = generationId;
  group.assignmentEpoch = generationId;
  // The first rebalance may not have chosen a protocol yet.
  const protocolName = classic.protocolName ?? classic.selectProtocol();
  const cannot = `Cannot upgrade classic group ${groupId} to consumer group because`;
  for (const member of classic.members.values()) {
    const metadata = member.metadataOf(protocolName) ?? member.protocols[0]?.metadata ?? NO_BYTES;
    const subscription = decodeSubscription(metadata);
    const partitions = partitionsOf(groups, member);
    if (subscription === null || partitions === "malformed") {
      return notFound(`${cannot} the embedded consumer protocol is malformed.`);
    }
    if (partitions === "custom") {
      return notFound(
        `${cannot} an unsupported custom assignor is in use. Please refer to the documentation ` +
          "or switch to a default assignor before re-attempting the upgrade.",
      );
    }
    const { rackId } = subscription;
    group.targetAssignment.set(member.memberId, partitions);
    group.putMember({
      ...newConsumerMember(member.memberId),
      memberEpoch: generationId,
      previousMemberEpoch: generationId,
      instanceId: member.groupInstanceId,
      rackId: rackId === "" ? null : rackId,
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      clientId: member.clientId,
      clientHost: member.clientHost,
      subscribedTopicNames: groups.shared(sortedNames(subscription.topics)),
      assignedPartitions: withEpoch(partitions, generationId),
      classicMemberMetadata: {
        sessionTimeoutMs: member.sessionTimeoutMs,
        supportedProtocols: member.protocols.map((protocol) => ({ ...protocol })),
      },
    });
  }
  group.metadataHash = groups.hashes.ofGroup(group.subscriptions.keys());
  return group;
}

/** Topics that do not exist any more are left out. */
function partitionsOf(
  { context }: ConsumerGroups,
  { assignment }: ClassicMember,
): TopicPartitions | "malformed" | "custom" {
  if (assignment.length === 0) return NO_PARTITIONS;
  const decoded = decodeAssignment(assignment);
  if (decoded === null) return "malformed";
  // What an assignor of the client's own keeps there would be lost.
  if (decoded.userData !== null && decoded.userData.length > 0) return "custom";
  const partitions = new Map<string, readonly number[]>();
  for (const { topic, partitions: numbers } of decoded.assignedPartitions) {
    const topicId = context.topics.idOf(topic);
    if (topicId === null) continue;
    partitions.set(
      topicId,
      [...new Set(numbers)].sort((one, other) => one - other),
    );
  }
  return partitions;
}

function withEpoch(
  partitions: TopicPartitions,
  epoch: number,
): ReadonlyMap<string, ReadonlyMap<number, number>> {
  return new Map(
    [...partitions].map(([topicId, numbers]) => [
      topicId,
      new Map(numbers.map((partition) => [partition, epoch])),
    ]),
  );
}

function notFound(message: string): GroupRefusal {
  return new GroupRefusal(ErrorCode.GROUP_ID_NOT_FOUND, message);
}
