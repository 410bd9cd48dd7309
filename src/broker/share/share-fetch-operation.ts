/**
 * One ShareFetch: waits until there is enough to acquire, then reads and acquires it.
 *
 *   take those that have something --- enough bytes? ---> read --> acquire --> let go --> answer
 *        ^                      `--- no: let them go
 *        `-- the partition, or the share partition, has moved; or the time is up
 *
 * A share partition that is taken (`isFetching`) is nobody else's until it is let go, as what one
 * reads another must not acquire.
 */
import { type Signal, waitUntil } from "../../base/signal.ts";
import { type Clock, DiskError, type Random } from "../../base/world.ts";
import type { LogSlice } from "../../log/log-slice.ts";
import { EARLIEST_TIMESTAMP } from "../../log/timestamp-search.ts";
import { type PartitionRead, readableEnd, readPartition } from "../../partition/fetch-read.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { listOffset } from "../list-offsets.ts";
import { type FetchedBatch, fetchedBatches } from "./fetched-batches.ts";
import type { AcquiredRange } from "./offset-range.ts";
import type { ShareError } from "./share-error.ts";
import type { SharePartition } from "./share-partition.ts";
import type { SessionPartition } from "./share-sessions.ts";

/** A partition that was asked for; either it is there, or there is an error. */
export interface ShareFetchTarget {
  readonly name: SessionPartition;
  readonly sharePartition: SharePartition | null;
  /** May be set while the fetch waits. */
  error: ShareError | null;
}

export interface ShareFetchLimits {
  readonly memberId: string;
  readonly maxWaitMs: number;
  readonly minBytes: number;
  /** Of the whole response; the first batch comes even if it is larger. */
  readonly maxBytes: number;
  readonly recordsMax: number;
  readonly batchSize: number;
  /** KIP-1206: never more than `recordsMax`. */
  readonly isStrict: boolean;
  readonly isolationLevel: number;
}

export interface ShareRead {
  readonly target: ShareFetchTarget;
  readonly errorCode: ErrorCode;
  readonly ranges: readonly AcquiredRange[];
  /** Whoever asked releases it. */
  readonly slice: LogSlice | null;
}

interface Taken {
  readonly target: ShareFetchTarget;
  readonly sharePartition: SharePartition;
  readonly fetchOffset: number;
}

export async function runShareFetch(
  world: { readonly clock: Clock; readonly random: Random },
  targets: readonly ShareFetchTarget[],
  limits: ShareFetchLimits,
  closing: { readonly closing: Signal; readonly isClosing: boolean },
): Promise<ShareRead[]> {
  let taken: Taken[] = [];
  const isOver = (): boolean => {
    if (closing.isClosing) return true;
    taken = take(targets);
    if (isEnough(taken, limits)) return true;
    letGo(taken);
    taken = [];
    return false;
  };
  const signals = [...signalsOf(targets), closing.closing];
  const isInTime = await waitUntil(world.clock, signals, limits.maxWaitMs, isOver);
  if (!isInTime) taken = take(targets);
  try {
    if (closing.isClosing) return [];
    const reads = await readAll(world.random, taken, limits);
    if (!closing.isClosing) return reads;
    // Its session has ended while the disk was waited for: nobody else would give them back.
    giveBack(reads, limits.memberId);
    releaseAll(reads);
    return [];
  } finally {
    letGo(taken);
    for (const { sharePartition } of taken) sharePartition.changed.move();
  }
}

/** The answer will not carry them: the records are for whoever asks next. */
export function giveBack(reads: readonly ShareRead[], memberId: string): void {
  for (const { target, ranges } of reads) {
    if (ranges.length > 0) target.sharePartition?.giveBack(memberId, ranges);
  }
}

/** When no byte is needed any more. */
export function releaseAll(reads: readonly ShareRead[]): void {
  for (const { slice } of reads) slice?.release();
}

function take(targets: readonly ShareFetchTarget[]): Taken[] {
  const taken: Taken[] = [];
  for (const target of targets) {
    const { sharePartition, error } = target;
    if (sharePartition === null || error !== null || sharePartition.isFetching) continue;
    if (!sharePartition.mayAcquire()) continue;
    sharePartition.isFetching = true;
    taken.push({ target, sharePartition, fetchOffset: sharePartition.nextFetchOffset() });
  }
  return taken;
}

function letGo(taken: readonly Taken[]): void {
  for (const { sharePartition } of taken) sharePartition.isFetching = false;
}

function signalsOf(targets: readonly ShareFetchTarget[]): Signal[] {
  return targets.flatMap(({ sharePartition }) =>
    sharePartition === null ? [] : [sharePartition.changed, sharePartition.partition.readable],
  );
}

/** As if all that is readable could be acquired. */
function isEnough(taken: readonly Taken[], limits: ShareFetchLimits): boolean {
  if (taken.length === 0) return false;
  if (limits.minBytes <= 0) return true;
  let size = 0;
  for (const { sharePartition, fetchOffset } of taken) {
    const { partition } = sharePartition;
    if (partition.leaderError() !== ErrorCode.NONE) return true;
    const { log } = partition;
    if (fetchOffset < log.logStartOffset || fetchOffset > log.logEndOffset) return true;
    const end = readableEnd(partition, limits.isolationLevel);
    if (fetchOffset >= end) continue;
    if (limits.minBytes <= 1) return true;
    const slice = log.read(fetchOffset, bytesMaxOf(limits, taken.length), end, false);
    // The disk would have to be asked for the size: it can as well be asked for the records.
    if (slice instanceof Promise) {
      void slice.then((later) => later.release());
      return true;
    }
    size += slice.size;
    slice.release();
    if (size >= limits.minBytes) return true;
  }
  return false;
}

/** Each partition gets an equal part. */
function bytesMaxOf({ maxBytes }: ShareFetchLimits, count: number): number {
  return Math.floor(maxBytes / count);
}

async function readAll(
  random: Random,
  taken: readonly Taken[],
  limits: ShareFetchLimits,
): Promise<ShareRead[]> {
  const share = bytesMaxOf(limits, taken.length);
  // What does not divide evenly is for any one of them, so that none starves.
  const lucky = taken.length === 0 ? -1 : random.uint32() % taken.length;
  const rest = limits.maxBytes - share * taken.length;
  const reads: ShareRead[] = [];
  let bytesLeft = limits.maxBytes;
  let recordsLeft = limits.recordsMax;
  for (const [index, one] of taken.entries()) {
    const bytesMax = Math.min(bytesLeft, index === lucky ? share + rest : share);
    const isFirst = bytesLeft === limits.maxBytes;
    const { size, shareRead } = await readOne(one, limits, bytesMax, isFirst, recordsLeft);
    reads.push(shareRead);
    bytesLeft -= size;
    for (const { firstOffset, lastOffset } of shareRead.ranges) {
      recordsLeft -= lastOffset - firstOffset + 1;
    }
  }
  return reads;
}

/** `size` is how much was read, of which less may be sent. */
interface SizedRead {
  readonly size: number;
  readonly shareRead: ShareRead;
}

async function readOne(
  taken: Taken,
  limits: ShareFetchLimits,
  bytesMax: number,
  isFirst: boolean,
  recordsMax: number,
): Promise<SizedRead> {
  if (recordsMax <= 0) return { size: 0, shareRead: nothingOf(taken, ErrorCode.NONE) };
  const { partition, endOffset } = taken.sharePartition;
  const position = { fetchOffset: taken.fetchOffset, currentLeaderEpoch: -1, lastFetchedEpoch: -1 };
  const { isolationLevel } = limits;
  const reading = readPartition(
    partition,
    position,
    isolationLevel,
    Math.max(0, bytesMax),
    isFirst,
  );
  const read = reading instanceof Promise ? await reading : reading;
  const { slice, errorCode } = read;
  if (slice === null || slice.size === 0) {
    slice?.release();
    return { size: 0, shareRead: await emptyRead(taken, errorCode) };
  }
  const { size } = slice;
  const enough = (first: number): number => Math.max(first, endOffset + 1) + recordsMax;
  try {
    const walk = fetchedBatches(slice, taken.fetchOffset, enough);
    const batches = walk instanceof Promise ? await walk : walk;
    return { size, shareRead: acquireFrom(taken, limits, read, slice, batches, recordsMax) };
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    slice.release();
    return { size, shareRead: nothingOf(taken, ErrorCode.KAFKA_STORAGE_ERROR) };
  }
}

/** Nothing to be had. Where the log begins later than it did, the share partition does, too. */
async function emptyRead(taken: Taken, errorCode: ErrorCode): Promise<ShareRead> {
  if (errorCode !== ErrorCode.OFFSET_OUT_OF_RANGE) return nothingOf(taken, errorCode);
  const { partition, leaderEpoch } = taken.sharePartition;
  const start = await listOffset(partition, {
    timestamp: EARLIEST_TIMESTAMP,
    currentLeaderEpoch: leaderEpoch,
    replicaId: CONSUMER,
    isolationLevel: READ_UNCOMMITTED,
  });
  if (start.errorCode === ErrorCode.NONE) taken.sharePartition.logStartMoved(start.offset);
  return nothingOf(taken, start.errorCode);
}

function nothingOf({ target }: Taken, errorCode: ErrorCode): ShareRead {
  return { target, errorCode, ranges: [], slice: null };
}

function acquireFrom(
  { target, sharePartition, fetchOffset }: Taken,
  { memberId, isStrict, batchSize }: ShareFetchLimits,
  { abortedTransactions }: PartitionRead,
  slice: LogSlice,
  batches: readonly FetchedBatch[],
  recordsMax: number,
): ShareRead {
  const { ranges } = sharePartition.acquire(batches, {
    memberId,
    isStrict,
    batchSize,
    recordsMax,
    fetchOffset,
    abortedTransactions,
  });
  const sent = ranges.length === 0 ? null : narrowed(slice, batches, ranges);
  if (sent !== slice) slice.release();
  return { target, errorCode: ErrorCode.NONE, ranges, slice: sent };
}

/** Of what was read, the batches from the first acquired record to the last. */
function narrowed(
  slice: LogSlice,
  batches: readonly FetchedBatch[],
  ranges: readonly AcquiredRange[],
): LogSlice {
  const firstOffset = ranges[0]!.firstOffset;
  const lastOffset = ranges.at(-1)!.lastOffset;
  const first = batches.findLast(({ baseOffset }) => baseOffset <= firstOffset) ?? batches[0]!;
  const last = batches.findLast(({ baseOffset }) => baseOffset <= lastOffset) ?? first;
  const size = last.position + last.size - first.position;
  return size === slice.size ? slice : slice.part(first.position, size);
}

const CONSUMER = -1;
const READ_UNCOMMITTED = 0;
