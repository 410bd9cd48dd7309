/**
 * Opening a log: from the files of a directory to a `Log`.
 *
 *   1. left-overs of exchanges and deletions are finished or removed      (segment-exchange.ts)
 *   2. every .log is a segment; indexes without one go, missing ones are built
 *   3. after an unclean stop: every batch from the recovery point's segment on is checked, what
 *      follows the first bad one is cut off, and all segments behind it go   (log-recovery.ts)
 *   4. epochs and producers are brought to what the batches say
 *
 * After a clean stop none of the records is read, nor any file but the directory: the recovery
 * point is the log's end, and the snapshot of that name vouches for it.
 */
import { INDEX_SUFFIX, LOG_SUFFIX, offsetOfFileName, segmentFileName } from "./log-names.ts";
import { OFFSET_LENGTH, SNAPSHOT_SUFFIX, TIME_INDEX_SUFFIX } from "./log-names.ts";
import { TRANSACTION_INDEX_SUFFIX } from "./log-names.ts";
import { LEADER_EPOCH_FILE } from "./leader-epochs.ts";
import { Log } from "./log.ts";
import { isCompacted } from "./log-config.ts";
import { isFlushed, type LogConfig, NEVER } from "./log-config.ts";
import { LogFlush } from "./log-flush.ts";
import type { LogHost } from "./log-host.ts";
import { rebuildIndexes } from "./index-rebuild.ts";
import { recoverFrom } from "./log-recovery.ts";
import { LogState } from "./log-state.ts";
import { removeSegments } from "./log-truncate.ts";
import { PARTITION_METADATA_FILE } from "./partition-metadata.ts";
import { finishExchanges } from "./segment-exchange.ts";

export interface OpenLog {
  readonly directory: string;
  readonly topic: string;
  readonly partition: number;
  readonly config: LogConfig;
  /** From the checkpoints of the log directory; null when they do not name the partition. */
  readonly recoveryPoint: number | null;
  readonly logStartOffset: number | null;
  /** The stop before left the marker. */
  readonly wasCleanlyStopped: boolean;
  /** All of it is flushed before anybody hears of it, whatever the settings say. */
  readonly isAlwaysFlushed?: boolean;
  /** When that was: an active segment that somebody changed since then is looked into. */
  readonly stoppedMs?: number;
  /** How far compaction came, as its checkpoint says. */
  readonly cleanerOffset?: number;
}

/**
 * One log by itself, as that of the metadata. Throws `DiskError`. A directory that is not there
 * yet is made, with one empty segment.
 */
export async function openLog(host: LogHost, options: OpenLog): Promise<Log> {
  const log = openCleanly(host, options) ?? (await openThoroughly(host, options));
  const { isAlwaysFlushed = false } = options;
  // Where nobody hears of what is not flushed, it is taken behind the flush (`RaftLog.makeSure`).
  if (log.logEndOffset > 0 && !isAlwaysFlushed) log.state.producers.takeSnapshot();
  void log.flushRecovered();
  return log;
}

/**
 * At once, when the stop was clean and the directory shows no doubt about it; else null. Of 10,000
 * partitions nearly all begin like this.
 */
export function openCleanly(host: LogHost, options: OpenLog): Log | null {
  const { directory, recoveryPoint, stoppedMs = Number.POSITIVE_INFINITY } = options;
  if (!options.wasCleanlyStopped || recoveryPoint === null) return null;
  const found = sortNames(host.disk.list(directory));
  const lastBase = found.logs.at(-1);
  if (lastBase === undefined || found.isOdd) return null;
  const logStartOffset = Math.max(options.logStartOffset ?? 0, found.logs[0]!);
  if (logStartOffset > recoveryPoint) return null;
  const state = new LogState(host, directory, options.topic, options.partition, options.config, {
    snapshots: found.snapshots,
    hasEpochFile: found.hasEpochFile,
    isNew: false,
  });
  for (const baseOffset of found.logs) {
    const path = `${directory}/${segmentFileName(baseOffset, LOG_SUFFIX)}`;
    const status = host.disk.status(path);
    // Compaction leaves segments without a record.
    const mayBeEmpty = baseOffset === lastBase || isCompacted(options.config);
    if (status === null || (status.size === 0 && !mayBeEmpty)) return null;
    if (baseOffset === lastBase && status.modifiedMs > stoppedMs) return null;
    state.segments.add(state.segmentAt(baseOffset, status.size));
  }
  const { size } = state.segments.active;
  if (size === 0 && recoveryPoint !== lastBase) return null;
  if (size > 0 && (recoveryPoint <= lastBase || found.snapshots.at(-1) !== recoveryPoint)) {
    return null;
  }
  state.logStartOffset = logStartOffset;
  state.logEndOffset = recoveryPoint;
  state.setAllFlushed();
  state.highWatermark = logStartOffset;
  state.epochs.limitFile(logStartOffset, recoveryPoint);
  removeStraySnapshots(state);
  state.producers.loadLater(logStartOffset, recoveryPoint);
  return new Log(state, new LogFlush(state));
}

/**
 * The way for all others: after a crash, for what Kafka left, for what is missing or damaged. Once
 * all logs are open, `flushRecovered` is wanted.
 */
export async function openThoroughly(host: LogHost, options: OpenLog): Promise<Log> {
  const { directory } = options;
  const isNew = host.disk.status(directory) === null;
  if (isNew) host.disk.makeDirectory(directory);
  const found = sortNames(finishExchanges(host, directory, host.disk.list(directory)));
  const state = new LogState(host, directory, options.topic, options.partition, options.config, {
    snapshots: found.snapshots,
    hasEpochFile: found.hasEpochFile,
    isNew,
  });
  state.cleanerOffset = options.cleanerOffset ?? -1;
  removeOrphans(state, found);
  for (const baseOffset of found.logs) {
    const path = `${directory}/${segmentFileName(baseOffset, LOG_SUFFIX)}`;
    const size = host.disk.status(path)?.size ?? 0;
    state.segments.add(state.segmentAt(baseOffset, size));
  }
  await bringToEnd(state, options, found);
  const flush = new LogFlush(state);
  const log = new Log(state, flush);
  state.isChanged = true;
  // Whoever made the files may have died before their names were durable.
  state.isDirectoryDirty = true;
  state.isParentDirty = true;
  state.isTopicIdUnsynced = found.hasTopicId;
  return log;
}

/** What may be in doubt of a log that promises to be durable. */
function rewriteFrom({ config, isAlwaysFlushed, recoveryPoint }: OpenLog): number {
  return isAlwaysFlushed === true || isFlushed(config) ? (recoveryPoint ?? 0) : NEVER;
}

/** Sets all offsets of the state, and repairs what contradicts them. */
async function bringToEnd(state: LogState, options: OpenLog, found: FoundNames): Promise<void> {
  const checkpointedStart = options.logStartOffset ?? 0;
  const recoveryPoint = options.recoveryPoint ?? 0;
  let endOffset = -1;
  if (state.segments.count > 0) {
    const firstToRecover = options.wasCleanlyStopped ? Number.POSITIVE_INFINITY : recoveryPoint;
    await rebuildMissingIndexes(state, found, firstToRecover);
    endOffset = options.wasCleanlyStopped
      ? await findEndOffset(state)
      : await recoverFrom(state, firstToRecover, checkpointedStart, rewriteFrom(options));
  }
  if (endOffset !== -1 && endOffset < checkpointedStart) {
    state.host.logger.warn(
      `${state.name}: deleting all segments, as the log ends at ${endOffset} ` +
        `but starts at ${checkpointedStart}`,
    );
    removeSegments(state, state.segments.all);
    state.epochs.clear();
    state.producers.startAt(checkpointedStart);
    endOffset = -1;
  }
  const isEmpty = state.segments.count === 0;
  if (isEmpty) {
    endOffset = checkpointedStart;
    const segment = state.segmentAt(endOffset, 0);
    segment.createFiles();
    state.segments.add(segment);
    state.isDirectoryDirty = true;
  }
  state.logEndOffset = endOffset;
  state.logStartOffset = Math.max(checkpointedStart, state.segments.first.baseOffset);
  state.highWatermark = state.logStartOffset;
  if (options.wasCleanlyStopped && !isEmpty) state.setAllFlushed();
  else state.setFlushed(Math.min(recoveryPoint, endOffset));
  state.epochs.truncateFromEnd(endOffset);
  state.epochs.truncateFromStart(state.logStartOffset);
  state.epochs.compareWithFile();
  removeStraySnapshots(state);
  if (state.producers.endOffset !== endOffset || options.wasCleanlyStopped) {
    await state.producers.reloadSlowly(state.logStartOffset, endOffset);
  }
}

async function rebuildMissingIndexes(
  state: LogState,
  found: FoundNames,
  firstToRecover: number,
): Promise<void> {
  const recovered = state.segments.floor(firstToRecover);
  const { active } = state.segments;
  const isIndexed = areEqual(found.logs, found.indexes) && areEqual(found.logs, found.timeIndexes);
  if (isIndexed) return;
  const indexes = new Set(found.indexes);
  const timeIndexes = new Set(found.timeIndexes);
  for (const segment of state.segments.all) {
    if (segment === recovered && firstToRecover < Number.POSITIVE_INFINITY) return;
    if (indexes.has(segment.baseOffset) && timeIndexes.has(segment.baseOffset)) continue;
    state.host.logger.warn(
      `${state.name}: segment ${segment.baseOffset} has no index, building it anew`,
    );
    if (segment === active) await recoverFrom(state, active.baseOffset, 0, NEVER);
    else await rebuildIndexes(state, segment);
    segment.coolDown();
  }
}

/** After a clean stop the last segment's batches lead to the end; if not, they are recovered. */
async function findEndOffset(state: LogState): Promise<number> {
  const endOffset = state.segments.active.findEndOffset();
  if (endOffset !== -1) return endOffset;
  state.host.logger.warn(`${state.name}: the last segment is damaged, recovering it`);
  return recoverFrom(state, state.segments.active.baseOffset, 0, NEVER);
}

/** Snapshots at the base of a segment stay, and the newest of the others if it is behind all. */
function removeStraySnapshots(state: LogState): void {
  const { snapshotOffsets } = state.producers;
  if (snapshotOffsets.length <= 1) return;
  const bases = new Set(state.segments.all.map((segment) => segment.baseOffset));
  const strays = snapshotOffsets.filter((offset) => !bases.has(offset));
  const newest = strays.at(-1) ?? -1;
  for (const offset of strays) {
    const isBehindAll = offset > state.segments.active.baseOffset;
    if (offset !== newest || !isBehindAll) state.producers.removeSnapshot(offset);
  }
}

/** Base offsets and offsets of snapshots ascend. */
interface FoundNames {
  readonly logs: readonly number[];
  readonly indexes: readonly number[];
  readonly timeIndexes: readonly number[];
  readonly transactionIndexes: readonly number[];
  readonly snapshots: readonly number[];
  readonly hasEpochFile: boolean;
  readonly hasTopicId: boolean;
  /** Something is there that a clean stop does not leave, or lacks what it leaves. */
  readonly isOdd: boolean;
}

/** In a few passes over a few names: of 10,000 partitions that is most of what a start does. */
function sortNames(names: readonly string[]): FoundNames {
  const logs: number[] = [];
  const indexes: number[] = [];
  const timeIndexes: number[] = [];
  const transactionIndexes: number[] = [];
  const snapshots: number[] = [];
  let hasEpochFile = false;
  let hasTopicId = false;
  let hasLeftovers = false;
  for (const name of names) {
    const offset = offsetOfFileName(name);
    if (offset < 0) {
      hasEpochFile ||= name === LEADER_EPOCH_FILE;
      hasTopicId ||= name === PARTITION_METADATA_FILE;
    } else if (hasSuffix(name, LOG_SUFFIX)) logs.push(offset);
    else if (hasSuffix(name, INDEX_SUFFIX)) indexes.push(offset);
    else if (hasSuffix(name, TIME_INDEX_SUFFIX)) timeIndexes.push(offset);
    else if (hasSuffix(name, SNAPSHOT_SUFFIX)) snapshots.push(offset);
    else if (hasSuffix(name, TRANSACTION_INDEX_SUFFIX)) transactionIndexes.push(offset);
    else hasLeftovers = true;
  }
  for (const offsets of [logs, indexes, timeIndexes, transactionIndexes, snapshots]) {
    if (offsets.length > 1) offsets.sort((left, right) => left - right);
  }
  const isIndexed = areEqual(logs, indexes) && areEqual(logs, timeIndexes);
  const isOdd = hasLeftovers || !isIndexed || !areWithin(transactionIndexes, logs);
  const found = { logs, indexes, timeIndexes, transactionIndexes, snapshots };
  return { ...found, hasEpochFile, hasTopicId, isOdd };
}

/** Behind an offset. */
function hasSuffix(name: string, suffix: string): boolean {
  return name.length === OFFSET_LENGTH + suffix.length && name.endsWith(suffix);
}

function areEqual(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((offset, index) => offset === right[index]);
}

function areWithin(offsets: readonly number[], bases: readonly number[]): boolean {
  if (offsets.length === 0) return true;
  const known = new Set(bases);
  return offsets.every((offset) => known.has(offset));
}

function removeOrphans(state: LogState, found: FoundNames): void {
  if (!found.isOdd) return;
  const bases = new Set(found.logs);
  for (const [suffix, offsets] of [
    [INDEX_SUFFIX, found.indexes],
    [TIME_INDEX_SUFFIX, found.timeIndexes],
    [TRANSACTION_INDEX_SUFFIX, found.transactionIndexes],
  ] as const) {
    for (const offset of offsets) {
      if (bases.has(offset)) continue;
      const name = segmentFileName(offset, suffix);
      state.host.logger.warn(`${state.name}: removing ${name}, an index without a segment`);
      state.host.disk.remove(`${state.place.directory}/${name}`);
    }
  }
}
