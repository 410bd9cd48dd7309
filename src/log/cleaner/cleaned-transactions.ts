/**
 * What a pass over a log knows of its transactions: Kafka's CleanedTransactionMetadata.
 *
 *   waiting    aborted transactions that the pass has not come to, by first offset
 *   aborted    those it is in, by producer
 *   committed  producers with a batch since their last marker
 *
 * Records of an aborted transaction go at once. A marker goes when no batch of its transaction is
 * left, but not before readers had `delete.retention.ms` to see it.
 */
import { ControlRecordType, controlRecordTypeOf } from "../../protocol/control-record.ts";
import { openBatch } from "../../protocol/record.ts";
import { isControl, isTransactional, lastOffset, producerId } from "../../protocol/record-batch.ts";
import type { AbortedTransaction } from "../transaction-index.ts";

interface Aborted {
  readonly entry: AbortedTransaction;
  /** A batch of it is still in the log. */
  hasBatch: boolean;
}

export class CleanedTransactions {
  /** Gets the aborted transactions of which a batch remains, for the new `.txnindex`. */
  keep: ((entry: AbortedTransaction) => void) | null = null;
  /** Last first. */
  #waiting: AbortedTransaction[] = [];
  readonly #aborted = new Map<number, Aborted>();
  readonly #committed = new Set<number>();

  add(entries: readonly AbortedTransaction[]): void {
    if (entries.length === 0) return;
    this.#waiting.push(...entries);
    this.#waiting.sort((left, right) => right.firstOffset - left.firstOffset);
  }

  /** The pass has come to this batch. True when none of its records is needed by any reader. */
  canDiscard(bytes: Buffer, at: number): boolean {
    this.#beginUpTo(lastOffset(bytes, at));
    if (isControl(bytes, at)) return this.#canDiscardMarker(bytes, at);
    if (!isTransactional(bytes, at)) return false;
    const aborted = this.#aborted.get(producerId(bytes, at));
    if (aborted === undefined) {
      this.#committed.add(producerId(bytes, at));
      return false;
    }
    aborted.hasBatch = true;
    return true;
  }

  #canDiscardMarker(bytes: Buffer, at: number): boolean {
    const cursor = openBatch(bytes, at);
    // Its record was removed before; only what the header says was kept.
    if (!cursor.next()) return true;
    const producer = producerId(bytes, at);
    switch (controlRecordTypeOf(cursor.key())) {
      case ControlRecordType.ABORT: {
        const aborted = this.#aborted.get(producer);
        this.#aborted.delete(producer);
        if (aborted?.hasBatch !== true) return true;
        this.keep?.(aborted.entry);
        return false;
      }
      case ControlRecordType.COMMIT:
        return !this.#committed.delete(producer);
      default:
        return false;
    }
  }

  #beginUpTo(offset: number): void {
    for (;;) {
      const entry = this.#waiting.at(-1);
      if (entry === undefined || entry.firstOffset > offset) return;
      this.#waiting.pop();
      const known = this.#aborted.has(entry.producerId);
      if (!known) this.#aborted.set(entry.producerId, { entry, hasBatch: false });
    }
  }
}
