/**
 * Which segments are old enough to go, oldest first: those before the log's start, then those
 * beyond `retention.bytes`, then those older than `retention.ms`. What lies at or above the high
 * watermark stays.
 */
import { roll } from "./log-append.ts";
import { isDeleted } from "./log-config.ts";
import type { LogFlush } from "./log-flush.ts";
import type { LogState } from "./log-state.ts";
import { removeSegments } from "./log-truncate.ts";
import type { Segment } from "./segment.ts";

/** Returns how many segments went. */
export function deleteOldSegments(state: LogState, flush: LogFlush): number {
  const count = deleteByRules(state, flush);
  // Asking for timestamps opens indexes: of a log that nobody uses nothing stays open.
  if (!state.isWarm) for (const segment of state.segments.all) segment.coolDown();
  return count;
}

function deleteByRules(state: LogState, flush: LogFlush): number {
  let count = deleteWhile(state, flush, "log start offset breach", (_, next) => {
    return next !== null && next.baseOffset <= state.logStartOffset;
  });
  if (!isDeleted(state.config)) return count;
  const { retentionBytes, retentionMs } = state.config;
  const size = state.segments.size;
  if (retentionBytes >= 0 && size >= retentionBytes) {
    let excess = size - retentionBytes;
    count += deleteWhile(state, flush, "retention size breach", (segment) => {
      if (excess < segment.size) return false;
      excess -= segment.size;
      return true;
    });
  }
  if (retentionMs >= 0) {
    const nowMs = state.nowMs;
    const isOld = (segment: Segment) => nowMs - segment.largestTimestamp > retentionMs;
    warnOfFuture(state, nowMs);
    count += deleteWhile(state, flush, "retention time breach", (segment) => {
      if (!isOld(segment)) return false;
      // Nothing is deleted for the sake of an index that lies.
      segment.checkMaxTimestamp();
      return isOld(segment);
    });
  }
  return count;
}

/** Said once: as long as such a segment is the oldest, nothing goes by time. */
function warnOfFuture(state: LogState, nowMs: number): void {
  const { first } = state.segments;
  if (state.futureSegment === first || first.largestTimestamp <= nowMs) return;
  state.futureSegment = first;
  state.host.logger.warn(
    `${state.name}: segment ${first.baseOffset} has a timestamp in the future, ` +
      `${first.largestTimestamp}: it and what follows is not deleted by time`,
  );
}

/** The log begins at `offset` now. False when it did before. */
export function moveLogStart(state: LogState, offset: number): boolean {
  if (offset <= state.logStartOffset) return false;
  state.logStartOffset = offset;
  state.highWatermark = Math.max(state.highWatermark, offset);
  state.epochs.truncateFromStart(offset);
  state.producers.logStartMoved(offset);
  state.startMoved();
  return true;
}

function deleteWhile(
  state: LogState,
  flush: LogFlush,
  reason: string,
  isOld: (segment: Segment, next: Segment | null) => boolean,
): number {
  const old: Segment[] = [];
  const all = state.segments.all;
  for (let index = 0; index < all.length; index++) {
    const segment = all[index]!;
    const next = all[index + 1] ?? null;
    const endOffset = next?.baseOffset ?? state.logEndOffset;
    if (state.highWatermark < endOffset || !isOld(segment, next)) break;
    if (next === null && segment.size === 0) break;
    old.push(segment);
  }
  if (old.length === 0) return 0;
  state.touch();
  // There is always a segment: when all are old, a new one comes first.
  if (old.length === all.length) roll(state, flush, state.logEndOffset);
  moveLogStart(state, state.segments.higher(old.at(-1)!)!.baseOffset);
  removeSegments(state, old);
  const { host, name } = state;
  host.logger.info(`${name}: deleting ${old.length} segments due to ${reason}`);
  return old.length;
}
