/** From the newest snapshot to an image; the log behind it follows as it proves to be committed. */
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
  const replay = new Replay(new MetadataImage(clusterId));
  const lastOffset = id.endOffset - 1;
  // That of format holds voters only.
  const values = isBootstrapSnapshot(id) ? [] : snapshot.values;
  for (const value of values) replay.replay(decodeRecord(value), lastOffset);
  const lastTimestamp = snapshot.lastContainedLogTimestamp;
  return { replay, lastOffset, lastEpoch: id.epoch, lastTimestamp };
}
