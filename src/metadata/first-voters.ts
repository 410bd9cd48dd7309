/**
 * The snapshot by which a metadata log with dynamic voters begins: it holds who votes, and nothing
 * else. `storage format` writes it.
 *
 *     __cluster_metadata-0/00000000000000000000-0000000000.checkpoint
 */
import type { Clock, Disk } from "../base/world.ts";
import { CLUSTER_METADATA_TOPIC } from "../log/log-names.ts";
import { BOOTSTRAP_SNAPSHOT } from "../raft/snapshot-name.ts";
import { SnapshotWriter } from "../raft/snapshot-writer.ts";
import type { VoterSet } from "../raft/voter-set.ts";

/** Durable when it resolves, as far as `metadataLogDir` is. */
export async function writeFirstVoters(
  world: { readonly disk: Disk; readonly clock: Clock },
  metadataLogDir: string,
  kraftVersion: number,
  voters: VoterSet,
): Promise<void> {
  const directory = `${metadataLogDir}/${CLUSTER_METADATA_TOPIC}-0`;
  world.disk.makeDirectory(directory);
  await world.disk.syncDirectory(metadataLogDir);
  const writer = new SnapshotWriter(world, directory, BOOTSTRAP_SNAPSHOT);
  writer.begin({ lastContainedLogTimestamp: world.clock.wallMs(), kraftVersion, voters });
  await writer.freeze();
}
