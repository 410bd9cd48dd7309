/** What Kafka's metrics count of the metadata log, as of when this node started to read it. */
import type { MetadataDelta } from "./delta.ts";

export class MetadataStats {
  uncleanElectionCount = 0;
  elrElectionCount = 0;
  /** Of other nodes, in place of what this one had. */
  loadedSnapshotCount = 0;

  add({ uncleanElectionCount, elrElectionCount }: MetadataDelta): void {
    this.uncleanElectionCount += uncleanElectionCount;
    this.elrElectionCount += elrElectionCount;
  }
}
