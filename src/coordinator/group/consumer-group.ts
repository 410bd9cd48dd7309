/**
 * A group of the consumer protocol (KIP-848):
 *
 *   Empty ──▶ Assigning ──▶ Reconciling ──▶ Stable
 *             group epoch    a member is     all members have what
 *             is ahead       behind          the target gives them
 *
 * Invariants: every count is over the members that there are; `#partitionEpochs` names a partition
 * exactly while a member has it or is about to give it back, so a partition has one owner.
 */
import type { Deadline } from "../deadlines.ts";
import { NO_PARTITIONS, type TopicPartitions } from "./assignor.ts";
import {
  type ConsumerMember,
  type EpochPartitions,
  isReconciledTo,
  regexOf,
} from "./consumer-member.ts";
import { EpochGroup } from "./epoch-group.ts";

export type ConsumerGroupState = "Empty" | "Assigning" | "Reconciling" | "Stable";

/** Of a topic: members that name it, and patterns that match it. */
export interface SubscriptionCount {
  readonly byName: number;
  readonly byRegex: number;
}

export interface ResolvedRegex {
  /** Sorted, each once. */
  readonly topics: readonly string[];
  /** Of the metadata that it was matched against. */
  readonly version: number;
  readonly timestampMs: number;
}

export const NO_OWNER = -1;

export class ConsumerGroup extends EpochGroup<ConsumerMember, TopicPartitions> {
  /** Member id by instance id. */
  readonly staticMembers = new Map<string, string>();
  readonly subscriptions = new Map<string, SubscriptionCount>();
  /** How many members subscribe to a pattern. */
  readonly regexMemberCounts = new Map<string, number>();
  readonly resolvedRegexes = new Map<string, ResolvedRegex>();
  /** A record of releases before 4.1 is there, and is to be deleted. */
  hasPartitionMetadata = false;
  classicMemberCount = 0;
  /** How many classic members support a protocol. */
  readonly classicProtocolCounts = new Map<string, number>();
  readonly #assignorCounts = new Map<string, number>();
  readonly #partitionEpochs = new Map<string, Map<number, number>>();
  /** Patterns are being matched against all topics at this time. */
  regexesInWork: Deadline | null = null;

  /** Looks at all members: for those who describe the group. */
  get state(): ConsumerGroupState {
    if (this.members.size === 0) return "Empty";
    if (this.groupEpoch > this.assignmentEpoch) return "Assigning";
    for (const member of this.members.values()) {
      if (!isReconciledTo(member, this.assignmentEpoch)) return "Reconciling";
    }
    return "Stable";
  }

  isSubscribedTo(topicName: string): boolean {
    return this.subscriptions.has(topicName);
  }

  staticMember(instanceId: string): ConsumerMember | null {
    const memberId = this.staticMembers.get(instanceId);
    return memberId === undefined ? null : (this.members.get(memberId) ?? null);
  }

  targetOf(memberId: string): TopicPartitions {
    return this.targetAssignment.get(memberId) ?? NO_PARTITIONS;
  }

  /** A static member that comes back takes over what its former self was given. */
  targetOfMember({ memberId, instanceId }: ConsumerMember): TopicPartitions {
    if (instanceId === null) return this.targetOf(memberId);
    const current = this.staticMembers.get(instanceId);
    return current === undefined ? NO_PARTITIONS : this.targetOf(current);
  }

  /** Epoch of the member that has the partition; NO_OWNER where nobody has. */
  partitionEpoch(topicId: string, partition: number): number {
    return this.#partitionEpochs.get(topicId)?.get(partition) ?? NO_OWNER;
  }

  /**
   * The assignor that most members ask for, if `updated` were in the place of `member`. Between
   * equals the one that nobody else asks for comes first, as Kafka's maps happen to be walked.
   */
  preferredAssignor(
    member: ConsumerMember | null = null,
    updated: ConsumerMember | null = null,
  ): string | null {
    const counts = new Map(this.#assignorCounts);
    if (member?.serverAssignor) add(counts, member.serverAssignor, -1);
    const own = updated?.serverAssignor ?? null;
    const isAlone = own !== null && !counts.has(own);
    if (own !== null) add(counts, own, 1);
    let best: string | null = null;
    for (const name of [...counts.keys()].sort().reverse()) {
      const difference = counts.get(name)! - (best === null ? 0 : counts.get(best)!);
      if (difference > 0 || (difference === 0 && isAlone && name === own)) best = name;
    }
    return best;
  }

  /** Whether one of the protocols is supported by all members that speak the classic protocol. */
  supportsClassicProtocols(protocolType: string, names: readonly string[]): boolean {
    if (protocolType !== "consumer") return false;
    if (this.isEmpty) return names.length > 0;
    return names.some(
      (name) => (this.classicProtocolCounts.get(name) ?? 0) === this.classicMemberCount,
    );
  }

  // ---- Changed by records alone --------------------------------------------------------------

  /** In place of the member of the same id. */
  putMember(member: ConsumerMember): void {
    const former = this.members.get(member.memberId) ?? null;
    this.members.set(member.memberId, member);
    // Most changes leave the subscription as it is, which may name thousands of topics.
    if (former?.subscribedTopicNames !== member.subscribedTopicNames) {
      this.#countTopics(former, -1);
      this.#countTopics(member, 1);
    }
    this.#count(former, -1);
    this.#count(member, 1);
    if (member.instanceId !== null) this.staticMembers.set(member.instanceId, member.memberId);
  }

  removeMember(memberId: string): void {
    const former = this.members.get(memberId);
    if (former === undefined) return;
    this.members.delete(memberId);
    this.#countTopics(former, -1);
    this.#count(former, -1);
    const { instanceId } = former;
    if (instanceId !== null && this.staticMembers.get(instanceId) === memberId) {
      this.staticMembers.delete(instanceId);
    }
    this.cancelTimers(memberId);
  }

  putResolvedRegex(regex: string, resolved: ResolvedRegex): void {
    this.removeResolvedRegex(regex);
    this.resolvedRegexes.set(regex, resolved);
    for (const topic of resolved.topics) countTopic(this.subscriptions, topic, 0, 1);
  }

  removeResolvedRegex(regex: string): void {
    const resolved = this.resolvedRegexes.get(regex);
    if (resolved === undefined) return;
    this.resolvedRegexes.delete(regex);
    for (const topic of resolved.topics) countTopic(this.subscriptions, topic, 0, -1);
  }

  override die(): void {
    super.die();
    this.regexesInWork?.cancel();
    this.regexesInWork = null;
  }

  #countTopics(member: ConsumerMember | null, difference: 1 | -1): void {
    for (const topic of member?.subscribedTopicNames ?? []) {
      countTopic(this.subscriptions, topic, difference, 0);
    }
  }

  #count(member: ConsumerMember | null, difference: 1 | -1): void {
    if (member === null) return;
    const regex = regexOf(member);
    if (regex !== null) add(this.regexMemberCounts, regex, difference);
    if (member.serverAssignor !== null) {
      add(this.#assignorCounts, member.serverAssignor, difference);
    }
    if (member.classicMemberMetadata !== null) {
      this.classicMemberCount += difference;
      for (const { name } of member.classicMemberMetadata.supportedProtocols) {
        add(this.classicProtocolCounts, name, difference);
      }
    }
    const { assignedPartitions, partitionsPendingRevocation, memberEpoch } = member;
    for (const partitions of [assignedPartitions, partitionsPendingRevocation]) {
      if (difference === 1) this.#own(partitions, memberEpoch);
      else this.#release(partitions, memberEpoch);
    }
  }

  #own(partitions: EpochPartitions, memberEpoch: number): void {
    for (const [topicId, numbers] of partitions) {
      let epochs = this.#partitionEpochs.get(topicId);
      if (epochs === undefined) this.#partitionEpochs.set(topicId, (epochs = new Map()));
      for (const partition of numbers.keys()) {
        // Where a compacted log names two owners for a while, the later one has it.
        const epoch = epochs.get(partition);
        if (epoch === undefined || epoch < memberEpoch) epochs.set(partition, memberEpoch);
      }
    }
  }

  #release(partitions: EpochPartitions, memberEpoch: number): void {
    for (const [topicId, numbers] of partitions) {
      const epochs = this.#partitionEpochs.get(topicId);
      if (epochs === undefined) continue;
      for (const partition of numbers.keys()) {
        if (epochs.get(partition) === memberEpoch) epochs.delete(partition);
      }
      if (epochs.size === 0) this.#partitionEpochs.delete(topicId);
    }
  }
}

/** Counts that would come to nothing are left out of the map. */
export function add(counts: Map<string, number>, key: string, difference: number): void {
  const count = (counts.get(key) ?? 0) + difference;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}

export function countTopic(
  counts: Map<string, SubscriptionCount>,
  topicName: string,
  byNameDifference: number,
  byRegexDifference: number,
): void {
  const count = counts.get(topicName);
  const byName = (count?.byName ?? 0) + byNameDifference;
  const byRegex = (count?.byRegex ?? 0) + byRegexDifference;
  if (byName <= 0 && byRegex <= 0) counts.delete(topicName);
  else counts.set(topicName, { byName, byRegex });
}
