/** Reads a snapshot, or bootstrap.checkpoint, which has the same form. */
import { finishNow } from "../base/slices.ts";
import type { Disk } from "../base/world.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { nextBatchSize } from "../protocol/record-batch.ts";
import { readRaftBatch, readRaftBatches } from "./raft-batch.ts";
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

/** Of the last record that the snapshot holds, from its header alone. */
export function readSnapshotTimestamp(disk: Disk, path: string): number {
  const file = disk.open(path, "read");
  try {
    const bytes = Buffer.alloc(HEADER_READ_SIZE);
    const size = file.read(bytes, 0, bytes.length, 0);
    if (nextBatchSize(bytes, 0, size) === 0) throw new ProtocolError(`${path}: no header`);
    const header = readRaftBatch(bytes, 0).controls[0];
    if (header?.name !== "SnapshotHeaderRecord") throw new ProtocolError(`${path}: no header`);
    return header.value.lastContainedLogTimestamp;
  } finally {
    file.close();
  }
}

/** More than a header with the voters of any quorum. */
const HEADER_READ_SIZE = 256 * 1024;

export function parseSnapshot(bytes: Buffer): Snapshot {
  return finishNow(parseSteps(bytes));
}

/** One for each batch: for those who serve others meanwhile. */
export function* parseSteps(bytes: Buffer): Generator<undefined, Snapshot, undefined> {
  let timestamp = -1;
  let kraftVersion = 0;
  let voters: VoterSet | null = null;
  let isComplete = false;
  let nextOffset = 0;
  let epoch = -1;
  const values: Buffer[] = [];
  for (const batch of readRaftBatches(bytes)) {
    if (isComplete) throw new ProtocolError("more records behind the footer");
    // No checksum covers these two.
    if (nextOffset === 0) ({ epoch } = batch);
    if (batch.baseOffset !== nextOffset || batch.epoch !== epoch) {
      const found = `offset ${batch.baseOffset} of epoch ${batch.epoch}`;
      throw new ProtocolError(`${found} in the place of ${nextOffset} of ${epoch}`);
    }
    nextOffset = batch.lastOffset + 1;
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
    yield;
  }
  if (!isComplete) throw new ProtocolError("no footer at the end");
  return { lastContainedLogTimestamp: timestamp, kraftVersion, voters, values };
}
