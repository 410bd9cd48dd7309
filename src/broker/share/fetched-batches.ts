/**
 * The headers of the batches in a range of a log: read a little at a time, for the records
 * themselves go to the client from the file.
 *
 *   slice   [header ....records....][header ..records..][header .......   (cut)
 *   reads   <- 4 KiB ->             <- 4 KiB ->         ...
 */
import { openBatch } from "../../protocol/record.ts";
import * as header from "../../protocol/record-batch.ts";
import type { LogSlice } from "../../log/log-slice.ts";
import type { AbortedTransaction } from "../../log/transaction-index.ts";
import { ControlRecordType, controlRecordTypeOf } from "../../protocol/control-record.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { OffsetRange } from "./offset-range.ts";

export interface FetchedBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** In the slice. */
  readonly position: number;
  readonly size: number;
  readonly producerId: number;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  readonly isAbort: boolean;
}

const WINDOW_SIZE = 4096;

/**
 * Whole batches of what was read from `fetchOffset` on, up to the one that holds the offset which
 * `lastOffset` gives for the first. At once where they are cached.
 */
export function fetchedBatches(
  slice: LogSlice,
  fetchOffset: number,
  lastOffset: (firstOffset: number) => number,
): FetchedBatch[] | Promise<FetchedBatch[]> {
  const walk = new HeaderWalk(slice, fetchOffset, lastOffset);
  return walk.run() ? walk.batches : walk.runLater();
}

/** Ranges of batches that belong to transactions which were aborted; in order. */
export function abortedRanges(
  batches: readonly FetchedBatch[],
  transactions: readonly AbortedTransaction[],
): OffsetRange[] {
  const begun = [...transactions].sort((a, b) => a.firstOffset - b.firstOffset);
  const producers = new Set<number>();
  const ranges: OffsetRange[] = [];
  let index = 0;
  for (const { producerId, baseOffset, lastOffset, isTransactional, isAbort } of batches) {
    if (producerId === header.NO_PRODUCER_ID) continue;
    for (; index < begun.length && begun[index]!.firstOffset <= lastOffset; index++) {
      producers.add(begun[index]!.producerId);
    }
    if (isAbort) producers.delete(producerId);
    else if (isTransactional && producers.has(producerId)) {
      ranges.push({ firstOffset: baseOffset, lastOffset });
    }
  }
  return ranges;
}

class HeaderWalk {
  readonly batches: FetchedBatch[] = [];
  readonly #slice: LogSlice;
  readonly #fetchOffset: number;
  readonly #lastOffset: (firstOffset: number) => number;
  #window = Buffer.allocUnsafe(WINDOW_SIZE);
  /** Of the window in the slice. */
  #windowAt = 0;
  #windowSize = 0;
  #position = 0;
  #needed = header.BATCH_HEADER_SIZE;

  constructor(slice: LogSlice, fetchOffset: number, lastOffset: (firstOffset: number) => number) {
    this.#slice = slice;
    this.#fetchOffset = fetchOffset;
    this.#lastOffset = lastOffset;
  }

  /** False when it has to wait for the disk. */
  run(): boolean {
    for (;;) {
      if (!this.#hasWindow) {
        if (!this.#mayRead) return true;
        const { target, position, size } = this.#nextWindow();
        const count = this.#slice.file.readCached(target, 0, size, position);
        if (count < Math.min(size, this.#needed)) return false;
        this.#windowSize = count;
      }
      if (!this.#take()) return true;
    }
  }

  async runLater(): Promise<FetchedBatch[]> {
    for (;;) {
      if (!this.#hasWindow) {
        if (!this.#mayRead) return this.batches;
        const { target, position, size } = this.#nextWindow();
        this.#windowSize = await this.#slice.file.readLater(target, 0, size, position);
        // The log was truncated meanwhile.
        if (this.#windowSize < Math.min(size, this.#needed)) return this.batches;
      }
      if (!this.#take()) return this.batches;
    }
  }

  /** The window holds what is needed next. */
  get #hasWindow(): boolean {
    const end = this.#windowAt + this.#windowSize;
    return this.#position >= this.#windowAt && this.#position + this.#needed <= end;
  }

  get #mayRead(): boolean {
    return this.#slice.size - this.#position >= header.BATCH_SIZE_TO_MAGIC;
  }

  get #nextOffset(): number {
    return (this.batches.at(-1)?.lastOffset ?? this.#fetchOffset - 1) + 1;
  }

  #nextWindow(): { target: Buffer; position: number; size: number } {
    this.#windowAt = this.#position;
    this.#windowSize = 0;
    const left = this.#slice.size - this.#position;
    this.#needed = Math.min(this.#needed, left);
    if (this.#needed > this.#window.length) this.#window = Buffer.allocUnsafe(this.#needed);
    const size = Math.min(left, this.#window.length);
    return { target: this.#window, position: this.#slice.position + this.#position, size };
  }

  /** The batch at the position; false when there is none more to take. */
  #take(): boolean {
    const bytes = this.#window;
    const at = this.#position - this.#windowAt;
    const left = this.#slice.size - this.#position;
    const size = header.batchSize(bytes, at);
    if (size < header.BATCH_SIZE_TO_MAGIC || size > left) return false;
    const isLegacy = header.magic(bytes, at) < header.CURRENT_MAGIC;
    // Only of these the records say more than the header.
    const isWhole = isLegacy || header.isControl(bytes, at);
    if (isWhole && at + size > this.#windowSize) {
      this.#needed = size;
      return true;
    }
    this.#needed = header.BATCH_HEADER_SIZE;
    const batch = isLegacy
      ? legacyBatch(bytes, at, this.#position, this.#nextOffset)
      : batchAt(bytes, at, this.#position);
    this.batches.push(batch);
    this.#position += size;
    return batch.lastOffset < this.#lastOffset(this.batches[0]!.baseOffset);
  }
}

function batchAt(bytes: Buffer, at: number, position: number): FetchedBatch {
  const isControl = header.isControl(bytes, at);
  return {
    baseOffset: header.baseOffset(bytes, at),
    lastOffset: header.lastOffset(bytes, at),
    position,
    size: header.batchSize(bytes, at),
    producerId: header.producerId(bytes, at),
    isTransactional: header.isTransactional(bytes, at),
    isControl,
    isAbort: isControl && isAbortMarker(bytes, at),
  };
}

/**
 * A message from before Kafka 0.11, single or a compressed set. Its header has the last offset
 * alone; the first is the next that was wanted, as far as anybody can tell.
 */
function legacyBatch(
  bytes: Buffer,
  at: number,
  position: number,
  nextOffset: number,
): FetchedBatch {
  const lastOffset = header.lastOffset(bytes, at);
  return {
    baseOffset: Math.min(nextOffset, lastOffset),
    lastOffset,
    position,
    size: header.batchSize(bytes, at),
    producerId: header.NO_PRODUCER_ID,
    isTransactional: false,
    isControl: false,
    isAbort: false,
  };
}

function isAbortMarker(bytes: Buffer, at: number): boolean {
  try {
    const cursor = openBatch(bytes, at);
    return cursor.next() && controlRecordTypeOf(cursor.key()) === ControlRecordType.ABORT;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}
