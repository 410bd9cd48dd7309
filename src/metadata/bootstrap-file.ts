/** `bootstrap.checkpoint`: what format wants a new cluster to begin with, in a snapshot's form. */
import type { Clock, Disk } from "../base/world.ts";
import { readSnapshot } from "../raft/snapshot-reader.ts";
import { BOOTSTRAP_SNAPSHOT } from "../raft/snapshot-name.ts";
import { SnapshotWriter } from "../raft/snapshot-writer.ts";
import { defaultBootstrapRecords } from "./activation.ts";
import type { SupportedFeatures } from "./features.ts";
import { type NewRecord, decodeRecord, encodeRecord } from "./record.ts";

const BOOTSTRAP_FILE = "bootstrap.checkpoint";

/** Without such a file: the defaults of this program. Throws `ProtocolError`. */
export function readBootstrapRecords(
  disk: Disk,
  directory: string,
  supported: SupportedFeatures,
): readonly NewRecord[] {
  const path = `${directory}/${BOOTSTRAP_FILE}`;
  if (disk.status(path) === null) return defaultBootstrapRecords(supported);
  return readSnapshot(disk, path).values.map(decodeRecord);
}

/** Replaces the file; resolves when it survives a loss of power. */
export async function writeBootstrapRecords(
  world: { readonly disk: Disk; readonly clock: Clock },
  directory: string,
  records: readonly NewRecord[],
): Promise<void> {
  const names = { partial: `${BOOTSTRAP_FILE}.tmp`, final: BOOTSTRAP_FILE };
  const writer = new SnapshotWriter(world, directory, BOOTSTRAP_SNAPSHOT, names);
  writer.begin({ lastContainedLogTimestamp: 0, kraftVersion: 0, voters: null });
  for (const record of records) writer.append(encodeRecord(record));
  await writer.freeze();
}
