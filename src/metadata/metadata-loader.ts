/** From the newest snapshot to an image; the log behind it follows as it proves to be committed. */
import { finishNow, Pace } from "../base/slices.ts";
import { isBootstrapSnapshot, type RaftLog } from "../raft/raft-log.ts";
import type { SnapshotId } from "../raft/snapshot-name.ts";
import type { Snapshot } from "../raft/snapshot-reader.ts";
import { MetadataImage } from "./image.ts";
import { decodeRecord } from "./record.ts";
import { Replay } from "./replay.ts";

export interface LoadedMetadata {
  readonly replay: Replay;
  /** Of the last record in the image; -1 when there is none. */
  readonly lastOffset: number;
  readonly lastEpoch: number;
  readonly lastTimestamp: number;
}

/** A tenth of a millisecond. */
const RECORDS_A_STEP = 64;

/** Throws `ProtocolError` for what cannot be read: a record that is skipped would be a lie. */
export function loadMetadata(
  raftLog: RaftLog,
  snapshot: Snapshot | null,
  clusterId: string,
): LoadedMetadata {
  const id = raftLog.latestSnapshot;
  if (id !== null && snapshot !== null) return loadSnapshot(id, snapshot, clusterId);
  const replay = new Replay(new MetadataImage(clusterId));
  return { replay, lastOffset: raftLog.startOffset - 1, lastEpoch: 0, lastTimestamp: -1 };
}

export function loadSnapshot(
  id: SnapshotId,
  snapshot: Snapshot,
  clusterId: string,
): LoadedMetadata {
  return finishNow(loadSteps(id, snapshot, clusterId));
}

/** For a node that serves others meanwhile. */
export function* loadSteps(
  id: SnapshotId,
  snapshot: Snapshot,
  clusterId: string,
): Generator<undefined, LoadedMetadata, undefined> {
  const replay = new Replay(new MetadataImage(clusterId));
  const lastOffset = id.endOffset - 1;
  // That of format holds voters only.
  const values = isBootstrapSnapshot(id) ? [] : snapshot.values;
  const pace = new Pace(RECORDS_A_STEP);
  for (const value of values) {
    replay.replay(decodeRecord(value), lastOffset);
    if (pace.endsStep()) yield;
  }
  const lastTimestamp = snapshot.lastContainedLogTimestamp;
  return { replay, lastOffset, lastEpoch: id.epoch, lastTimestamp };
}
