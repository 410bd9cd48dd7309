/**
 * A snapshot knows the last batch of each producer, yet a client has five in flight: those before
 * it are looked for in the log when a producer, after a restart, sends what may be one of them.
 * Kafka does not look, and answers OUT_OF_ORDER_SEQUENCE_NUMBER to a retry; then its client begins
 * a new epoch, and the records are there twice.
 *
 *   [.... step ....][.... step ....][.... step ....] snapshot [... records, all remembered ...]
 *          3rd             2nd             1st
 *
 * Every step is read once, for all producers, and there is an end to them.
 */
import {
  baseOffset,
  hasProducerId,
  isControl,
  lastOffset,
  lastSequence,
  magic,
  maxTimestamp,
  producerEpoch,
  producerId,
} from "../protocol/record-batch.ts";
import { scanBatchesNow } from "./batch-scan.ts";
import { BATCHES_REMEMBERED, type ProducerEntry, type RememberedBatch } from "./producer-entry.ts";
import type { ProducerState } from "./producer-state.ts";
import { FOUND, type Segment } from "./segment.ts";
import type { Segments } from "./segments.ts";

const STEP_SIZE = 1 << 20;
const RECALLED_SIZE_MAX = 16 << 20;

interface FoundBatch extends RememberedBatch {
  readonly epoch: number;
}

export class ProducerRecall {
  readonly #segments: Segments;
  /** All batches from here on are remembered, as far as five a producer go. */
  #fromOffset: number;
  #sizeLeft = RECALLED_SIZE_MAX;

  constructor(segments: Segments, snapshotOffset: number) {
    this.#segments = segments;
    this.#fromOffset = snapshotOffset;
  }

  /** Goes back until the producer has its five batches, or there is nothing more to find. Waits. */
  recall(state: ProducerState, entry: ProducerEntry): void {
    while (entry.batches.length < BATCHES_REMEMBERED && this.#sizeLeft > 0) {
      const segment = this.#segments.floor(this.#fromOffset - 1);
      if (segment === null || segment.size === 0) return;
      this.#step(segment, state);
    }
  }

  #step(segment: Segment, state: ProducerState): void {
    const isInside = segment.locate(this.#fromOffset, true) === FOUND;
    const to = isInside ? segment.foundPosition : segment.size;
    const from = startOfStep(segment, to, this.#fromOffset);
    const found = new Map<number, FoundBatch[]>();
    let firstOffset = this.#fromOffset;
    scanBatchesNow(segment.log.use(), from, to, (bytes, at) => {
      firstOffset = Math.min(firstOffset, baseOffset(bytes, at));
      note(found, bytes, at);
      return true;
    });
    for (const [id, batches] of found) {
      const entry = state.get(id);
      if (entry !== undefined) prepend(entry, batches);
    }
    if (from === 0) firstOffset = segment.baseOffset;
    // Where the segment is damaged no batch is found: there is no way behind it.
    const isStuck = firstOffset >= this.#fromOffset;
    this.#sizeLeft = isStuck ? 0 : this.#sizeLeft - (to - from);
    this.#fromOffset = firstOffset;
  }
}

/** Position of a batch that lies about a step before `to`. */
function startOfStep(segment: Segment, to: number, fromOffset: number): number {
  if (to <= STEP_SIZE) return 0;
  const { offsetIndex } = segment;
  const offset = offsetIndex.offsetAtOrBehind(to - STEP_SIZE);
  const target = offset === -1 || offset >= fromOffset ? fromOffset - 1 : offset;
  return offsetIndex.lookup(target, true) === 1 ? offsetIndex.foundPosition : 0;
}

function note(found: Map<number, FoundBatch[]>, bytes: Buffer, at: number): void {
  if (magic(bytes, at) < 2 || !hasProducerId(bytes, at) || isControl(bytes, at)) return;
  const id = producerId(bytes, at);
  let batches = found.get(id);
  if (batches === undefined) {
    batches = [];
    found.set(id, batches);
  }
  // The oldest goes: one more than five, as the last of them may be remembered already.
  if (batches.length > BATCHES_REMEMBERED) batches.shift();
  batches.push({
    epoch: producerEpoch(bytes, at),
    lastSequence: lastSequence(bytes, at),
    lastOffset: lastOffset(bytes, at),
    offsetDelta: lastOffset(bytes, at) - baseOffset(bytes, at),
    timestamp: maxTimestamp(bytes, at),
  });
}

/** Those that are older than what is remembered, and of the same epoch. */
function prepend(entry: ProducerEntry, batches: readonly FoundBatch[]): void {
  const oldest = entry.batches[0];
  const end = oldest === undefined ? -1 : oldest.lastOffset - oldest.offsetDelta;
  const older = batches.filter(({ epoch, lastOffset }) => {
    return epoch === entry.epoch && lastOffset < end;
  });
  const missing = BATCHES_REMEMBERED - entry.batches.length;
  if (missing > 0) entry.batches.unshift(...older.slice(-missing));
}
