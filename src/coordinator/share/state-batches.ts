/**
 * What became of records, as runs of offsets: known batches and new ones brought together, so that
 * none overlap and neighbours that say the same are one.
 *
 * Where two overlap, the higher delivery count wins, and then the higher state: a record is never
 * handed out less often than it was, and what is acknowledged or archived stays so.
 */
import type { ShareStateBatch } from "./persister.ts";

const NO_START_OFFSET = -1;

/** Sorted by offset. Nothing below `startOffset` is left; -1 keeps all. */
export function combineBatches(
  known: readonly ShareStateBatch[],
  added: readonly ShareStateBatch[],
  startOffset: number,
): readonly ShareStateBatch[] {
  const batches = [...known, ...added].flatMap((batch) => prunedAt(batch, startOffset));
  // One batch, even one that Kafka would never write, is kept as it is.
  if (batches.length < 2) return batches;
  const queue = new BatchQueue(batches);
  const combined: ShareStateBatch[] = [];
  for (let previous = queue.take(); previous !== null; previous = queue.take()) {
    const next = queue.take();
    if (next === null) {
      combined.push(previous);
    } else if (next.firstOffset <= previous.lastOffset) {
      for (const batch of resolved(previous, next)) queue.add(batch);
    } else if (next.firstOffset === previous.lastOffset + 1 && compareFate(previous, next) === 0) {
      queue.add({ ...previous, lastOffset: next.lastOffset });
    } else {
      combined.push(previous);
      queue.add(next);
    }
  }
  return combined;
}

function prunedAt(batch: ShareStateBatch, startOffset: number): ShareStateBatch[] {
  if (startOffset === NO_START_OFFSET || batch.firstOffset >= startOffset) return [batch];
  return batch.lastOffset < startOffset ? [] : [{ ...batch, firstOffset: startOffset }];
}

/** Two that overlap, of which `next` does not come first in the order. */
function resolved(previous: ShareStateBatch, next: ShareStateBatch): ShareStateBatch[] {
  const order = compareFate(next, previous);
  const lastOffset = Math.max(previous.lastOffset, next.lastOffset);
  if (order === 0) return [{ ...previous, lastOffset }];
  if (order < 0) {
    if (next.lastOffset <= previous.lastOffset) return [previous];
    return [previous, { ...next, firstOffset: previous.lastOffset + 1 }];
  }
  const parts: ShareStateBatch[] = [next];
  if (previous.firstOffset < next.firstOffset) {
    parts.push({ ...previous, lastOffset: next.firstOffset - 1 });
  }
  if (previous.lastOffset > next.lastOffset) {
    parts.push({ ...previous, firstOffset: next.lastOffset + 1 });
  }
  return parts;
}

function compareFate(left: ShareStateBatch, right: ShareStateBatch): number {
  return left.deliveryCount - right.deliveryCount || left.deliveryState - right.deliveryState;
}

function compareBatches(left: ShareStateBatch, right: ShareStateBatch): number {
  return (
    left.firstOffset - right.firstOffset ||
    left.lastOffset - right.lastOffset ||
    compareFate(left, right)
  );
}

/**
 * Batches by their order, the first at the end of the array. What is put back belongs among the
 * first, so that finding its place is a matter of a few steps.
 */
class BatchQueue {
  readonly #batches: ShareStateBatch[];

  constructor(batches: ShareStateBatch[]) {
    this.#batches = batches.sort((left, right) => compareBatches(right, left));
  }

  take(): ShareStateBatch | null {
    return this.#batches.pop() ?? null;
  }

  add(batch: ShareStateBatch): void {
    const batches = this.#batches;
    let index = batches.length;
    while (index > 0 && compareBatches(batches[index - 1]!, batch) < 0) index -= 1;
    batches.splice(index, 0, batch);
  }
}
