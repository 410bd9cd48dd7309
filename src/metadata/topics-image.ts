/** Topics and their partitions, by name and by id. */
import { assert } from "../base/assert.ts";
import {
  type PartitionRegistration,
  hasLeader,
  hasPreferredLeader,
  withoutElr,
} from "./partition-registration.ts";

/**
 * Partition ids are 0, 1, 2 ... so the place in the array is the id. Records of one batch may come
 * in any order: only within it there may be gaps.
 */
export interface TopicImage {
  readonly name: string;
  readonly id: string;
  readonly partitions: readonly PartitionRegistration[];
}

interface MutableTopic extends TopicImage {
  readonly partitions: PartitionRegistration[];
}

export class TopicsImage {
  readonly #byName = new Map<string, MutableTopic>();
  readonly #byId = new Map<string, MutableTopic>();
  /** Names that differ only in "." and "_", by their form with "_" alone. */
  readonly #colliding = new Map<string, Set<string>>();
  #partitionCount = 0;

  get size(): number {
    return this.#byId.size;
  }

  get partitionCount(): number {
    return this.#partitionCount;
  }

  byName(name: string): TopicImage | null {
    return this.#byName.get(name) ?? null;
  }

  byId(id: string): TopicImage | null {
    return this.#byId.get(id) ?? null;
  }

  values(): Iterable<TopicImage> {
    return this.#byId.values();
  }

  partition(topicId: string, partitionId: number): PartitionRegistration | null {
    return this.#byId.get(topicId)?.partitions[partitionId] ?? null;
  }

  /** A topic whose name would collide in metric names; may be the name itself. */
  collidingWith(name: string): string | null {
    if (!hasCollisionCharacters(name)) return null;
    const names = this.#colliding.get(unified(name));
    return names?.values().next().value ?? null;
  }

  add(name: string, id: string): void {
    assert(!this.#byName.has(name), `a new topic: ${name}`);
    assert(!this.#byId.has(id), `a new topic id: ${id}`);
    this.#insert({ name, id, partitions: [] });
  }

  remove(id: string): TopicImage {
    const topic = this.#byId.get(id);
    assert(topic !== undefined, `a known topic to remove: ${id}`);
    this.#byId.delete(id);
    this.#byName.delete(topic.name);
    this.#partitionCount -= topic.partitions.length;
    const names = this.#colliding.get(unified(topic.name));
    names?.delete(topic.name);
    if (names?.size === 0) this.#colliding.delete(unified(topic.name));
    return topic;
  }

  setPartition(topicId: string, partitionId: number, registration: PartitionRegistration): void {
    const topic = this.#byId.get(topicId);
    assert(topic !== undefined, `a known topic for partition ${partitionId}: ${topicId}`);
    if (topic.partitions[partitionId] === undefined) this.#partitionCount++;
    topic.partitions[partitionId] = registration;
  }

  /** Partitions whose eligible leader replicas were forgotten. */
  clearElr(topicId: string): number[] {
    const topic = this.#byId.get(topicId);
    assert(topic !== undefined, `a known topic: ${topicId}`);
    const changed: number[] = [];
    for (const [partitionId, registration] of topic.partitions.entries()) {
      const { eligibleLeaderReplicas, lastKnownElr } = registration;
      if (eligibleLeaderReplicas.length === 0 && lastKnownElr.length === 0) continue;
      topic.partitions[partitionId] = withoutElr(registration);
      changed.push(partitionId);
    }
    return changed;
  }

  /** A copy that changes on its own; registrations are shared. */
  clone(): TopicsImage {
    const copy = new TopicsImage();
    for (const topic of this.#byId.values()) {
      copy.#insert({ ...topic, partitions: topic.partitions.slice() });
      copy.#partitionCount += topic.partitions.length;
    }
    return copy;
  }

  #insert(topic: MutableTopic): void {
    this.#byName.set(topic.name, topic);
    this.#byId.set(topic.id, topic);
    if (!hasCollisionCharacters(topic.name)) return;
    const names = this.#colliding.get(unified(topic.name)) ?? new Set();
    this.#colliding.set(unified(topic.name), names.add(topic.name));
  }
}

export interface PartitionOfTopic {
  readonly topic: TopicImage;
  readonly partitionId: number;
  readonly registration: PartitionRegistration;
}

export function* partitionsOf(topics: TopicsImage): Iterable<PartitionOfTopic> {
  for (const topic of topics.values()) {
    for (const [partitionId, registration] of topic.partitions.entries()) {
      yield { topic, partitionId, registration };
    }
  }
}

export function* partitionsWithoutLeader(topics: TopicsImage): Iterable<PartitionOfTopic> {
  for (const partition of partitionsOf(topics)) {
    if (!hasLeader(partition.registration)) yield partition;
  }
}

export function* partitionsWithBrokerInIsr(
  topics: TopicsImage,
  brokerId: number,
): Iterable<PartitionOfTopic> {
  for (const partition of partitionsOf(topics)) {
    if (partition.registration.isr.includes(brokerId)) yield partition;
  }
}

export function* partitionsWithBrokerInElr(
  topics: TopicsImage,
  brokerId: number,
): Iterable<PartitionOfTopic> {
  for (const partition of partitionsOf(topics)) {
    if (partition.registration.eligibleLeaderReplicas.includes(brokerId)) yield partition;
  }
}

/** Partitions led by another than their first replica. */
export function* imbalancedPartitions(topics: TopicsImage): Iterable<PartitionOfTopic> {
  for (const partition of partitionsOf(topics)) {
    if (!hasPreferredLeader(partition.registration)) yield partition;
  }
}

function hasCollisionCharacters(name: string): boolean {
  return name.includes("_") || name.includes(".");
}

function unified(name: string): string {
  return name.replaceAll(".", "_");
}
