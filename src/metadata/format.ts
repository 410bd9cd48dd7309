/**
 * What `storage format` puts into a log directory besides meta.properties:
 *
 *   bootstrap.checkpoint                       in every directory: the first records of the log
 *   __cluster_metadata-0/%020d-%010d.checkpoint   in the metadata directory, with dynamic voters:
 *                                              offset 0, epoch 0, with the first voters
 */
import type { Clock, Disk } from "../base/world.ts";
import { CLUSTER_METADATA_TOPIC } from "../log/log-names.ts";
import { BOOTSTRAP_SNAPSHOT } from "../raft/snapshot-name.ts";
import { SnapshotWriter } from "../raft/snapshot-writer.ts";
import type { VoterSet } from "../raft/voter-set.ts";
import { writeBootstrapRecords } from "./bootstrap-file.ts";
import type { NewRecord } from "./record.ts";

type FormatWorld = { readonly disk: Disk; readonly clock: Clock };

/** `voters` is null for static ones, and for a directory that is not the metadata directory. */
export async function formatMetadata(
  world: FormatWorld,
  directory: string,
  bootstrapRecords: readonly NewRecord[],
  voters: VoterSet | null,
): Promise<void> {
  await writeBootstrapRecords(world, directory, bootstrapRecords);
  if (voters !== null) await writeFirstVoters(world, directory, voters);
}

async function writeFirstVoters(
  world: FormatWorld,
  directory: string,
  voters: VoterSet,
): Promise<void> {
  const partition = `${directory}/${CLUSTER_METADATA_TOPIC}-0`;
  world.disk.makeDirectory(partition);
  const writer = new SnapshotWriter(world, partition, BOOTSTRAP_SNAPSHOT);
  const lastContainedLogTimestamp = world.clock.wallMs();
  writer.begin({ lastContainedLogTimestamp, kraftVersion: 1, voters });
  await writer.freeze();
  await world.disk.syncDirectory(directory);
}
