/**
 * A share group (KIP-932), whose members may be given the same partitions: it is Empty, or Stable.
 *
 * Invariants: `subscriptions` counts over the members that there are; a partition is assigned only
 * when its state has been initialised with the share coordinator (share-state-topics.ts).
 */
import { NO_PARTITIONS, type TopicPartitions } from "./assignor.ts";
import { add } from "./consumer-group.ts";
import { sameNames } from "./consumer-member.ts";
import { EpochGroup } from "./epoch-group.ts";
import { NO_STATE_TOPICS, type StateTopics } from "./share-state-topics.ts";

export const SHARE_PROTOCOL_TYPE = "share";

export type ShareGroupState = "Empty" | "Stable";

/** As its two records say: what it told of itself, and what it has. A change makes a new one. */
export interface ShareMember {
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly previousMemberEpoch: number;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** Sorted, each once. */
  readonly subscribedTopicNames: readonly string[];
  readonly assignedPartitions: TopicPartitions;
}

export class ShareGroup extends EpochGroup<ShareMember, TopicPartitions> {
  /** How many members name a topic. */
  readonly subscriptions = new Map<string, number>();
  /** What the share coordinator keeps for the group; null where no record says anything. */
  stateTopics: StateTopics | null = null;

  /** As of which all that has a state is assigned: most heartbeats need not look again. */
  assignedAsOf: { readonly stateTopics: StateTopics | null; readonly epoch: number } | null = null;

  get state(): ShareGroupState {
    return this.isEmpty ? "Empty" : "Stable";
  }

  /** Topics of which the share coordinator keeps the state. */
  get knownTopics(): StateTopics {
    return this.stateTopics ?? NO_STATE_TOPICS;
  }

  isSubscribedTo(topicName: string): boolean {
    return this.subscriptions.has(topicName);
  }

  targetOf(memberId: string): TopicPartitions {
    return this.targetAssignment.get(memberId) ?? NO_PARTITIONS;
  }

  /** The topics, with `updated` in the place of `member`, and how many members name them. */
  subscriptionsAfter(member: ShareMember, updated: ShareMember | null): Map<string, number> {
    const counts = new Map(this.subscriptions);
    for (const name of member.subscribedTopicNames) add(counts, name, -1);
    for (const name of updated?.subscribedTopicNames ?? []) add(counts, name, 1);
    return counts;
  }

  // ---- Changed by records alone --------------------------------------------------------------

  /** In place of the member of the same id. */
  putMember(member: ShareMember): void {
    this.#count(this.members.get(member.memberId), -1);
    this.members.set(member.memberId, member);
    this.#count(member, 1);
  }

  removeMember(memberId: string): void {
    this.#count(this.members.get(memberId), -1);
    this.members.delete(memberId);
    this.cancelTimers(memberId);
  }

  #count(member: ShareMember | undefined, difference: 1 | -1): void {
    for (const name of member?.subscribedTopicNames ?? []) {
      add(this.subscriptions, name, difference);
    }
  }
}

export function newShareMember(memberId: string): ShareMember {
  return {
    memberId,
    memberEpoch: 0,
    previousMemberEpoch: -1,
    rackId: null,
    clientId: "",
    clientHost: "",
    subscribedTopicNames: [],
    assignedPartitions: NO_PARTITIONS,
  };
}

/** Whether both say the same of themselves: all that the first record holds. */
export function sameShareMetadata(one: ShareMember, other: ShareMember): boolean {
  return (
    one.rackId === other.rackId &&
    one.clientId === other.clientId &&
    one.clientHost === other.clientHost &&
    sameNames(one.subscribedTopicNames, other.subscribedTopicNames)
  );
}
