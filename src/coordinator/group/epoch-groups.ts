/** The groups with epochs of one protocol in a shard, and what they need beside their own state. */
import type { ClassicGroup } from "./classic-group.ts";
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

export abstract class EpochGroups<G extends { die(): void }> {
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

  remove(groupId: string): void {
    this.byId.get(groupId)?.die();
    this.byId.delete(groupId);
  }

  protected ensure(groupId: string): G {
    let group = this.byId.get(groupId);
    if (group === undefined) this.byId.set(groupId, (group = this.newGroup(groupId)));
    return group;
  }

  protected abstract newGroup(groupId: string): G;
}
