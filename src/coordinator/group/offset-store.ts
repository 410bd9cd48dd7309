/**
 * Committed offsets of the groups of one shard, and those that open transactions are about to
 * commit.
 *
 *   committed  group ─▶ topic ─▶ partition ─▶ offset
 *   pending    producer ─▶ the same            (moved to `committed`, or dropped, by its marker)
 *   open       group ─▶ topic ─▶ partition ─▶ producers with something pending
 *
 * Invariants: `open` names a producer for a partition exactly while `pending` has an offset of it;
 * no map in any of them is empty. Changed by records and markers of the log only.
 */
import { NO_PRODUCER_ID } from "../../protocol/record-batch.ts";
import type { OffsetCommitRecord } from "./group-records.ts";

/** What is known of one partition. A negative `leaderEpoch` or `expireTimestampMs`: none. */
export interface CommittedOffset {
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly commitTimestampMs: number;
  readonly expireTimestampMs: number;
  readonly topicId: string;
  /** Where the record lies in the log: the later of two commits wins, however they came about. */
  readonly recordOffset: number;
}

export type TopicOffsets<T> = Map<string, Map<number, T>>;

/** Something for each partition, by group, topic and partition. */
class OffsetTable<T> {
  readonly byGroup = new Map<string, TopicOffsets<T>>();

  ofGroup(group: string): TopicOffsets<T> | undefined {
    return this.byGroup.get(group);
  }

  get(group: string, topic: string, partition: number): T | undefined {
    return this.byGroup.get(group)?.get(topic)?.get(partition);
  }

  put(group: string, topic: string, partition: number, value: T): void {
    let topics = this.byGroup.get(group);
    if (topics === undefined) this.byGroup.set(group, (topics = new Map()));
    let partitions = topics.get(topic);
    if (partitions === undefined) topics.set(topic, (partitions = new Map()));
    partitions.set(partition, value);
  }

  remove(group: string, topic: string, partition: number): void {
    const topics = this.byGroup.get(group);
    const partitions = topics?.get(topic);
    if (topics === undefined || partitions === undefined) return;
    partitions.delete(partition);
    if (partitions.size === 0) topics.delete(topic);
    if (topics.size === 0) this.byGroup.delete(group);
  }

  *all(): IterableIterator<[group: string, topic: string, partition: number, value: T]> {
    for (const [group, topics] of this.byGroup) {
      for (const [topic, partitions] of topics) {
        for (const [partition, value] of partitions) yield [group, topic, partition, value];
      }
    }
  }
}

export class OffsetStore {
  readonly committed = new OffsetTable<CommittedOffset>();
  readonly pending = new Map<number, OffsetTable<CommittedOffset>>();
  readonly open = new OffsetTable<Set<number>>();

  /** `producerId` is NO_PRODUCER_ID where the record belongs to no transaction. */
  apply(record: OffsetCommitRecord, recordOffset: number, producerId: number): void {
    const { group, topic, partition, value } = record;
    if (value === null) {
      this.#forget(group, topic, partition);
      return;
    }
    const offset: CommittedOffset = {
      offset: value.offset,
      leaderEpoch: value.leaderEpoch,
      metadata: value.metadata,
      commitTimestampMs: value.commitTimestamp,
      expireTimestampMs: value.expireTimestamp,
      topicId: value.topicId,
      recordOffset,
    };
    if (producerId === NO_PRODUCER_ID) this.committed.put(group, topic, partition, offset);
    else this.#putPending(producerId, group, topic, partition, offset);
  }

  /** The producer's transaction has ended here. */
  endTransaction(producerId: number, isCommitted: boolean): void {
    const pending = this.pending.get(producerId);
    if (pending === undefined) return;
    this.pending.delete(producerId);
    for (const [group, topic, partition, offset] of pending.all()) {
      const producers = this.open.get(group, topic, partition);
      producers?.delete(producerId);
      if (producers?.size === 0) this.open.remove(group, topic, partition);
      if (!isCommitted) continue;
      const current = this.committed.get(group, topic, partition);
      if (current !== undefined && current.recordOffset >= offset.recordOffset) continue;
      this.committed.put(group, topic, partition, offset);
    }
  }

  isPending(group: string, topic: string, partition: number): boolean {
    return this.open.get(group, topic, partition) !== undefined;
  }

  hasOpenTransaction(group: string): boolean {
    return this.open.ofGroup(group) !== undefined;
  }

  #putPending(
    producerId: number,
    group: string,
    topic: string,
    partition: number,
    offset: CommittedOffset,
  ): void {
    let pending = this.pending.get(producerId);
    if (pending === undefined) this.pending.set(producerId, (pending = new OffsetTable()));
    pending.put(group, topic, partition, offset);
    const producers = this.open.get(group, topic, partition);
    if (producers === undefined) this.open.put(group, topic, partition, new Set([producerId]));
    else producers.add(producerId);
  }

  #forget(group: string, topic: string, partition: number): void {
    this.committed.remove(group, topic, partition);
    for (const producerId of this.open.get(group, topic, partition) ?? []) {
      const pending = this.pending.get(producerId);
      pending?.remove(group, topic, partition);
      if (pending?.byGroup.size === 0) this.pending.delete(producerId);
    }
    this.open.remove(group, topic, partition);
  }
}
