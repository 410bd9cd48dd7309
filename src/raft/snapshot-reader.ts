/** Reads a snapshot, or bootstrap.checkpoint, which has the same form. */
import type { Disk } from "../base/world.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { readRaftBatches } from "./raft-batch.ts";
import { type VoterSet, votersFrom } from "./voter-set.ts";

export interface Snapshot {
  readonly lastContainedLogTimestamp: number;
  readonly kraftVersion: number;
  /** Null where the snapshot names none: kraft.version 0. */
  readonly voters: VoterSet | null;
  readonly values: readonly Buffer[];
}

/** Throws `ProtocolError` unless the file is whole, from its header to its footer. */
export function readSnapshot(disk: Disk, path: string): Snapshot {
  try {
    return parseSnapshot(disk.readWhole(path));
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new ProtocolError(`${path}: ${error.message}`);
  }
}

export function parseSnapshot(bytes: Buffer): Snapshot {
  let timestamp = -1;
  let kraftVersion = 0;
  let voters: VoterSet | null = null;
  let isComplete = false;
  const values: Buffer[] = [];
  for (const batch of readRaftBatches(bytes)) {
    if (isComplete) throw new ProtocolError("more records behind the footer");
    for (const value of batch.values) values.push(value);
    for (const control of batch.controls) {
      if (control.name === "SnapshotHeaderRecord") {
        timestamp = control.value.lastContainedLogTimestamp;
      } else if (control.name === "KRaftVersionRecord") kraftVersion = control.value.kRaftVersion;
      else if (control.name === "VotersRecord") voters = votersFrom(control.value);
      else if (control.name === "SnapshotFooterRecord") isComplete = true;
      else throw new ProtocolError(`an unexpected ${control.name}`);
    }
    if (timestamp < 0) throw new ProtocolError("no header at the beginning");
  }
  if (!isComplete) throw new ProtocolError("no footer at the end");
  return { lastContainedLogTimestamp: timestamp, kraftVersion, voters, values };
}
