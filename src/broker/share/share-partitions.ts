/**
 * The share partitions of this node: by group, topic and index.
 *
 * One is made when the first member of its group fetches from it, and goes when the node leads the
 * partition no more, when its state turns out to be somebody else's, or when the group has left.
 * What is made anew reads what was written.
 */
import { LinkedNode } from "../../base/linked-list.ts";
import type { Waker } from "../../base/signal.ts";
import type { Clock } from "../../base/world.ts";
import type { Partition } from "../../partition/partition.ts";
import type { SharePartition } from "./share-partition.ts";
import { keyOf, type SharePartitionName } from "./share-sessions.ts";

interface Entry {
  readonly sharePartition: SharePartition;
  /** In the partition's `readable`: it moves when the leader changes. */
  readonly node: LinkedNode<Waker>;
}

export class SharePartitions {
  readonly #clock: Clock;
  readonly #groups = new Map<string, Map<string, Entry>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  find(groupId: string, name: SharePartitionName): SharePartition | null {
    const found = this.#groups.get(groupId)?.get(keyOf(name))?.sharePartition ?? null;
    if (found === null || found.partition.isLeader) return found;
    this.remove(found);
    return null;
  }

  add(sharePartition: SharePartition): void {
    const { partition, key } = sharePartition;
    const wake = (): void => {
      if (!partition.isLeader) this.#clock.afterTurn(() => this.remove(sharePartition));
    };
    const node = new LinkedNode<Waker>({ wake });
    partition.readable.join(node);
    const group = this.#groups.get(key.groupId) ?? new Map<string, Entry>();
    this.#groups.set(key.groupId, group.set(nameOf(sharePartition), { sharePartition, node }));
  }

  /** Whoever has it finds it fenced. */
  remove(sharePartition: SharePartition): void {
    const { groupId } = sharePartition.key;
    const group = this.#groups.get(groupId);
    const entry = group?.get(nameOf(sharePartition));
    if (group === undefined || entry?.sharePartition !== sharePartition) return;
    group.delete(nameOf(sharePartition));
    if (group.size === 0) this.#groups.delete(groupId);
    sharePartition.partition.readable.leave(entry.node);
    sharePartition.fence();
  }

  removeGroup(groupId: string): void {
    const entries = [...(this.#groups.get(groupId)?.values() ?? [])];
    for (const { sharePartition } of entries) this.remove(sharePartition);
  }

  clear(): void {
    for (const groupId of [...this.#groups.keys()]) this.removeGroup(groupId);
  }

  *[Symbol.iterator](): IterableIterator<SharePartition> {
    for (const group of this.#groups.values()) {
      for (const { sharePartition } of group.values()) yield sharePartition;
    }
  }
}

function nameOf({ key, partition }: { key: SharePartition["key"]; partition: Partition }): string {
  return keyOf({ ...key, topic: partition.topic });
}
