/**
 * One share partition under random work, from a seed, and what must hold of every record: who has
 * it, how often it was delivered, and that it comes no more once it is done with.
 */
import { expect } from "bun:test";
import { Deadlines } from "../../../src/coordinator/deadlines.ts";
import type { AcknowledgedBatch } from "../../../src/broker/share/acknowledging.ts";
import type { FetchedBatch } from "../../../src/broker/share/fetched-batches.ts";
import type { OffsetRange } from "../../../src/broker/share/offset-range.ts";
import { AcknowledgeType } from "../../../src/broker/share/record-state.ts";
import { SharePartition } from "../../../src/broker/share/share-partition.ts";
import type { ShareGroupLimits } from "../../../src/broker/share/share-group-limits.ts";
import type { Partition } from "../../../src/partition/partition.ts";
import type { FakeClock } from "../../sim/fake-clock.ts";
import { FakeRandom } from "../../sim/fake-random.ts";
import { MergingShareState } from "./merging-share-state.ts";

interface Known {
  readonly offset: number;
  readonly isAborted: boolean;
  /** Compaction took it. */
  isGone: boolean;
  /** Accepted, rejected or a gap, and answered so. */
  isDone: boolean;
  owner: string | null;
  lockedUntilMs: number;
  /** An acknowledgement of it was not answered yet. */
  isPending: boolean;
  /** At least so many; more may have been forgotten by a restart. */
  deliveries: number;
  isExact: boolean;
}

const MEMBERS = ["a", "b", "c"];
const ABORTED_PRODUCER = 7;

export class RandomShare {
  readonly random: FakeRandom;
  readonly state: MergingShareState;
  readonly limits: ShareGroupLimits;
  deliveredCount = 0;
  restartCount = 0;
  readonly #clock: FakeClock;
  readonly #partition: Partition;
  readonly #key = { groupId: "g", topicId: "t", partition: 0 };
  readonly #batches: FetchedBatch[] = [];
  readonly #aborted = new Set<number>();
  readonly #records = new Map<number, Known>();
  /** By the last fetch. */
  #acquired: readonly OffsetRange[] = [];
  #logStart = 0;
  #logEnd = 0;
  #share!: SharePartition;
  /** Counts lives: what one life began the next knows nothing of. */
  #life = 0;

  constructor(seed: number, partition: Partition, clock: FakeClock) {
    this.random = new FakeRandom(seed);
    this.#clock = clock;
    this.#partition = partition;
    this.state = new MergingShareState(clock, this.random.fork());
    this.limits = {
      recordLockDurationMs: 100,
      deliveryCountLimit: this.random.between(2, 6),
      recordLocksMax: this.random.between(10, 60),
      mayRenew: true,
    };
    this.#clock.await(this.state.initializeState(this.#key, 0, 0));
    this.restart();
  }

  step(): void {
    const { random } = this;
    const chance = random.below(100);
    if (chance < 20) this.append();
    else if (chance < 50) this.fetch(random.pick(MEMBERS));
    else if (chance < 78) this.acknowledge(random.pick(MEMBERS));
    else if (chance < 82) this.leave(random.pick(MEMBERS));
    else if (chance < 84) this.compact();
    else if (chance < 86) this.deleteRecords();
    else if (chance < 87) this.restart();
    else this.#clock.advance(random.below(30));
  }

  append(abortedRate = 0.1): void {
    const { random } = this;
    if (random.chance(0.1)) this.#logEnd += random.below(5);
    const baseOffset = this.#logEnd;
    const lastOffset = baseOffset + random.below(12);
    const isAborted = random.chance(abortedRate);
    this.#batches.push({
      baseOffset,
      lastOffset,
      position: 0,
      size: 100,
      producerId: isAborted ? ABORTED_PRODUCER : -1,
      isTransactional: isAborted,
      isControl: false,
      isAbort: false,
    });
    if (isAborted) this.#aborted.add(baseOffset);
    for (let offset = baseOffset; offset <= lastOffset; offset++) {
      this.#records.set(offset, { ...NEW, offset, isAborted });
    }
    this.#logEnd = lastOffset + 1;
  }

  /** Whether there was anything to be had. */
  fetch(memberId: string, recordsMax = this.random.between(1, 30)): boolean {
    const share = this.#share;
    this.#acquired = [];
    if (!share.mayAcquire()) return false;
    const fetchOffset = share.nextFetchOffset();
    if (fetchOffset < this.#logStart) {
      share.logStartMoved(this.#logStart);
      return true;
    }
    const from = this.#batches.findIndex(({ lastOffset }) => lastOffset >= fetchOffset);
    if (from === -1) return false;
    const batches = this.#batches.slice(from, from + this.random.between(1, 6));
    const isStrict = this.random.chance(0.5);
    const acquired = share.acquire(batches, {
      memberId,
      isStrict,
      batchSize: this.random.between(1, 20),
      recordsMax,
      fetchOffset,
      abortedTransactions: batches
        .filter(({ isTransactional }) => isTransactional)
        .map(({ baseOffset }) => abortedAt(baseOffset)),
    });
    this.#acquired = acquired.ranges;
    let count = 0;
    for (const { firstOffset, lastOffset, deliveryCount } of acquired.ranges) {
      for (let offset = firstOffset; offset <= lastOffset; offset++, count++) {
        this.#delivered(offset, memberId, deliveryCount);
      }
    }
    expect(acquired.count).toBe(count);
    if (isStrict) expect(count).toBeLessThanOrEqual(recordsMax);
    this.deliveredCount += count;
    return share.nextFetchOffset() !== fetchOffset || count > 0;
  }

  acknowledge(memberId: string): void {
    const own = this.#ownOf(memberId).filter(({ isGone }) => !isGone);
    if (own.length === 0) return;
    const from = this.random.below(own.length);
    let to = from;
    while (to + 1 < own.length && own[to + 1]!.offset === own[to]!.offset + 1) {
      if (this.random.chance(0.15)) break;
      to++;
    }
    const records = own.slice(from, to + 1);
    this.acknowledgeRecords(memberId, records, (random) => random.below(5));
  }

  acknowledgeRecords(
    memberId: string,
    records: readonly Known[],
    chooseType: (random: FakeRandom) => number,
  ): void {
    const first = records[0]!.offset;
    const last = records.at(-1)!.offset;
    const isEach = this.random.chance(0.4);
    const types = records.map(() => chooseType(this.random));
    const acknowledgeTypes = isEach ? types : types.slice(0, 1);
    const batch: AcknowledgedBatch = { firstOffset: first, lastOffset: last, acknowledgeTypes };
    const typeOf = (index: number): number => acknowledgeTypes[isEach ? index : 0]!;
    const life = this.#life;
    const answer = this.#share.acknowledge(memberId, [batch]);
    const settle = (isFine: boolean): void => {
      if (life !== this.#life) return;
      written.forEach(([record, type]) => this.#settled(record, type, isFine));
    };
    const typed = records.map((record, index) => [record, typeOf(index)] as const);
    const written = typed.filter(([, type]) => type !== AcknowledgeType.RENEW);
    for (const [record] of written) record.isPending = true;
    if (answer instanceof Promise) void answer.then((error) => settle(error === null));
    else {
      // Its own, and not being written: nothing but the store may refuse it.
      expect(answer).toBeNull();
      settle(true);
    }
    // More time is not written: it holds at once.
    for (const [record, type] of typed) {
      if (type === AcknowledgeType.RENEW) this.#settled(record, type, true);
    }
    this.#expectRefused(first, last);
  }

  leave(memberId: string): void {
    const own = this.#ownOf(memberId);
    const life = this.#life;
    const answer = this.#share.releaseAcquired(memberId);
    for (const record of own) record.isPending = true;
    const settle = (isFine: boolean): void => {
      if (life !== this.#life) return;
      for (const record of own) this.#settled(record, AcknowledgeType.RELEASE, isFine);
    };
    if (answer instanceof Promise) void answer.then((error) => settle(error === null));
    else settle(true);
  }

  compact(): void {
    const index = this.random.below(Math.max(1, this.#batches.length));
    const [batch] = this.#batches.splice(index, 1);
    if (batch !== undefined) this.#lose(batch.baseOffset, batch.lastOffset);
  }

  deleteRecords(): void {
    const to = this.random.between(this.#logStart, Math.min(this.#logEnd, this.#logStart + 20));
    this.#lose(this.#logStart, to - 1);
    this.#logStart = to;
    while ((this.#batches[0]?.lastOffset ?? Infinity) < to) this.#batches.shift();
  }

  /** What was being written is written, or not; nobody has anything any more. */
  restart(): void {
    this.#clock.advance(1000);
    this.#life++;
    this.restartCount++;
    for (const record of this.#records.values()) {
      record.isPending = false;
      record.owner = null;
      record.isExact = false;
    }
    if (this.#life > 1) this.#share.fence();
    this.#share = new SharePartition({
      key: this.#key,
      partition: this.#partition,
      clock: this.#clock,
      deadlines: new Deadlines(this.#clock),
      persister: this.state,
      limits: this.limits,
      offsetReset: () => "earliest",
    });
    expect(this.#clock.await(this.#share.initialize())).toBeNull();
  }

  /** All that can be had is accepted; then each record has been delivered, and nothing is left. */
  drain(): void {
    this.state.failureRate = 0;
    // What is archived at the end stays in flight until something behind it is acknowledged.
    this.append(0);
    let quietRounds = 0;
    for (let round = 0; round < 3000 && quietRounds < 3; round++) {
      // Whatever somebody still has is free behind this.
      this.#clock.advance(150);
      const hasMore = this.fetch("a", 50);
      const batches = this.#acquired.map(({ firstOffset, lastOffset }) => ({
        firstOffset,
        lastOffset,
        acknowledgeTypes: [AcknowledgeType.ACCEPT],
      }));
      quietRounds = hasMore || batches.length > 0 ? 0 : quietRounds + 1;
      if (batches.length === 0) continue;
      const answer = this.#share.acknowledge("a", batches);
      const error = this.#clock.await(Promise.resolve(answer));
      expect(error).toBeNull();
    }
    for (const record of this.#records.values()) {
      if (record.isAborted || record.isGone) continue;
      expect([record.offset, record.deliveries > 0]).toEqual([record.offset, true]);
    }
    const { startOffset, endOffset, inFlightCount } = this.#share;
    expect(inFlightCount).toBe(0);
    expect(endOffset).toBe(startOffset);
    expect(this.#batches.every(({ lastOffset }) => lastOffset < startOffset)).toBe(true);
  }

  #delivered(offset: number, memberId: string, deliveryCount: number): void {
    const record = this.#records.get(offset);
    // An offset that the log never had may be handed out between others: clients skip it.
    if (record === undefined) return;
    const nowMs = this.#clock.monotonicMs();
    expect(record.isDone ? `${offset} is done` : "").toBe("");
    expect(record.isAborted && !record.isGone ? `${offset} is aborted` : "").toBe("");
    expect(record.isPending ? `${offset} is being written` : "").toBe("");
    const isHeld = record.owner !== null && record.lockedUntilMs > nowMs;
    expect(isHeld ? `${offset} is ${record.owner}'s` : "").toBe("");
    if (record.isExact) expect([offset, deliveryCount]).toEqual([offset, record.deliveries + 1]);
    expect(deliveryCount).toBeLessThanOrEqual(this.limits.deliveryCountLimit);
    record.owner = memberId;
    record.lockedUntilMs = nowMs + this.limits.recordLockDurationMs;
    record.deliveries = Math.max(record.deliveries, deliveryCount);
    record.isExact = record.deliveries === deliveryCount;
  }

  #settled(record: Known, type: number, isFine: boolean): void {
    record.isPending = false;
    if (!isFine) return;
    if (type === AcknowledgeType.RENEW) {
      record.lockedUntilMs = this.#clock.monotonicMs() + this.limits.recordLockDurationMs;
    } else {
      record.owner = null;
      if (type !== AcknowledgeType.RELEASE) record.isDone = true;
    }
  }

  #ownOf(memberId: string): Known[] {
    const nowMs = this.#clock.monotonicMs();
    return [...this.#records.values()].filter(
      ({ owner, lockedUntilMs, isPending }) =>
        owner === memberId && lockedUntilMs > nowMs && !isPending,
    );
  }

  /** Somebody who has none of them. */
  #expectRefused(firstOffset: number, lastOffset: number): void {
    if (firstOffset < this.#share.startOffset) return;
    const batch = { firstOffset, lastOffset, acknowledgeTypes: [AcknowledgeType.ACCEPT] };
    const error = this.#share.acknowledge("nobody", [batch]);
    expect(error === null || error instanceof Promise ? "accepted" : "refused").toBe("refused");
  }

  #lose(firstOffset: number, lastOffset: number): void {
    for (let offset = firstOffset; offset <= lastOffset; offset++) {
      const record = this.#records.get(offset);
      if (record !== undefined) record.isGone = true;
    }
  }
}

function abortedAt(firstOffset: number) {
  return {
    producerId: ABORTED_PRODUCER,
    firstOffset,
    lastOffset: firstOffset,
    lastStableOffset: 0,
  };
}

const NEW: Known = {
  offset: -1,
  isAborted: false,
  isGone: false,
  isDone: false,
  owner: null,
  lockedUntilMs: 0,
  isPending: false,
  deliveries: 0,
  isExact: true,
};
