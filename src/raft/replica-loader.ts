/** What the disk says of the log and the quorum, for the core to begin with. */
import type { Disk } from "../base/world.ts";
import type { LogState, QuorumFact } from "./core/log-state.ts";
import { factsOf } from "./fetched-batch.ts";
import type { RaftLog } from "./raft-log.ts";
import { type Snapshot, readSnapshot } from "./snapshot-reader.ts";

export interface LoadedReplica {
  readonly log: LogState;
  readonly facts: readonly QuorumFact[];
  /** The newest; null when there is none. */
  readonly snapshot: Snapshot | null;
}

/** Throws `ProtocolError` for a snapshot or a control record that cannot be read. */
export async function loadReplica(disk: Disk, raftLog: RaftLog): Promise<LoadedReplica> {
  const id = raftLog.latestSnapshot;
  const snapshot = id === null ? null : readSnapshot(disk, raftLog.snapshotPath(id));
  const snapshotEnd = id?.endOffset ?? 0;
  const facts = snapshot === null ? [] : factsOfSnapshot(snapshot, snapshotEnd);
  for await (const batch of raftLog.controlBatches(Math.max(snapshotEnd, raftLog.startOffset))) {
    facts.push(...factsOf(batch));
  }
  const log: LogState = {
    startOffset: raftLog.startOffset,
    endOffset: raftLog.endOffset,
    flushedOffset: raftLog.endOffset,
    highWatermark: Math.max(snapshotEnd, raftLog.startOffset),
    truncations: 0,
    epochs: raftLog.epochs,
    snapshots: raftLog.snapshots,
  };
  return { log, facts, snapshot };
}

/** Its records count as the last one before `endOffset`. */
export function factsOfSnapshot(snapshot: Snapshot, endOffset: number): QuorumFact[] {
  const { kraftVersion, voters } = snapshot;
  const offset = endOffset - 1;
  const facts: QuorumFact[] = [{ kind: "kraftVersion", offset, kraftVersion }];
  if (voters !== null) facts.push({ kind: "voters", offset, voters });
  return facts;
}
