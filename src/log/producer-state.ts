/**
 * What a partition knows of its producers: it recognizes duplicates, refuses gaps and old epochs,
 * and tells how far transactions are decided.
 *
 *   producers     by id
 *   ongoing       transactions without a marker yet, by first offset
 *   unreplicated  decided ones whose marker is at or above the high watermark
 *   first unstable offset = the least first offset of either
 *
 * It is a function of the log: a snapshot file and the records behind it give it back. After a
 * clean stop the snapshot at the log's end is read when somebody asks, not before.
 *
 * Invariant: an entry in a transaction has it in `ongoing`.
 */
import type { ControlType } from "./end-transaction-marker.ts";
import { ProducerEntry } from "./producer-entry.ts";

export interface OngoingTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

export interface CompletedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** Its marker. */
  readonly lastOffset: number;
  readonly isAborted: boolean;
}

/** A batch's claims, as its header makes them. */
export interface ProducerBatch {
  readonly producerId: number;
  readonly epoch: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly maxTimestamp: number;
  readonly isTransactional: boolean;
}

export interface TransactionMarker {
  readonly producerId: number;
  readonly epoch: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly controlType: ControlType;
  readonly coordinatorEpoch: number;
}

export class ProducerState {
  readonly #producers = new Map<number, ProducerEntry>();
  #ongoing: OngoingTransaction[] = [];
  #unreplicated: { firstOffset: number; lastOffset: number }[] = [];

  get producers(): ReadonlyMap<number, ProducerEntry> {
    return this.#producers;
  }

  get(producerId: number): ProducerEntry | undefined {
    return this.#producers.get(producerId);
  }

  /** First offset that a reader of committed records may not pass; -1 when all is decided. */
  get firstUnstableOffset(): number {
    const undecided = this.#ongoing[0]?.firstOffset ?? -1;
    const unreplicated = this.#unreplicated[0]?.firstOffset ?? -1;
    if (undecided === -1 || unreplicated === -1) return Math.max(undecided, unreplicated);
    return Math.min(undecided, unreplicated);
  }

  /** First offset of the oldest transaction without a marker; -1 when there is none. */
  get firstUndecidedOffset(): number {
    return this.#ongoing[0]?.firstOffset ?? -1;
  }

  /** When the producer of the oldest open transaction last wrote; -1 where none is open. */
  get oldestOngoingTimestamp(): number {
    const oldest = this.#ongoing[0];
    return oldest === undefined ? -1 : (this.get(oldest.producerId)?.lastTimestamp ?? -1);
  }

  get ongoing(): readonly OngoingTransaction[] {
    return this.#ongoing;
  }

  addBatch(batch: ProducerBatch): void {
    const entry = this.#entry(batch.producerId, batch.epoch);
    entry.addBatch(batch.epoch, {
      lastSequence: batch.lastSequence,
      lastOffset: batch.lastOffset,
      offsetDelta: batch.lastOffset - batch.firstOffset,
      timestamp: batch.maxTimestamp,
    });
    if (batch.isTransactional && entry.transactionFirstOffset === -1) {
      entry.transactionFirstOffset = batch.firstOffset;
      this.#begin({ producerId: batch.producerId, firstOffset: batch.firstOffset });
    }
  }

  /** Returns the transaction that the marker decides; null when it had no records here. */
  addMarker(marker: TransactionMarker): CompletedTransaction | null {
    const entry = this.#entry(marker.producerId, marker.epoch);
    const firstOffset = entry.transactionFirstOffset;
    entry.moveToEpoch(marker.epoch);
    entry.coordinatorEpoch = marker.coordinatorEpoch;
    entry.lastTimestamp = marker.timestamp;
    entry.transactionFirstOffset = -1;
    if (firstOffset === -1) return null;
    return {
      producerId: marker.producerId,
      firstOffset,
      lastOffset: marker.offset,
      isAborted: marker.controlType === "abort",
    };
  }

  /** Where readers of committed records may go once this transaction is decided. */
  lastStableOffsetAfter(completed: CompletedTransaction): number {
    const next = this.#ongoing.find((other) => other.producerId !== completed.producerId);
    return next?.firstOffset ?? completed.lastOffset + 1;
  }

  complete(completed: CompletedTransaction): void {
    this.#ongoing = this.#ongoing.filter((other) => other.firstOffset !== completed.firstOffset);
    insertByFirstOffset(this.#unreplicated, {
      firstOffset: completed.firstOffset,
      lastOffset: completed.lastOffset,
    });
  }

  /** Decided transactions below the high watermark hold nobody back. */
  highWatermarkMoved(highWatermark: number): void {
    if (this.#unreplicated.length === 0) return;
    this.#unreplicated = this.#unreplicated.filter((other) => other.lastOffset >= highWatermark);
  }

  /** Transactions are never forgotten this way, idle producers are. Returns how many. */
  removeExpired(nowMs: number, expirationMs: number): number {
    let count = 0;
    for (const entry of this.#producers.values()) {
      if (entry.transactionFirstOffset !== -1) continue;
      if (nowMs - entry.lastTimestamp < expirationMs) continue;
      this.#producers.delete(entry.producerId);
      count++;
    }
    return count;
  }

  /** Begins anew, with what a snapshot holds. */
  reset(entries: readonly ProducerEntry[]): void {
    this.#producers.clear();
    this.#ongoing = [];
    this.#unreplicated = [];
    for (const entry of entries) {
      this.#producers.set(entry.producerId, entry);
      if (entry.transactionFirstOffset === -1) continue;
      this.#begin({ producerId: entry.producerId, firstOffset: entry.transactionFirstOffset });
    }
  }

  #entry(producerId: number, epoch: number): ProducerEntry {
    let entry = this.#producers.get(producerId);
    if (entry === undefined) {
      entry = new ProducerEntry(producerId, epoch);
      this.#producers.set(producerId, entry);
    }
    return entry;
  }

  #begin(transaction: OngoingTransaction): void {
    insertByFirstOffset(this.#ongoing, transaction);
  }
}

/** Almost always at the end. */
function insertByFirstOffset<T extends { firstOffset: number }>(list: T[], added: T): void {
  let index = list.length;
  while (index > 0 && list[index - 1]!.firstOffset > added.firstOffset) index--;
  list.splice(index, 0, added);
}
