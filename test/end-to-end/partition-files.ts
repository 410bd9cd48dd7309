/** A partition's directory, read from outside: whether its files say what its batches say. */
import { expect } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { readInt64 } from "../../src/base/bytes.ts";
import {
  baseOffset,
  isIntact,
  lastOffset,
  maxTimestamp,
  nextBatchSize,
} from "../../src/protocol/record-batch.ts";

export interface SegmentFiles {
  readonly baseOffset: number;
  readonly logPath: string;
  readonly indexPath: string;
  readonly timeIndexPath: string;
}

/** By base offset, the active one last. */
export function segmentsIn(directory: string): SegmentFiles[] {
  return readdirSync(directory)
    .filter((name) => /^\d{20}\.log$/.test(name))
    .sort()
    .map((name) => {
      const base = `${directory}/${name.slice(0, 20)}`;
      return {
        baseOffset: Number(name.slice(0, 20)),
        logPath: `${base}.log`,
        indexPath: `${base}.index`,
        timeIndexPath: `${base}.timeindex`,
      };
    });
}

/** Bytes between two entries of an index are more than the interval, yet not many more. */
export interface IndexBounds {
  readonly indexIntervalBytes: number;
  readonly batchBytesMax: number;
}

/**
 * Holds what may be read while the broker runs, and nothing is written: batches without a hole,
 * and every entry of every index pointing at one. Entries that are not written yet may lack at the
 * end of the active segment.
 */
export function expectSoundFiles(directory: string, bounds: IndexBounds, isCut = false): void {
  const segments = segmentsIn(directory);
  expect(segments.length, directory).toBeGreaterThan(0);
  let next = segments[0]!.baseOffset;
  for (const [index, segment] of segments.entries()) {
    const isActive = index === segments.length - 1;
    expect(segment.baseOffset, segment.logPath).toBe(next);
    const bytes = readFileSync(segment.logPath);
    const batches = batchesIn(bytes, segment, isCut && isActive);
    next = batches.at(-1)?.end ?? next;
    expectSoundOffsetIndex(segment, batches, bounds, isActive);
    expectSoundTimeIndex(segment, batches, isActive);
  }
}

interface BatchPlace {
  readonly position: number;
  readonly lastOffset: number;
  /** Offset behind the batch. */
  readonly end: number;
  /** Largest timestamp of the segment up to here. */
  readonly largestTimestamp: number;
}

function batchesIn(bytes: Buffer, segment: SegmentFiles, isCut: boolean): BatchPlace[] {
  const batches: BatchPlace[] = [];
  let next = segment.baseOffset;
  let largestTimestamp = -1;
  let at = 0;
  for (let size = 0; (size = nextBatchSize(bytes, at, bytes.length)) > 0; at += size) {
    const hint = `${segment.logPath} at ${at}`;
    expect(isIntact(bytes, at), hint).toBe(true);
    expect(baseOffset(bytes, at), hint).toBe(next);
    next = lastOffset(bytes, at) + 1;
    largestTimestamp = Math.max(largestTimestamp, maxTimestamp(bytes, at));
    batches.push({ position: at, lastOffset: next - 1, end: next, largestTimestamp });
  }
  if (!isCut) expect(at, `${segment.logPath} ends with a batch`).toBe(bytes.length);
  return batches;
}

function expectSoundOffsetIndex(
  segment: SegmentFiles,
  batches: readonly BatchPlace[],
  bounds: IndexBounds,
  isActive: boolean,
): void {
  const bytes = readFileSync(segment.indexPath);
  expect(bytes.length % 8, segment.indexPath).toBe(0);
  const byPosition = new Map(batches.map((batch) => [batch.position, batch]));
  const gapMax = 2 * (bounds.indexIntervalBytes + bounds.batchBytesMax);
  let before = 0;
  for (let at = 0; at < bytes.length; at += 8) {
    const hint = `${segment.indexPath} entry ${at / 8}`;
    const position = bytes.readInt32BE(at + 4);
    const offset = segment.baseOffset + bytes.readInt32BE(at);
    expect(byPosition.get(position)?.lastOffset, hint).toBe(offset);
    expect(position, hint).toBeGreaterThan(before);
    expect(position - before, hint).toBeLessThanOrEqual(gapMax);
    before = position;
  }
  const lastPosition = batches.at(-1)?.position ?? 0;
  if (!isActive) expect(lastPosition - before, segment.indexPath).toBeLessThanOrEqual(gapMax);
}

function expectSoundTimeIndex(
  segment: SegmentFiles,
  batches: readonly BatchPlace[],
  isActive: boolean,
): void {
  const bytes = readFileSync(segment.timeIndexPath);
  expect(bytes.length % 12, segment.timeIndexPath).toBe(0);
  const byOffset = new Map(batches.map((batch) => [batch.lastOffset, batch]));
  let before = -1;
  for (let at = 0; at < bytes.length; at += 12) {
    const hint = `${segment.timeIndexPath} entry ${at / 12}`;
    const timestamp = readInt64(bytes, at);
    const offset = segment.baseOffset + bytes.readInt32BE(at + 8);
    expect(byOffset.get(offset)?.largestTimestamp, hint).toBe(timestamp);
    expect(timestamp, hint).toBeGreaterThan(before);
    before = timestamp;
  }
  if (!isActive && batches.length > 0) {
    expect(before, segment.timeIndexPath).toBe(batches.at(-1)!.largestTimestamp);
  }
}
