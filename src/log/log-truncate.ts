/** Cutting a log at its end (a follower that disagrees) or at its start (retention, deletion). */
import { DELETED_SUFFIX } from "./log-names.ts";
import type { LogState } from "./log-state.ts";
import type { Segment } from "./segment.ts";

/**
 * Drops records of `offset` and above; false when there are none. Waits for the disk: it replays
 * the producers' batches behind the last snapshot.
 */
export function truncateTo(state: LogState, offset: number): boolean {
  if (offset >= state.logEndOffset) {
    // An epoch may have begun here without a record.
    state.epochs.truncateFromEnd(state.logEndOffset);
    return false;
  }
  state.isChanged = true;
  state.cutCount++;
  state.touch();
  if (offset < state.segments.first.baseOffset) {
    truncateFullyAndStartAt(state, offset, offset);
    return true;
  }
  removeSegments(
    state,
    state.segments.all.filter((segment) => segment.baseOffset > offset),
  );
  state.segments.active.truncateTo(offset, state.nowMs);
  state.logEndOffset = offset;
  state.epochs.truncateFromEnd(offset);
  state.logStartOffset = Math.min(state.logStartOffset, offset);
  state.setFlushed(Math.min(state.flushedOffset, offset));
  state.highWatermark = Math.min(state.highWatermark, offset);
  state.producers.highWatermarkMoved(state.highWatermark);
  state.producers.reload(state.logStartOffset, offset);
  state.producers.takeSnapshot();
  // Snapshots of what was cut off must not come back.
  state.isDirectoryDirty = true;
  state.startMoved();
  return true;
}

/** Drops everything; the log goes on at `offset`. */
export function truncateFullyAndStartAt(
  state: LogState,
  offset: number,
  logStartOffset: number,
): void {
  state.isChanged = true;
  state.cutCount++;
  state.touch();
  const removed = [...state.segments.all];
  const segment = state.segmentAt(offset, 0);
  state.segments.remove(removed);
  // Even if the disk fails now: there is always a segment.
  state.segments.add(segment);
  dispose(state, removed);
  segment.createFiles();
  state.isDirectoryDirty = true;
  state.epochs.clear();
  state.producers.startAt(offset);
  state.producers.highWatermarkMoved(offset);
  state.logStartOffset = logStartOffset;
  state.logEndOffset = offset;
  state.highWatermark = offset;
  state.setFlushed(Math.min(state.flushedOffset, offset));
  state.startMoved();
}

/** Takes segments out of the log; their files go after `file.delete.delay.ms`. */
export function removeSegments(state: LogState, segments: readonly Segment[]): void {
  if (segments.length === 0) return;
  const removed = [...segments];
  state.segments.remove(removed);
  dispose(state, removed);
}

function dispose(state: LogState, removed: readonly Segment[]): void {
  const snapshots = removed.flatMap((segment) => setAside(state, segment, true));
  state.isDirectoryDirty = true;
  removeFilesLater(state, removed, snapshots);
}

/** Renames the files of a segment that is not in the log any more; returns a renamed snapshot. */
export function setAside(state: LogState, segment: Segment, withSnapshot: boolean): string[] {
  segment.coolDown();
  segment.rename(DELETED_SUFFIX);
  const snapshot = withSnapshot ? state.producers.markSnapshotDeleted(segment.baseOffset) : null;
  return snapshot === null ? [] : [snapshot];
}

/** One file after the other: a large one may take the file system a while. */
export function removeFilesLater(
  state: LogState,
  segments: readonly Segment[],
  snapshots: readonly string[],
): void {
  const { host } = state;
  const remove = async (): Promise<void> => {
    const paths = [...segments.flatMap((segment) => segment.leave()), ...snapshots];
    for (const path of paths) {
      if (state.failure !== null || state.isSetAside) return;
      await host.disk.removeLater(path);
    }
  };
  host.schedule(state.config.fileDeleteDelayMs, () => {
    if (state.failure !== null || state.isSetAside) return;
    host.background.run(remove).catch((error: unknown) => state.diskFailed(error));
  });
}
