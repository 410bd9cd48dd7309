/**
 * One partition of a topic for one share group, on the node that leads it.
 *
 *   empty --initialize--> initializing --+--> active --fence--> fenced
 *                                        `--> failed
 *
 * Members acquire records and acknowledge them; what they say is written before they are answered.
 * A member has an acquired record until it acknowledges it, leaves, or takes too long.
 *
 * Invariants: while `isFetching` one fetch alone reads from here, so that no record is read for
 * two; one that is not active acquires nothing; `changed` moves whenever a waiting fetch may find
 * something here.
 */
import { assert } from "../../base/assert.ts";
import { Signal } from "../../base/signal.ts";
import type { Clock } from "../../base/world.ts";
import type { Deadline, Deadlines } from "../../coordinator/deadlines.ts";
import type {
  ShareStateBatch,
  SharePartitionKey,
  ShareStatePersister,
} from "../../coordinator/share/persister.ts";
import type { AbortedTransaction } from "../../log/transaction-index.ts";
import type { Partition } from "../../partition/partition.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import {
  type AcknowledgedBatch,
  Acknowledging,
  giveBack,
  joinKept,
  nextExpiry,
  releaseExpired,
} from "./acknowledging.ts";
import { acquire, type Acquired, NOTHING_ACQUIRED } from "./acquisition.ts";
import { archiveAborted, moveStartTo } from "./archiving.ts";
import { abortedRanges, type FetchedBatch } from "./fetched-batches.ts";
import { InFlightRecords } from "./in-flight-records.ts";
import type { OffsetRange } from "./offset-range.ts";
import { firstOffsetFor } from "./offset-reset.ts";
import { persisterError } from "./persister-error.ts";
import { type ShareError, shareError } from "./share-error.ts";
import type { ShareGroupLimits } from "./share-group-limits.ts";

type Status = "empty" | "initializing" | "active" | "failed" | "fenced";

export interface SharePartitionOptions {
  readonly key: SharePartitionKey;
  readonly partition: Partition;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly persister: ShareStatePersister;
  /** They may change while the node runs. */
  readonly limits: ShareGroupLimits;
  /** share.auto.offset.reset of the group. */
  readonly offsetReset: () => string;
}

export interface AcquireRequest {
  readonly memberId: string;
  readonly isStrict: boolean;
  readonly batchSize: number;
  readonly recordsMax: number;
  readonly fetchOffset: number;
  /** Null where records of aborted transactions are wanted, too. */
  readonly abortedTransactions: readonly AbortedTransaction[] | null;
}

export class SharePartition {
  readonly changed = new Signal();
  readonly partition: Partition;
  /** Under which what it writes is taken. */
  readonly leaderEpoch: number;
  /** Records that were taken from members that took too long. */
  expiredCount = 0;
  /** A fetch reads for a member just now. */
  isFetching = false;
  readonly #options: SharePartitionOptions;
  readonly #records = new InFlightRecords();
  readonly #expiry: Deadline;
  #status: Status = "empty";
  #stateEpoch = 0;

  constructor(options: SharePartitionOptions) {
    this.#options = options;
    this.partition = options.partition;
    this.leaderEpoch = options.partition.leaderEpoch;
    this.#expiry = options.deadlines.create(() => this.#releaseExpired());
  }

  get key(): SharePartitionKey {
    return this.#options.key;
  }

  get isActive(): boolean {
    return this.#status === "active";
  }

  get isNew(): boolean {
    return this.#status === "empty";
  }

  get startOffset(): number {
    return this.#records.startOffset;
  }

  get endOffset(): number {
    return this.#records.endOffset;
  }

  /** Offsets from the first in flight to the last. */
  get inFlightCount(): number {
    return this.#records.inFlightCount;
  }

  get inFlightBatchCount(): number {
    return this.#records.batches.count;
  }

  nextFetchOffset(): number {
    return this.#records.nextFetchOffset();
  }

  /** Records to be had again, or room for new ones. */
  mayAcquire(): boolean {
    if (!this.isActive) return false;
    if (this.nextFetchOffset() !== this.endOffset + 1) return true;
    const { recordLocksMax } = this.#options.limits;
    if (this.inFlightCount < recordLocksMax) return true;
    // In Kafka only an acknowledgement moves the start on, and here there is none to be expected.
    this.#records.moveStart();
    return this.inFlightCount < recordLocksMax;
  }

  /** Reads what was kept of it; null when it is ready, else why it is not. */
  async initialize(): Promise<ShareError | null> {
    assert(this.isNew, "a share partition is initialized once");
    this.#status = "initializing";
    const error = await this.#load();
    if (this.#status === "initializing") this.#status = error === null ? "active" : "failed";
    this.changed.move();
    return error;
  }

  /** For one that fetches alone: see `isFetching`. */
  acquire(batches: readonly FetchedBatch[], request: AcquireRequest): Acquired {
    if (!this.isActive) return NOTHING_ACQUIRED;
    const limits = this.#limits();
    const lockedUntilMs = this.#nowMs + limits.recordLockDurationMs;
    const acquired = acquire(this.#records, batches, { ...request, limits, lockedUntilMs });
    if (acquired.count > 0) this.#watchLocks(lockedUntilMs);
    const aborted = abortedRanges(batches, request.abortedTransactions ?? []);
    return aborted.length === 0 ? acquired : this.#withoutAborted(acquired, aborted);
  }

  /** Takes back what was acquired for an answer that is not sent. */
  giveBack(memberId: string, ranges: readonly OffsetRange[]): void {
    giveBack(this.#records, memberId, ranges);
    this.changed.move();
  }

  /** Null when all of it counts and is written, else why nothing of it does. */
  acknowledge(
    memberId: string,
    batches: readonly AcknowledgedBatch[],
  ): Promise<ShareError | null> | ShareError | null {
    const acknowledging = this.#acknowledging(memberId);
    const error = acknowledging.acknowledge(batches);
    if (error === null) return this.#commit(acknowledging);
    acknowledging.settle(false);
    return error;
  }

  /** The member has left. */
  releaseAcquired(memberId: string): Promise<ShareError | null> | null {
    const acknowledging = this.#acknowledging(memberId);
    acknowledging.release();
    return this.#commit(acknowledging);
  }

  /** Records before it are gone from the log. */
  logStartMoved(logStartOffset: number): void {
    moveStartTo(this.#records, logStartOffset);
  }

  /** Another node leads, or will read its state anew: it serves nobody any more. */
  fence(): void {
    this.#status = "fenced";
    this.#expiry.cancel();
    this.changed.move();
  }

  /** As they are now; each look at the setting itself costs something. */
  #limits(): ShareGroupLimits {
    return { ...this.#options.limits };
  }

  get #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }

  async #load(): Promise<ShareError | null> {
    const { key, persister, offsetReset, clock } = this.#options;
    const kept = await persister.readState(key, this.leaderEpoch);
    if (kept.errorCode !== ErrorCode.NONE) return persisterError(kept);
    const isNew = kept.startOffset === NO_OFFSET;
    const found = isNew
      ? await firstOffsetFor(this.partition, this.leaderEpoch, offsetReset(), clock.wallMs())
      : kept.startOffset;
    if (typeof found !== "number") return found;
    this.#stateEpoch = kept.stateEpoch;
    if (this.#records.load(found, kept.stateBatches)) return null;
    const { groupId, partition } = key;
    return shareError(
      ErrorCode.UNKNOWN_SERVER_ERROR,
      `Failed to initialize the share partition ${groupId}-${this.partition.topic}-${partition}`,
    );
  }

  #withoutAborted(acquired: Acquired, aborted: readonly OffsetRange[]): Acquired {
    const ranges = archiveAborted(this.#records, acquired.ranges, aborted);
    let count = 0;
    for (const { firstOffset, lastOffset } of ranges) count += lastOffset - firstOffset + 1;
    return { ranges, count };
  }

  #acknowledging(memberId: string): Acknowledging {
    return new Acknowledging(this.#records, memberId, this.#limits(), () => this.#nowMs);
  }

  #commit(acknowledging: Acknowledging): Promise<ShareError | null> | null {
    const { changes } = acknowledging;
    return changes.length === 0 ? null : this.#writeChanges(acknowledging);
  }

  async #writeChanges(acknowledging: Acknowledging): Promise<ShareError | null> {
    const error = await this.#write(acknowledging.changes.map(({ kept }) => kept));
    acknowledging.settle(error === null);
    // Where it was not written, locks may be over, and records be given up.
    this.#records.moveStart();
    if (error !== null) this.#watchLocks(nextExpiry(this.#records, this.#nowMs));
    this.changed.move();
    return error;
  }

  /** Null when it is kept. */
  async #write(stateBatches: readonly ShareStateBatch[]): Promise<ShareError | null> {
    const { key, persister } = this.#options;
    const { startOffset, doneCount } = this.#records;
    const result = await persister.writeState(key, {
      stateEpoch: this.#stateEpoch,
      leaderEpoch: this.leaderEpoch,
      startOffset,
      deliveryCompleteCount: doneCount,
      stateBatches: joinKept(stateBatches),
    });
    return result.errorCode === ErrorCode.NONE ? null : persisterError(result);
  }

  #watchLocks(untilMs: number): void {
    if (this.#status === "fenced" || untilMs === Infinity) return;
    if (untilMs < this.#expiry.dueMs) this.#expiry.set(untilMs - this.#nowMs);
  }

  /** Free at once, whether that can be written or not. */
  #releaseExpired(): void {
    const nowMs = this.#nowMs;
    const kept = releaseExpired(this.#records, this.#limits(), nowMs);
    this.#watchLocks(nextExpiry(this.#records, nowMs));
    if (kept.length === 0) return;
    for (const { firstOffset, lastOffset } of kept) {
      this.expiredCount += lastOffset - firstOffset + 1;
    }
    this.changed.move();
    void this.#write(kept).then(() => {
      if (this.#records.moveStart()) this.changed.move();
    });
  }
}

/** Of what is kept: there is nothing yet. */
const NO_OFFSET = -1;
