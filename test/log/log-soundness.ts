/** What must hold of a log whatever happened to it: all that is derived follows from its batches. */
import { expect } from "bun:test";
import type { Log } from "../../src/log/log.ts";
import type { Segment } from "../../src/log/segment.ts";
import {
  baseOffset,
  isIntact,
  lastOffset,
  lastSequence,
  maxTimestamp,
  nextBatchSize,
  partitionLeaderEpoch,
  producerId,
} from "../../src/protocol/record-batch.ts";

/**
 * `deletedTo` is how far the log's start ever was: a crash may bring records before it back, but
 * not their epochs.
 */
export function expectSound(log: Log, hint: string, deletedTo = log.logStartOffset): void {
  let expectedOffset = log.firstSegmentBaseOffset;
  let latestEpoch = -1;
  const epochStarts: [number, number][] = [];
  const sequences = new Map<number, number>();
  for (const segment of log.state.segments.all) {
    expect(segment.baseOffset, hint).toBeGreaterThanOrEqual(expectedOffset);
    const bytes = bytesOf(segment);
    expect(bytes.length, hint).toBe(segment.size);
    const starts = new Map<number, number>();
    for (let at = 0; at < bytes.length;) {
      const size = nextBatchSize(bytes, at, bytes.length);
      expect(size, hint).toBeGreaterThan(0);
      expect(isIntact(bytes, at), hint).toBe(true);
      expect(baseOffset(bytes, at), hint).toBe(expectedOffset);
      expectedOffset = lastOffset(bytes, at) + 1;
      starts.set(at, lastOffset(bytes, at));
      const epoch = partitionLeaderEpoch(bytes, at);
      expect(epoch, hint).toBeGreaterThanOrEqual(latestEpoch);
      if (epoch > latestEpoch) epochStarts.push([epoch, baseOffset(bytes, at)]);
      latestEpoch = epoch;
      // Who wrote nothing behind the log's start may be forgotten.
      if (producerId(bytes, at) >= 0 && lastOffset(bytes, at) >= deletedTo) {
        sequences.set(producerId(bytes, at), lastSequence(bytes, at));
      }
      at += size;
    }
    expectIndexes(segment, bytes, starts, hint);
  }
  expect(expectedOffset, hint).toBe(log.logEndOffset);
  expectEpochs(log, epochStarts, hint, deletedTo);
  const active = new Map(log.activeProducers().map((entry) => [entry.producerId, entry]));
  for (const [id, sequence] of sequences) {
    expect(active.get(id)?.lastSequence, `${hint} producer ${id}`).toBe(sequence);
  }
  expect(log.logStartOffset, hint).toBeLessThanOrEqual(log.highWatermark);
  expect(log.highWatermark, hint).toBeLessThanOrEqual(log.logEndOffset);
  expect(log.recoveryPoint, hint).toBeLessThanOrEqual(log.logEndOffset);
}

function bytesOf(segment: Segment): Buffer {
  const file = segment.log.use();
  const bytes = Buffer.alloc(file.size());
  file.read(bytes, 0, bytes.length, 0);
  return bytes;
}

/** Every entry of the offset index points at the batch that it names; times only grow. */
function expectIndexes(
  segment: Segment,
  bytes: Buffer,
  starts: ReadonlyMap<number, number>,
  hint: string,
): void {
  const { offsetIndex, timeIndex } = segment;
  let last = -1;
  for (let index = 0; index < offsetIndex.file.count; index++) {
    offsetIndex.file.findBlock(index, true);
    const at = (index - offsetIndex.file.blockStart) * 8;
    const offset = segment.baseOffset + offsetIndex.file.block.readInt32BE(at);
    const position = offsetIndex.file.block.readInt32BE(at + 4);
    expect(starts.get(position), `${hint} index entry ${index}`).toBe(offset);
    expect(offset, hint).toBeGreaterThan(last);
    last = offset;
  }
  let largest = -1;
  for (const at of starts.keys()) largest = Math.max(largest, maxTimestamp(bytes, at));
  expect(timeIndex.lastTimestamp, hint).toBeLessThanOrEqual(largest);
}

/** Epochs that have records here are known, with their first offset where that was not deleted. */
function expectEpochs(
  log: Log,
  epochStarts: [number, number][],
  hint: string,
  deletedTo: number,
): void {
  const known = new Map(log.state.epochs.entries.map((entry) => [entry.epoch, entry.startOffset]));
  for (const [index, [epoch, startOffset]] of epochStarts.entries()) {
    const endOffset = epochStarts[index + 1]?.[1] ?? log.logEndOffset;
    if (endOffset <= deletedTo) continue;
    const found = known.get(epoch);
    const isKnown =
      found === startOffset ||
      (found !== undefined && found > startOffset && found <= Math.max(startOffset, deletedTo));
    expect(isKnown, `${hint} epoch ${epoch} at ${startOffset}, known ${found}`).toBe(true);
  }
}
