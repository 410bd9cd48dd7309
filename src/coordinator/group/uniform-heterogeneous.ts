/**
 * The "uniform" assignor where members read different topics: as even as the subscriptions allow,
 * and as much kept as that allows.
 *
 *   1. Members keep what they had of topics that they still read.
 *   2. Topics with the most partitions for each reader first: what nobody has goes to the readers
 *      with the least.
 *   3. Again and again over the topics: partitions move from the readers with the most to those
 *      with the least, until a round over all topics moved nothing, or for so many rounds.
 */
import type { AssignableGroup, GroupAssignment } from "./assignor.ts";
import { MemberBalancer } from "./member-balancer.ts";
import { compareUuids } from "../java-order.ts";

/** Rounds of step 3: each about halves what is uneven. */
const ROUND_COUNT_MAX = 16;
const NOBODY = -1;

export function assignHeterogeneous(group: AssignableGroup): GroupAssignment {
  return new HeterogeneousAssignment(group).build();
}

/** A topic that somebody reads. Members are numbered by their place in the group. */
interface Topic {
  readonly topicId: string;
  /** Ascending. */
  readonly readers: number[];
  /** By partition; NOBODY where there is none. */
  readonly owners: Int32Array;
}

class HeterogeneousAssignment {
  readonly #group: AssignableGroup;
  readonly #topics = new Map<string, Topic>();
  /** How many partitions each member has. */
  readonly #sizes: Int32Array;
  readonly #balancer: MemberBalancer;

  constructor(group: AssignableGroup) {
    this.#group = group;
    this.#sizes = new Int32Array(group.members.length);
    this.#balancer = new MemberBalancer(this.#sizes);
    for (const [index, { topicIds }] of group.members.entries()) {
      for (const topicId of topicIds) this.#topicOf(topicId).readers.push(index);
    }
  }

  build(): GroupAssignment {
    if (this.#topics.size === 0) return new Map();
    this.#keepAssigned();
    this.#assignUnassigned();
    this.#balance();
    return this.#assignment();
  }

  #topicOf(topicId: string): Topic {
    let topic = this.#topics.get(topicId);
    if (topic === undefined) {
      const owners = new Int32Array(this.#group.partitionCountOf(topicId)).fill(NOBODY);
      topic = { topicId, readers: [], owners };
      this.#topics.set(topicId, topic);
    }
    return topic;
  }

  #keepAssigned(): void {
    for (const [index, { topicIds, partitions }] of this.#group.members.entries()) {
      for (const [topicId, numbers] of partitions) {
        if (!topicIds.has(topicId)) continue;
        const { owners } = this.#topicOf(topicId);
        for (const partition of numbers) owners[partition] = index;
        this.#sizes[index]! += numbers.length;
      }
    }
  }

  #assignUnassigned(): void {
    const open = [...this.#topics.values()].filter(({ owners }) => owners.includes(NOBODY));
    for (const topic of open.sort(byPartitionsForEachReader)) {
      this.#balancer.begin(topic.readers);
      for (let partition = 0; partition < topic.owners.length; partition++) {
        if (topic.owners[partition] !== NOBODY) continue;
        this.#assign(topic, partition, this.#balancer.nextLeastLoaded());
      }
    }
  }

  #balance(): void {
    const topics = [...this.#topics.values()]
      .filter(({ readers }) => readers.length >= 2)
      .sort(byPartitionsForEachReader);
    // The last topic of which anything moved: back at it, there is no more to move.
    let lastMoved: Topic | null = null;
    for (let round = 0; round < ROUND_COUNT_MAX; round++) {
      for (const topic of topics) {
        if (topic === lastMoved) return;
        const movedCount = this.#balanceTopic(topic);
        if (movedCount > 0 || lastMoved === null) lastMoved = topic;
      }
    }
  }

  /** Gives back how many partitions moved. */
  #balanceTopic(topic: Topic): number {
    const balancer = this.#balancer;
    if (balancer.begin(topic.readers) <= 1) return 0;
    const owned = partitionsByOwner(topic);
    let movedCount = 0;
    while (!balancer.isBalanced) {
      const from = this.#nextGiver(owned);
      if (from === null) break;
      const partition = from.pop()!;
      const to = balancer.nextLeastLoaded();
      if (balancer.isBalanced) break;
      this.#assign(topic, partition, to);
      movedCount += 1;
    }
    return movedCount;
  }

  /** What the reader with the most, of those that have something of this topic, has of it. */
  #nextGiver(owned: ReadonlyMap<number, number[]>): number[] | null {
    for (;;) {
      const member = this.#balancer.nextMostLoaded();
      if (member === null) return null;
      const partitions = owned.get(member);
      if (partitions !== undefined && partitions.length > 0) return partitions;
      this.#balancer.excludeMostLoaded();
    }
  }

  #assign({ owners }: Topic, partition: number, member: number): void {
    const former = owners[partition]!;
    if (former !== NOBODY) this.#sizes[former]! -= 1;
    owners[partition] = member;
    this.#sizes[member]! += 1;
  }

  #assignment(): GroupAssignment {
    const { members } = this.#group;
    const all = members.map(() => new Map<string, number[]>());
    for (const { topicId, owners } of this.#topics.values()) {
      for (let partition = 0; partition < owners.length; partition++) {
        const partitions = all[owners[partition]!]!;
        const numbers = partitions.get(topicId);
        if (numbers === undefined) partitions.set(topicId, [partition]);
        else numbers.push(partition);
      }
    }
    return new Map(members.map(({ memberId }, index) => [memberId, all[index]!]));
  }
}

/** Each member's partitions of a topic, ascending. */
function partitionsByOwner({ owners }: Topic): Map<number, number[]> {
  const owned = new Map<number, number[]>();
  for (let partition = 0; partition < owners.length; partition++) {
    const owner = owners[partition]!;
    const partitions = owned.get(owner);
    if (partitions === undefined) owned.set(owner, [partition]);
    else partitions.push(partition);
  }
  return owned;
}

/** Most partitions for each reader first; then fewest readers; then the topic ids. */
function byPartitionsForEachReader(one: Topic, other: Topic): number {
  const share = other.owners.length / other.readers.length - one.owners.length / one.readers.length;
  if (share !== 0) return share;
  const readerCount = one.readers.length - other.readers.length;
  return readerCount !== 0 ? readerCount : compareUuids(one.topicId, other.topicId);
}
