/** The groups with epochs of one protocol in a shard, and what they need beside their own state. */
import type { ClassicGroup } from "./classic-group.ts";
import type { EpochGroup, EpochMember } from "./epoch-group.ts";
import type { GroupContext } from "./group-context.ts";
import { TopicHashes } from "./metadata-hash.ts";

/** Topics that were made, changed or deleted, by name. */
export interface TopicChanges {
  readonly names: readonly string[];
  /** Some of them are new. */
  readonly hasNew: boolean;
}

export interface GroupIds {
  has(groupId: string): boolean;
}

export abstract class EpochGroups<G extends EpochGroup<M>, M extends EpochMember> {
  /** As messages name it: "consumer". */
  protected abstract readonly protocol: string;
  /** What becomes of a member that leaves. */
  protected abstract readonly left: Partial<M>;
  readonly byId = new Map<string, G>();
  readonly hashes: TopicHashes;
  readonly context: GroupContext;
  /** The groups of the classic protocol beside these. */
  readonly classic: ReadonlyMap<string, ClassicGroup>;
  /** The ids of groups of any other protocol. */
  readonly others: GroupIds;

  constructor(context: GroupContext, classic: ReadonlyMap<string, ClassicGroup>, others: GroupIds) {
    this.context = context;
    this.classic = classic;
    this.others = others;
    this.hashes = new TopicHashes(context.topics);
  }

  get(groupId: string): G | undefined {
    return this.byId.get(groupId);
  }

  /** A group of another protocol has the id. */
  isOther(groupId: string): boolean {
    return this.classic.has(groupId) || this.others.has(groupId);
  }

  /** Why `get` has found nothing, in Kafka's words. */
  absence(groupId: string): string {
    const reason = this.isOther(groupId) ? `is not a ${this.protocol} group.` : "not found.";
    return `Group ${groupId} ${reason}`;
  }

  /** Groups that read one of the topics look at the metadata at the next heartbeat. */
  topicsChanged({ names }: TopicChanges): void {
    for (const name of names) this.hashes.forget(name);
    for (const group of this.byId.values()) {
      if (names.some((name) => this.needs(group, name))) group.requestMetadataRefresh();
    }
  }

  remove(groupId: string): void {
    this.byId.get(groupId)?.die();
    this.byId.delete(groupId);
  }

  protected ensure(groupId: string): G {
    let group = this.byId.get(groupId);
    if (group === undefined) this.byId.set(groupId, (group = this.newGroup(groupId)));
    return group;
  }

  /** Whether the target assignment goes by the metadata of the topic. */
  protected needs(group: G, topicName: string): boolean {
    return group.isSubscribedTo(topicName);
  }

  protected memberOf(group: G, memberId: string): M {
    return group.members.get(memberId) ?? this.newMember(memberId);
  }

  /** As recorded; a tombstone is of one who leaves: that of the member itself follows. */
  protected putCurrent(group: G, memberId: string, current: Partial<M> | null): void {
    if (current !== null) return group.putMember({ ...this.memberOf(group, memberId), ...current });
    const member = group.members.get(memberId);
    if (member !== undefined) group.putMember({ ...member, ...this.left });
  }

  protected abstract newGroup(groupId: string): G;

  protected abstract newMember(memberId: string): M;
}
