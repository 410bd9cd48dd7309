/**
 * What the core knows of the metadata log: offsets and epochs, never a record.
 *
 *    snapshots                    highWatermark     flushedOffset   endOffset
 *       |                              |                  |             |
 *   [..startOffset ...............................................]
 *      epochs: 1 from 0, 3 from 17, 4 from 52, ...
 *
 * Invariants: startOffset <= highWatermark <= endOffset; flushedOffset <= endOffset; epochs and
 * their starts only grow; a log that does not begin at 0 has a snapshot at its start or behind it.
 */
import { assert } from "../../base/assert.ts";
import { BOOTSTRAP_SNAPSHOT, type SnapshotId, compareSnapshots } from "../snapshot-name.ts";
import type { VoterSet } from "../voter-set.ts";

export interface EpochStart {
  readonly epoch: number;
  readonly startOffset: number;
}

export interface LogState {
  startOffset: number;
  endOffset: number;
  /** All below it survives a loss of power. */
  flushedOffset: number;
  highWatermark: number;
  /** How often it was truncated: a flush that began before counts for nothing after. */
  truncations: number;
  epochs: readonly EpochStart[];
  /** Oldest first. */
  snapshots: readonly SnapshotId[];
}

/** A batch as the core sees it. */
export interface Batch {
  readonly baseOffset: number;
  /** Behind its last record. */
  readonly endOffset: number;
  readonly epoch: number;
  /** What its control records say of the quorum. */
  readonly facts: readonly QuorumFact[];
  /** The driver's own: the core hands it on and never looks into it. */
  readonly payload: unknown;
}

export type QuorumFact =
  | { readonly kind: "voters"; readonly offset: number; readonly voters: VoterSet }
  | { readonly kind: "kraftVersion"; readonly offset: number; readonly kraftVersion: number };

/** Where a follower stands: Fetch tells it. */
export type Position =
  | { readonly kind: "valid" }
  | { readonly kind: "diverging"; readonly at: SnapshotId }
  | { readonly kind: "snapshot"; readonly at: SnapshotId };

function latestSnapshot(log: LogState): SnapshotId | null {
  return log.snapshots.at(-1) ?? null;
}

/** Of the last record; of the snapshot when that is all there is. */
export function lastEpoch(log: LogState): number {
  return log.epochs.at(-1)?.epoch ?? latestSnapshot(log)?.epoch ?? 0;
}

/** Of the record before `offset`. */
export function epochBefore(log: LogState, offset: number): number {
  const found = log.epochs.findLast(({ startOffset }) => startOffset < offset);
  if (found !== undefined) return found.epoch;
  return log.snapshots.findLast(({ endOffset }) => endOffset <= offset)?.epoch ?? 0;
}

/** What is safe from a loss of power, as a vote request has to state it. */
export function flushedEnd(log: LogState): SnapshotId {
  const { endOffset, flushedOffset } = log;
  const epoch = flushedOffset === endOffset ? lastEpoch(log) : epochBefore(log, flushedOffset);
  return { endOffset: flushedOffset, epoch };
}

/** Whether a log that ends at `end` holds all that this one may have promised to hold. */
export function isUpToDate(log: LogState, end: SnapshotId): boolean {
  return compareSnapshots(end, { endOffset: log.endOffset, epoch: lastEpoch(log) }) >= 0;
}

/** The end of the newest epoch that is not newer than `epoch`. */
export function endOffsetForEpoch(log: LogState, epoch: number): SnapshotId {
  const end = { endOffset: log.endOffset, epoch: lastEpoch(log) };
  const next = log.epochs.findIndex((each) => each.epoch > epoch);
  if (next < 0) {
    // Kafka's epoch cache knows nothing of an epoch newer than its last.
    return end;
  }
  const { startOffset } = log.epochs[next]!;
  const found = log.epochs[next - 1]?.epoch ?? epoch;
  const [earliest] = log.snapshots;
  if (earliest?.endOffset === startOffset && found === epoch) return earliest;
  return { endOffset: startOffset, epoch: found };
}

/** Whether a follower that has all up to `offset`, its last record of `epoch`, can go on there. */
export function validatePosition(log: LogState, offset: number, epoch: number): Position {
  const latest = latestSnapshot(log);
  const isBootstrap = latest !== null && compareSnapshots(latest, BOOTSTRAP_SNAPSHOT) === 0;
  if (offset === 0 && latest !== null && !isBootstrap) return { kind: "snapshot", at: latest };
  if (log.startOffset === 0 && offset === 0) return { kind: "valid" };
  const [earliest] = log.snapshots;
  if (earliest !== undefined && latest !== null) {
    const isGone = offset < log.startOffset || epoch < earliest.epoch;
    const isOther = offset === log.startOffset && epoch !== earliest.epoch;
    if (isGone || isOther) return { kind: "snapshot", at: latest };
  }
  const end = endOffsetForEpoch(log, epoch);
  if (end.epoch !== epoch || end.endOffset < offset) return { kind: "diverging", at: end };
  return { kind: "valid" };
}

/** Where a follower whose leader tells it that it diverges has to cut. */
export function truncationOffset(log: LogState, diverging: SnapshotId): number {
  if (diverging.epoch === 0) return Math.min(diverging.endOffset, log.endOffset);
  const local = endOffsetForEpoch(log, diverging.epoch);
  if (local.epoch !== diverging.epoch) return local.endOffset;
  return Math.min(local.endOffset, diverging.endOffset);
}

export function appendToLog(log: LogState, { baseOffset, endOffset, epoch }: Batch): void {
  assert(baseOffset === log.endOffset && endOffset > baseOffset, "a batch at the log's end");
  const last = lastEpoch(log);
  assert(epoch >= last, "an epoch that is not older than the log's last");
  const isNew = log.epochs.at(-1)?.epoch !== epoch;
  if (isNew) log.epochs = [...log.epochs, { epoch, startOffset: baseOffset }];
  log.endOffset = endOffset;
}

export function truncateLog(log: LogState, offset: number): void {
  assert(offset >= log.highWatermark && offset <= log.endOffset, "nothing committed is truncated");
  if (offset === log.endOffset) return;
  log.endOffset = offset;
  log.flushedOffset = Math.min(log.flushedOffset, offset);
  log.epochs = log.epochs.filter(({ startOffset }) => startOffset < offset);
  log.truncations++;
}

/** A snapshot stands for all of the log. */
export function restartLog(log: LogState, id: SnapshotId): void {
  assert(id.endOffset >= log.highWatermark, "a snapshot that holds all that is committed");
  log.startOffset = id.endOffset;
  log.endOffset = id.endOffset;
  log.flushedOffset = id.endOffset;
  log.highWatermark = id.endOffset;
  log.epochs = [];
  log.snapshots = [id];
  log.truncations++;
}

/** Snapshots were taken or dropped, and the log before them perhaps. */
export function snapshotsChanged(
  log: LogState,
  snapshots: readonly SnapshotId[],
  startOffset: number,
): void {
  const latest = snapshots.at(-1);
  assert(startOffset >= log.startOffset, "a log's start moves forward");
  assert((latest?.endOffset ?? 0) <= log.highWatermark, "a snapshot holds what is committed");
  assert(startOffset <= (latest?.endOffset ?? 0), "what the log has dropped is in a snapshot");
  log.snapshots = snapshots;
  log.startOffset = startOffset;
  const current = log.epochs.findLastIndex((each) => each.startOffset <= startOffset);
  const kept = log.epochs.slice(Math.max(current, 0));
  const isWithin = startOffset < log.endOffset;
  log.epochs = kept
    .map((each) => ({ ...each, startOffset: Math.max(each.startOffset, startOffset) }))
    .filter((each) => isWithin || each.startOffset > startOffset);
}
