/**
 * A member of a group of the consumer protocol, as its two records say: what it told of itself, and
 * what it has been given. A change makes a new one.
 */
import type { Value } from "../../protocol/schema.ts";
import type { consumerGroupMemberMetadataValue } from "../../protocol/records/consumer-group.ts";

export type MemberMetadataValue = Value<typeof consumerGroupMemberMetadataValue>;
export type ClassicMemberMetadata = NonNullable<MemberMetadataValue["classicMemberMetadata"]>;

/** As the record has it. */
export const MemberState = {
  STABLE: 0,
  /** It must give back partitions before it goes on. */
  UNREVOKED_PARTITIONS: 1,
  /** Others have partitions that are to be its own. */
  UNRELEASED_PARTITIONS: 2,
  /** Of a newer release. */
  UNKNOWN: 127,
} as const;
export type MemberState = (typeof MemberState)[keyof typeof MemberState];

/** Of a member that has left for good, between two of its tombstones. */
export const LEFT_EPOCH = -1;
/** Of a static member that is away for a while (KIP-848's second way to leave). */
export const STATIC_LEFT_EPOCH = -2;

/** By topic id and partition: the epoch in which the member got it. */
export type EpochPartitions = ReadonlyMap<string, ReadonlyMap<number, number>>;

export const NO_EPOCH_PARTITIONS: EpochPartitions = new Map();

export interface ConsumerMember {
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly previousMemberEpoch: number;
  readonly state: MemberState;
  /** Null for a dynamic member. */
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  /** Sorted, each once. */
  readonly subscribedTopicNames: readonly string[];
  /** Empty or null: none. */
  readonly subscribedTopicRegex: string | null;
  /** Null: as the broker has it. */
  readonly serverAssignor: string | null;
  readonly assignedPartitions: EpochPartitions;
  readonly partitionsPendingRevocation: EpochPartitions;
  /** Of a member that speaks the classic protocol, else null. */
  readonly classicMemberMetadata: ClassicMemberMetadata | null;
}

export function newConsumerMember(memberId: string): ConsumerMember {
  return {
    memberId,
    memberEpoch: 0,
    previousMemberEpoch: -1,
    state: MemberState.STABLE,
    instanceId: null,
    rackId: null,
    clientId: "",
    clientHost: "",
    rebalanceTimeoutMs: -1,
    subscribedTopicNames: [],
    subscribedTopicRegex: "",
    serverAssignor: null,
    assignedPartitions: NO_EPOCH_PARTITIONS,
    partitionsPendingRevocation: NO_EPOCH_PARTITIONS,
    classicMemberMetadata: null,
  };
}

/** The epoch of now becomes the one before. */
export function withEpoch(member: ConsumerMember, memberEpoch: number): ConsumerMember {
  return { ...member, memberEpoch, previousMemberEpoch: member.memberEpoch };
}

/** Null where it subscribes to no pattern. */
export function regexOf(member: ConsumerMember | null): string | null {
  return member === null || member.subscribedTopicRegex === "" ? null : member.subscribedTopicRegex;
}

export function isReconciledTo(member: ConsumerMember, assignmentEpoch: number): boolean {
  return member.state === MemberState.STABLE && member.memberEpoch === assignmentEpoch;
}

/** Whether both say the same of themselves: all that the first record holds. */
export function sameMetadata(one: ConsumerMember, other: ConsumerMember): boolean {
  return (
    one === other ||
    (one.instanceId === other.instanceId &&
      one.rackId === other.rackId &&
      one.clientId === other.clientId &&
      one.clientHost === other.clientHost &&
      one.rebalanceTimeoutMs === other.rebalanceTimeoutMs &&
      one.subscribedTopicRegex === other.subscribedTopicRegex &&
      one.serverAssignor === other.serverAssignor &&
      sameNames(one.subscribedTopicNames, other.subscribedTopicNames) &&
      sameClassicMetadata(one.classicMemberMetadata, other.classicMemberMetadata))
  );
}

/** Whether both have been given the same: all that the second record holds. */
export function sameAssignment(one: ConsumerMember, other: ConsumerMember): boolean {
  return (
    one === other ||
    (one.memberEpoch === other.memberEpoch &&
      one.previousMemberEpoch === other.previousMemberEpoch &&
      one.state === other.state &&
      sameEpochPartitions(one.assignedPartitions, other.assignedPartitions) &&
      sameEpochPartitions(one.partitionsPendingRevocation, other.partitionsPendingRevocation))
  );
}

export function sameEpochPartitions(one: EpochPartitions, other: EpochPartitions): boolean {
  if (one === other) return true;
  if (one.size !== other.size) return false;
  for (const [topicId, partitions] of one) {
    const others = other.get(topicId);
    if (others === undefined || others.size !== partitions.size) return false;
    for (const [partition, epoch] of partitions) {
      if (others.get(partition) !== epoch) return false;
    }
  }
  return true;
}

/** Both sorted. */
export function sameNames(one: readonly string[], other: readonly string[]): boolean {
  if (one === other) return true;
  return one.length === other.length && one.every((name, index) => name === other[index]);
}

export function sortedNames(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}

/** Topics with their partitions, as requests and responses write them. */
export interface OwnedPartitions {
  readonly topicId: string;
  readonly partitions: readonly number[];
}

export function plainPartitions(partitions: EpochPartitions): OwnedPartitions[] {
  return [...partitions].map(([topicId, epochs]) => ({
    topicId,
    partitions: [...epochs.keys()].sort((one, other) => one - other),
  }));
}

function sameClassicMetadata(
  one: ClassicMemberMetadata | null,
  other: ClassicMemberMetadata | null,
): boolean {
  if (one === null || other === null) return one === other;
  return (
    one.sessionTimeoutMs === other.sessionTimeoutMs &&
    one.supportedProtocols.length === other.supportedProtocols.length &&
    one.supportedProtocols.every(({ name, metadata }, index) => {
      const same = other.supportedProtocols[index]!;
      return name === same.name && metadata.equals(same.metadata);
    })
  );
}
