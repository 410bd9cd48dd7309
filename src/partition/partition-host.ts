/** What all partitions of a node share. */
import type { Clock } from "../base/world.ts";
import type { LogCuts } from "../log/log-cuts.ts";
import type { ClusterImage } from "../metadata/cluster-image.ts";
import type { IsrChanges } from "./isr-changes.ts";

export interface PartitionHost {
  readonly nodeId: number;
  readonly clock: Clock;
  /** Truncates logs. */
  readonly logs: LogCuts;
  readonly isrChanges: IsrChanges;
  /** As the metadata log has them now. */
  readonly cluster: () => ClusterImage;
  /** Of this incarnation of the node; -1 before it is registered. */
  readonly brokerEpoch: () => number;
  /** `replica.lag.time.max.ms` */
  readonly replicaLagTimeMaxMs: () => number;
}
