/**
 * All partitions that have a replica on this node, found by the name or the id of their topic.
 *
 *   byName: topic -> [partition 0, 1, 2 ...]      byId: the same objects
 */
import { assert } from "../base/assert.ts";
import type { Partition } from "./partition.ts";
import { TopicStats } from "./topic-stats.ts";

class TopicPartitions {
  readonly stats = new TopicStats();
  readonly #partitions: (Partition | undefined)[] = [];

  constructor(
    readonly name: string,
    readonly id: string,
  ) {}

  /** Null when the topic has no such partition, or not here. */
  partition(index: number): Partition | null {
    return this.#partitions[index] ?? null;
  }

  add(partition: Partition): void {
    assert(this.#partitions[partition.index] === undefined, "a partition is added once");
    this.#partitions[partition.index] = partition;
    partition.stats = this.stats;
  }

  /** It is no replica of this node any more. */
  remove(index: number): void {
    this.#partitions[index] = undefined;
  }

  *[Symbol.iterator](): IterableIterator<Partition> {
    for (const partition of this.#partitions) if (partition !== undefined) yield partition;
  }
}

export class Partitions {
  readonly #byName = new Map<string, TopicPartitions>();
  readonly #byId = new Map<string, TopicPartitions>();
  /** Of topics that are gone. */
  readonly #formerStats = new TopicStats();

  topics(): Iterable<TopicPartitions> {
    return this.#byId.values();
  }

  /** Of all topics that there are and were. */
  totalStats(): TopicStats {
    const total = new TopicStats();
    total.add(this.#formerStats);
    for (const { stats } of this.#byId.values()) total.add(stats);
    return total;
  }

  topicByName(name: string): TopicPartitions | null {
    return this.#byName.get(name) ?? null;
  }

  topicById(id: string): TopicPartitions | null {
    return this.#byId.get(id) ?? null;
  }

  find(topic: string, index: number): Partition | null {
    return this.#byName.get(topic)?.partition(index) ?? null;
  }

  /** The entry of a topic, made when it is new. */
  ensureTopic(name: string, id: string): TopicPartitions {
    const known = this.#byId.get(id);
    if (known !== undefined) return known;
    assert(!this.#byName.has(name), `topic ${name} was removed before it came back`);
    const topic = new TopicPartitions(name, id);
    this.#byName.set(name, topic);
    this.#byId.set(id, topic);
    return topic;
  }

  removeTopic(id: string): TopicPartitions | null {
    const topic = this.#byId.get(id);
    if (topic === undefined) return null;
    this.#formerStats.add(topic.stats);
    this.#byId.delete(id);
    this.#byName.delete(topic.name);
    return topic;
  }

  *[Symbol.iterator](): IterableIterator<Partition> {
    for (const topic of this.#byId.values()) yield* topic;
  }
}
