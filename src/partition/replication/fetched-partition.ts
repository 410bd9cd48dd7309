/** One partition at a fetcher: what the leader was last asked about it, and when it is next. */
import { ZERO_UUID } from "../../base/uuid.ts";
import type { FollowerPosition } from "../follower-state.ts";
import type { Replica } from "./replica.ts";

export class FetchedPartition {
  /** What the leader's session has of it; null when it is not in the session. */
  asked: FollowerPosition | null = null;
  /** Records that are committed and not here yet; null until the leader has answered. */
  lag: number | null = null;
  /** On the monotonic clock; 0 when there is nothing to wait for. */
  retryAtMs = 0;
  /** Without an answer that it could use. */
  attemptCount = 0;
  /** Its log is being cut. */
  isSettling = false;

  constructor(
    readonly replica: Replica,
    readonly leaderEpoch: number,
  ) {}

  get isInSync(): boolean {
    return this.lag === 0;
  }

  get name(): string {
    return `${this.replica.topic}-${this.replica.index}`;
  }
}

/** The partitions of one fetcher, found as a response names them. */
export class FetchedPartitions {
  readonly #byTopicId = new Map<string, Map<number, FetchedPartition>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** By id, or by name before version 13 of Fetch. */
  findNamed(topic: string, topicId: string, index: number): FetchedPartition | null {
    if (topicId !== ZERO_UUID) return this.find(topicId, index);
    for (const partition of this) {
      if (partition.replica.topic === topic && partition.replica.index === index) return partition;
    }
    return null;
  }

  find(topicId: string, index: number): FetchedPartition | null {
    return this.#byTopicId.get(topicId)?.get(index) ?? null;
  }

  set(partition: FetchedPartition): void {
    const { topicId, index } = partition.replica;
    let topic = this.#byTopicId.get(topicId);
    if (topic === undefined) this.#byTopicId.set(topicId, (topic = new Map()));
    if (!topic.has(index)) this.#size++;
    topic.set(index, partition);
  }

  delete({ replica: { topicId, index } }: FetchedPartition): void {
    const topic = this.#byTopicId.get(topicId);
    if (topic?.delete(index) !== true) return;
    this.#size--;
    if (topic.size === 0) this.#byTopicId.delete(topicId);
  }

  *[Symbol.iterator](): IterableIterator<FetchedPartition> {
    for (const topic of this.#byTopicId.values()) yield* topic.values();
  }
}
