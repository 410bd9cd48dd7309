/** From the newest snapshot and the log behind it to an image. */
import { ControlState } from "../raft/control-state.ts";
import type { RaftBatch } from "../raft/raft-batch.ts";
import { type RaftLog, isBootstrapSnapshot } from "../raft/raft-log.ts";
import { readSnapshot } from "../raft/snapshot-reader.ts";
import type { Disk } from "../base/world.ts";
import { MetadataImage } from "./image.ts";
import { decodeRecord } from "./record.ts";
import { Replay } from "./replay.ts";

export interface LoadedMetadata {
  readonly replay: Replay;
  readonly control: ControlState;
  /** Of the last record in the image; -1 when there is none. */
  readonly lastOffset: number;
  readonly lastEpoch: number;
  readonly lastTimestamp: number;
  /** Bytes of the log behind the snapshot. */
  readonly logBytes: number;
}

/** Throws `ProtocolError` for what cannot be read: a record that is skipped would be a lie. */
export async function loadMetadata(
  disk: Disk,
  raftLog: RaftLog,
  clusterId: string,
): Promise<LoadedMetadata> {
  const replay = new Replay(new MetadataImage(clusterId));
  const control = new ControlState();
  let lastOffset = raftLog.startOffset - 1;
  let lastEpoch = 0;
  let lastTimestamp = -1;
  const id = raftLog.latestSnapshot;
  if (id !== null) {
    const snapshot = readSnapshot(disk, raftLog.snapshotPath(id));
    control.loadSnapshot(snapshot, id.endOffset);
    lastOffset = id.endOffset - 1;
    lastEpoch = id.epoch;
    lastTimestamp = snapshot.lastContainedLogTimestamp;
    const values = isBootstrapSnapshot(id) ? [] : snapshot.values;
    for (const value of values) replay.replay(decodeRecord(value), lastOffset);
  }
  let logBytes = 0;
  for await (const batch of raftLog.batches(lastOffset + 1)) {
    replayBatch(batch, replay, control);
    logBytes += batch.size;
    lastOffset = batch.lastOffset;
    lastEpoch = batch.epoch;
    lastTimestamp = batch.timestamp;
  }
  return { replay, control, lastOffset, lastEpoch, lastTimestamp, logBytes };
}

function replayBatch(batch: RaftBatch, replay: Replay, control: ControlState): void {
  for (const [index, value] of batch.values.entries()) {
    replay.replay(decodeRecord(value), batch.baseOffset + index);
  }
  for (const [index, record] of batch.controls.entries()) {
    control.apply(record, batch.baseOffset + index);
  }
}
