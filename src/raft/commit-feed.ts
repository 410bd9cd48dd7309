/**
 * Hands on what is committed: every batch below the high watermark once, in order.
 *
 *   log      ........|.................|...............|................
 *                nextOffset       first batch      highWatermark    endOffset
 *                                in memory
 *      handed on     '-- read from ---''--- kept from when they were appended
 *                         the log
 *
 * Who waits for an offset is told after what lies before it was handed on, in the order in which
 * they came; who begins to lead, when all before its epoch was.
 */
import { assert } from "../base/assert.ts";
import { Queue } from "../base/queue.ts";
import type { Placement, RaftBatch } from "./raft-batch.ts";

export interface AppendedBatch<Records> extends Placement {
  readonly endOffset: number;
  /** In bytes. */
  readonly size: number;
  /** Null in a batch of the quorum's own records. */
  readonly records: Records | null;
}

export interface FeedListener<Records> {
  committed(batches: readonly AppendedBatch<Records>[]): void;
  /** All before the epoch's start has been handed on. */
  leads(epoch: number): void;
}

interface FeedSource {
  /** Batches of the log in order, in groups, from one offset to another. */
  groups(fromOffset: number, upToOffset: number): AsyncIterable<readonly RaftBatch[]>;
}

interface Waiting {
  readonly endOffset: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class CommitFeed<Records> {
  readonly #source: FeedSource;
  readonly #decode: (values: readonly Buffer[]) => Records;
  readonly #listener: FeedListener<Records>;
  readonly #failed: (error: unknown) => void;
  #batches: AppendedBatch<Records>[] = [];
  readonly #waiting = new Queue<Waiting>();
  #leadership: { readonly epoch: number; readonly epochStartOffset: number } | null = null;
  #nextOffset: number;
  #highWatermark: number;
  #reading: Promise<void> | null = null;
  #isClosed = false;

  constructor(
    source: FeedSource,
    nextOffset: number,
    decode: (values: readonly Buffer[]) => Records,
    listener: FeedListener<Records>,
    failed: (error: unknown) => void,
  ) {
    this.#source = source;
    this.#nextOffset = nextOffset;
    this.#highWatermark = nextOffset;
    this.#decode = decode;
    this.#listener = listener;
    this.#failed = failed;
  }

  /** All below was handed on. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  appended(batch: AppendedBatch<Records>): void {
    this.#batches.push(batch);
  }

  truncated(endOffset: number): void {
    this.#batches = this.#batches.filter((batch) => batch.endOffset <= endOffset);
  }

  advance(highWatermark: number): void {
    this.#highWatermark = highWatermark;
    this.#handOn();
  }

  /** A snapshot stands for the log: what it holds has been handed on. */
  restart(endOffset: number): void {
    this.#batches = [];
    this.#nextOffset = endOffset;
    this.#highWatermark = endOffset;
    this.#settle();
  }

  leadsFrom(epoch: number, epochStartOffset: number): void {
    this.#leadership = { epoch, epochStartOffset };
    this.#settle();
  }

  /** Resolves when all below `endOffset` was handed on. */
  whenCommitted(endOffset: number): Promise<void> {
    if (endOffset <= this.#nextOffset) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ endOffset, resolve, reject });
    });
  }

  /** Leadership is lost: whether what they wait for will be committed is not known any more. */
  failWaiting(error: unknown): void {
    this.#leadership = null;
    while (this.#waiting.length > 0) this.#waiting.shift().reject(error);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#reading;
  }

  #handOn(): void {
    if (this.#reading !== null || this.#isClosed) return;
    const inMemoryFrom = this.#batches[0]?.baseOffset ?? this.#highWatermark;
    if (this.#nextOffset < Math.min(inMemoryFrom, this.#highWatermark)) {
      this.#reading = this.#readOn().catch((error: unknown) => this.#failed(error));
      return;
    }
    const isPassed = ({ endOffset }: AppendedBatch<Records>) => endOffset <= this.#highWatermark;
    const count = this.#batches.findLastIndex(isPassed) + 1;
    if (count > 0) this.#deliver(this.#batches.splice(0, count));
    this.#settle();
  }

  async #readOn(): Promise<void> {
    const from = this.#nextOffset;
    const upTo = Math.min(this.#batches[0]?.baseOffset ?? Infinity, this.#highWatermark);
    for await (const group of this.#source.groups(from, upTo)) {
      if (this.#isClosed) return;
      // A snapshot may have come in its place.
      if (group[0]?.baseOffset !== this.#nextOffset) break;
      this.#deliver(group.map((batch) => this.#appendedOf(batch)));
    }
    this.#reading = null;
    this.#handOn();
  }

  #deliver(batches: readonly AppendedBatch<Records>[]): void {
    const [first, last] = [batches[0], batches.at(-1)];
    assert(first?.baseOffset === this.#nextOffset, "batches are handed on without a gap");
    this.#nextOffset = last?.endOffset ?? this.#nextOffset;
    this.#listener.committed(batches);
  }

  #settle(): void {
    const leadership = this.#leadership;
    if (leadership !== null && leadership.epochStartOffset <= this.#nextOffset) {
      this.#leadership = null;
      this.#listener.leads(leadership.epoch);
    }
    while (this.#waiting.length > 0 && this.#waiting.first().endOffset <= this.#nextOffset) {
      this.#waiting.shift().resolve();
    }
  }

  #appendedOf(batch: RaftBatch): AppendedBatch<Records> {
    return appendedOf(batch, this.#decode);
  }
}

export function appendedOf<Records>(
  batch: RaftBatch,
  decode: (values: readonly Buffer[]) => Records,
): AppendedBatch<Records> {
  const { baseOffset, lastOffset, epoch, timestamp, size, values } = batch;
  const records = values.length === 0 ? null : decode(values);
  return { baseOffset, endOffset: lastOffset + 1, epoch, timestamp, size, records };
}
