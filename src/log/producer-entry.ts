/**
 * What a partition knows of one producer: its epoch, its last five batches and the transaction it
 * is in. Five, since a client has at most five requests in flight, and each may come again.
 */
import { decrementSequence } from "../protocol/record-batch.ts";

/** How many batches back a duplicate is recognized. */
export const BATCHES_REMEMBERED = 5;

/** Sequence numbers wrap: what is more than half of them behind is ahead. */
const SEQUENCES_BEHIND_MAX = 2 ** 30;

export interface RememberedBatch {
  readonly lastSequence: number;
  readonly lastOffset: number;
  readonly offsetDelta: number;
  readonly timestamp: number;
}

function firstSequenceOf(batch: RememberedBatch): number {
  return decrementSequence(batch.lastSequence, batch.offsetDelta);
}

export class ProducerEntry {
  readonly producerId: number;
  epoch: number;
  coordinatorEpoch = -1;
  lastTimestamp = -1;
  /** -1 outside of a transaction. */
  transactionFirstOffset = -1;
  /** Oldest first. */
  readonly batches: RememberedBatch[] = [];

  constructor(producerId: number, epoch: number) {
    this.producerId = producerId;
    this.epoch = epoch;
  }

  get lastSequence(): number {
    return this.batches.at(-1)?.lastSequence ?? -1;
  }

  get lastOffset(): number {
    return this.batches.at(-1)?.lastOffset ?? -1;
  }

  get lastOffsetDelta(): number {
    return this.batches.at(-1)?.offsetDelta ?? 0;
  }

  /** The batch of exactly these sequence numbers, when it is remembered. */
  findDuplicate(epoch: number, first: number, last: number): RememberedBatch | null {
    if (epoch !== this.epoch) return null;
    for (const batch of this.batches) {
      if (batch.lastSequence === last && firstSequenceOf(batch) === first) return batch;
    }
    return null;
  }

  /**
   * Whether a batch that ends with `last` comes before all that are remembered, though there is
   * room for it: of a producer that was read from a snapshot only one batch is.
   */
  mayHaveForgotten(epoch: number, last: number): boolean {
    const [oldest] = this.batches;
    if (epoch !== this.epoch || oldest === undefined) return false;
    if (this.batches.length === BATCHES_REMEMBERED) return false;
    const distance = decrementSequence(firstSequenceOf(oldest), last);
    return distance > 0 && distance < SEQUENCES_BEHIND_MAX;
  }

  addBatch(epoch: number, batch: RememberedBatch): void {
    this.moveToEpoch(epoch);
    if (this.batches.length === BATCHES_REMEMBERED) this.batches.shift();
    this.batches.push(batch);
    this.lastTimestamp = batch.timestamp;
  }

  /** Sequence numbers begin anew with an epoch. */
  moveToEpoch(epoch: number): void {
    if (epoch === this.epoch) return;
    this.epoch = epoch;
    this.batches.length = 0;
  }
}
