/**
 * One fetch: reads all partitions, and reads them again when enough has been written or the time
 * is up.
 *
 *   read all --- enough bytes, an error, or no time to wait? ---------------------> answer
 *      `---> wait on the partitions' signals ---> enough? / deadline ---> read all --^
 *
 * A read holds files open, so one that is not answered is released before the wait begins.
 */
import { type Signal, waitUntil } from "../base/signal.ts";
import { Slices } from "../base/slices.ts";
import type { Clock } from "../base/world.ts";
import {
  failedRead,
  type PartitionRead,
  NO_REPLICA,
  preferredReplica,
  READ_LOG_END,
  readableEnd,
  readAsFollower,
  readPartition,
} from "../partition/fetch-read.ts";
import type { Partition } from "../partition/partition.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import type { FetchPartitionRequest } from "./fetch-sessions.ts";

/** A partition that was asked for; `partition` is null where `errorCode` says why. */
export interface FetchTarget {
  readonly request: FetchPartitionRequest;
  readonly partition: Partition | null;
  readonly errorCode: ErrorCode;
}

export interface FetchLimits {
  readonly maxWaitMs: number;
  readonly minBytes: number;
  /** Of the whole response; the first batch comes even if it is larger. */
  readonly maxBytes: number;
  /** READ_LOG_END for a follower. */
  readonly isolationLevel: number;
  /** A replica of its partitions; null for a consumer. */
  readonly follower?: FetchingFollower | null;
  /** KIP-392: a consumer that any replica may serve. */
  readonly mayFollow?: boolean;
  /** Where a consumer had better read a partition that is led here; null for here. */
  readonly selectReplica?: ((partition: Partition, fetchOffset: number) => number | null) | null;
}

export interface FetchingFollower {
  readonly replicaId: number;
  /** KIP-903; -1 when it does not say. */
  readonly brokerEpoch: number;
  /** When its request came, by the monotonic clock. */
  readonly receivedMs: number;
  /** KIP-73: it gets nothing of this partition now. */
  holdsBack(partition: Partition): boolean;
}

/** What to read; it may change while a fetch waits. */
export interface FetchSource {
  /** Those that may have something to tell now. */
  targets(): readonly FetchTarget[];
  /** Partitions that are there, also those that have nothing to tell. */
  readonly partitionCount: number;
  /** One of them moves when there may be more. */
  signals(): Signal[];
}

export interface FetchOutcome {
  readonly targets: readonly FetchTarget[];
  /** In their order. Whoever asked releases the slices. */
  readonly reads: readonly PartitionRead[];
}

export async function runFetch(
  clock: Clock,
  source: FetchSource,
  limits: FetchLimits,
  closing: { readonly closing: Signal; readonly isClosing: boolean },
  waits: { count: number } = { count: 0 },
): Promise<FetchOutcome> {
  const targets = source.targets();
  const reading = readAll(clock, targets, limits);
  const reads = reading instanceof Promise ? await reading : reading;
  const isDone = limits.maxWaitMs <= 0 || isEnough(source, targets, reads, limits);
  if (isDone) return { targets, reads };
  releaseAll(reads);
  const signals = [...source.signals(), closing.closing];
  const isOver = () => closing.isClosing || isSatisfied(source.targets(), limits);
  waits.count++;
  await waitUntil(clock, signals, limits.maxWaitMs, isOver).finally(() => waits.count--);
  const news = source.targets();
  return { targets: news, reads: await readAll(clock, news, limits, true) };
}

/** The partitions that one request names. */
export class ListSource implements FetchSource {
  readonly #targets: readonly FetchTarget[];

  constructor(targets: readonly FetchTarget[]) {
    this.#targets = targets;
  }

  targets(): readonly FetchTarget[] {
    return this.#targets;
  }

  get partitionCount(): number {
    return this.signals().length;
  }

  signals(): Signal[] {
    return this.#targets.flatMap(({ partition }) => partition?.readable ?? []);
  }
}

export function releaseAll(reads: readonly PartitionRead[]): void {
  for (const { slice } of reads) slice?.release();
}

/** So many partitions are looked at together; more are read in slices. */
const SLICE_LENGTH = 32;

/** Stays synchronous as long as every partition answers at once, and all of them soon. */
function readAll(
  clock: Clock,
  targets: readonly FetchTarget[],
  limits: FetchLimits,
  isRepeated = false,
): PartitionRead[] | Promise<PartitionRead[]> {
  const reads: PartitionRead[] = [];
  const slices = targets.length > SLICE_LENGTH ? new Slices(clock) : null;
  let left = limits.maxBytes;
  for (let index = 0; index < targets.length; index++) {
    const read = readOne(targets[index]!, limits, left, isRepeated);
    const isBreak = index % SLICE_LENGTH === SLICE_LENGTH - 1 && slices?.isOver === true;
    if (read instanceof Promise || isBreak) {
      return readRest(clock, targets, limits, reads, left, read, isRepeated);
    }
    reads.push(read);
    left -= read.slice?.size ?? 0;
  }
  return reads;
}

async function readRest(
  clock: Clock,
  targets: readonly FetchTarget[],
  limits: FetchLimits,
  reads: PartitionRead[],
  leftBefore: number,
  pending: PartitionRead | Promise<PartitionRead>,
  isRepeated: boolean,
): Promise<PartitionRead[]> {
  const slices = new Slices(clock);
  let left = leftBefore;
  let read = await pending;
  for (;;) {
    reads.push(read);
    left -= read.slice?.size ?? 0;
    if (reads.length === targets.length) return reads;
    if (slices.isOver) await slices.next();
    read = await readOne(targets[reads.length]!, limits, left, isRepeated);
  }
}

function readOne(
  { request, partition, errorCode }: FetchTarget,
  limits: FetchLimits,
  left: number,
  isRepeated: boolean,
): PartitionRead | Promise<PartitionRead> {
  // As in Kafka, a partition that is not here has no aborted transactions, where others say null.
  if (partition === null) return { ...failedRead(errorCode), abortedTransactions: [] };
  partition.stats.totalFetchRequests++;
  const sizeMax = Math.max(0, Math.min(request.partitionMaxBytes, left));
  const isFirst = left === limits.maxBytes;
  const { isolationLevel, follower = null, mayFollow, selectReplica = null } = limits;
  if (follower !== null) {
    return readForFollower(partition, request, follower, sizeMax, isFirst, isRepeated);
  }
  if (selectReplica !== null) {
    const read = preferredReplica(partition, request, selectReplica);
    if (read !== null) return read;
  }
  return readPartition(partition, request, isolationLevel, sizeMax, isFirst, mayFollow);
}

/** Only the first read tells how far the follower is. */
function readForFollower(
  partition: Partition,
  request: FetchPartitionRequest,
  follower: FetchingFollower,
  sizeMax: number,
  isFirst: boolean,
  isRepeated: boolean,
): PartitionRead | Promise<PartitionRead> {
  const isHeldBack = follower.holdsBack(partition);
  const size = isHeldBack ? 0 : sizeMax;
  const isAtLeastOne = isFirst && !isHeldBack;
  const { replicaId, brokerEpoch, receivedMs } = follower;
  const { fetchOffset, currentLeaderEpoch, lastFetchedEpoch, logStartOffset } = request;
  if (isRepeated) {
    const refused = partition.followerError(replicaId, currentLeaderEpoch);
    if (refused !== ErrorCode.NONE) return failedRead(refused);
    return readPartition(partition, request, READ_LOG_END, size, isAtLeastOne);
  }
  const fetch = {
    replicaId,
    brokerEpoch,
    receivedMs,
    fetchOffset,
    currentLeaderEpoch,
    lastFetchedEpoch,
    logStartOffset,
  };
  return readAsFollower(partition, fetch, size, isAtLeastOne);
}

function isEnough(
  source: FetchSource,
  targets: readonly FetchTarget[],
  reads: readonly PartitionRead[],
  { minBytes }: FetchLimits,
): boolean {
  let size = 0;
  for (const [index, read] of reads.entries()) {
    // What nobody knows of does not make the rest come sooner; what is elsewhere does.
    const isElsewhere = read.errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER;
    if (targets[index]!.partition === null && !isElsewhere) continue;
    if (read.errorCode !== ErrorCode.NONE || read.divergingEpoch !== null) return true;
    if (read.preferredReadReplica !== NO_REPLICA) return true;
    size += read.slice?.size ?? 0;
  }
  return size >= minBytes || source.partitionCount === 0;
}

/** Whether enough is readable beyond what the first read saw. */
function isSatisfied(
  targets: readonly FetchTarget[],
  { isolationLevel, minBytes, follower = null, mayFollow = false }: FetchLimits,
): boolean {
  let size = 0;
  for (const { partition, request } of targets) {
    if (partition === null) continue;
    const error = partition.readError(request.currentLeaderEpoch, mayFollow);
    if (error !== ErrorCode.NONE) return true;
    if (follower?.holdsBack(partition) === true) continue;
    const end = readableEnd(partition, isolationLevel);
    if (end <= request.fetchOffset) {
      // The log was cut: the client must hear of it.
      if (partition.log.logEndOffset < request.fetchOffset) return true;
      continue;
    }
    if (minBytes <= 1 || partition.log.logStartOffset > request.fetchOffset) return true;
    const slice = partition.log.read(request.fetchOffset, request.partitionMaxBytes, end, false);
    // The disk would have to be asked for the size: it can as well be asked for the records.
    if (slice instanceof Promise) {
      void slice.then((later) => later.release());
      return true;
    }
    size += slice.size;
    slice.release();
    if (size >= minBytes) return true;
  }
  return false;
}
