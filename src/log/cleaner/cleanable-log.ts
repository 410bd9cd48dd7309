/**
 * How much of a log waits to be cleaned.
 *
 *   log start ..... first dirty ....... first uncleanable ......... log end
 *       [   clean   |     cleanable     |   too new, or undecided     ]
 *
 * Uncleanable is what lies in the active segment, at or behind the last stable offset, or in a
 * segment with a record younger than `min.compaction.lag.ms`. A log is due when the cleanable
 * share of all before it is above `min.cleanable.dirty.ratio`, or when a dirty record is older than
 * `max.compaction.lag.ms`.
 */
import { isDeleted, NEVER } from "../log-config.ts";
import type { Log } from "../log.ts";
import type { Segment } from "../segment.ts";

export interface CleanableLog {
  readonly log: Log;
  readonly firstDirtyOffset: number;
  /** Where a segment begins. */
  readonly firstUncleanableOffset: number;
  readonly cleanableBytes: number;
  /** 0 to 1. */
  readonly ratio: number;
  /** How long the oldest dirty record is overdue; 0 when none is. */
  readonly delayMs: number;
}

/** Null when there is nothing that could be clean or dirty. Waits for the disk, shortly. */
export function cleanableLog(log: Log, nowMs: number): CleanableLog | null {
  const { segments } = log.state;
  const firstDirtyOffset = firstDirtyOffsetOf(log);
  // Nothing but the active segment is dirty: the producers of an idle log need not be loaded.
  const dirty = segments.all.filter((_, index) => {
    const next = segments.all[index + 1];
    return next !== undefined && next.baseOffset > firstDirtyOffset;
  });
  const uncleanable = dirty.length === 0 ? firstDirtyOffset : uncleanableOffset(log, dirty, nowMs);
  const end = Math.max(firstDirtyOffset, uncleanable);
  const firstUncleanable = firstSegmentNotBefore(log, end);
  const firstUncleanableOffset = firstUncleanable.baseOffset;
  const from = Math.min(firstDirtyOffset, firstUncleanableOffset);
  const cleanableBytes = sizeOf(segments.inRange(from, firstUncleanableOffset));
  const cleanBytes = sizeOf(segments.all.filter((each) => each.baseOffset < firstDirtyOffset));
  const totalBytes = cleanBytes + cleanableBytes;
  if (totalBytes === 0) return null;
  return {
    log,
    firstDirtyOffset,
    firstUncleanableOffset,
    cleanableBytes,
    ratio: cleanableBytes / totalBytes,
    delayMs: delayOf(log, dirty, nowMs),
  };
}

export function isDue(cleanable: CleanableLog): boolean {
  if (cleanable.delayMs > 0 && cleanable.cleanableBytes > 0) return true;
  return cleanable.ratio > cleanable.log.config.minCleanableDirtyRatio;
}

/** The checkpoint may be of a log that was cut, or that began later since: then all is dirty. */
function firstDirtyOffsetOf(log: Log): number {
  const { state, logStartOffset, logEndOffset } = log;
  if (state.cleanerOffset === -1) return logStartOffset;
  if (state.cleanerOffset >= logStartOffset && state.cleanerOffset <= logEndOffset) {
    return state.cleanerOffset;
  }
  // With retention the log's start passes the checkpoint all the time.
  const isUsual = state.cleanerOffset < logStartOffset && isDeleted(log.config);
  if (!isUsual) {
    state.host.logger.warn(
      `${state.name}: what was cleaned up to offset ${state.cleanerOffset} is not in the log ` +
        `from ${logStartOffset} to ${logEndOffset}: cleaning begins anew`,
    );
  }
  state.cleanerOffset = logStartOffset;
  return logStartOffset;
}

function uncleanableOffset(log: Log, dirty: readonly Segment[], nowMs: number): number {
  const { lastStableOffset, config } = log;
  const { baseOffset } = log.state.segments.active;
  const lagMs = config.minCompactionLagMs;
  const tooNew =
    lagMs > 0 ? dirty.find((segment) => segment.largestTimestamp > nowMs - lagMs) : undefined;
  return Math.min(lastStableOffset, baseOffset, tooNew?.baseOffset ?? baseOffset);
}

/** The segment that holds `offset`, or the active one: no segment is cleaned in part. */
function firstSegmentNotBefore(log: Log, offset: number): Segment {
  const { segments } = log.state;
  const { active } = segments;
  if (offset >= active.baseOffset) return active;
  return segments.floor(offset) ?? segments.first;
}

function delayOf(log: Log, dirty: readonly Segment[], nowMs: number): number {
  const { maxCompactionLagMs } = log.config;
  if (maxCompactionLagMs >= NEVER) return 0;
  const cleanUntilMs = nowMs - maxCompactionLagMs;
  let delayMs = 0;
  for (const { firstTimestamp } of dirty) {
    if (firstTimestamp > 0) delayMs = Math.max(delayMs, cleanUntilMs - firstTimestamp);
  }
  return delayMs;
}

function sizeOf(segments: readonly Segment[]): number {
  return segments.reduce((total, segment) => total + segment.size, 0);
}
