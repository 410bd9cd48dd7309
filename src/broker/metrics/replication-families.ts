/** Kafka's ReplicaFetcherManager, and what its ReplicaManager counts of changes of ISRs. */
import { type Families, labelText } from "../../base/metrics-text.ts";
import type { Partitions } from "../../partition/partitions.ts";
import type { ReplicationManager } from "../replication-manager.ts";

const CLIENT = labelText({ clientId: "Replica" });

export function replicationFamilies(
  partitions: Partitions,
  replication: ReplicationManager,
): Families {
  return function* (out) {
    const { isrShrinks, isrExpands, failedIsrUpdates } = partitions.totalStats();
    yield;
    const changes: readonly (readonly [string, string, number])[] = [
      ["isrshrinks", "Replicas taken out of an ISR, by change", isrShrinks],
      ["isrexpands", "Replicas taken into an ISR, by change", isrExpands],
      ["failedisrupdates", "Changes of ISRs that the controller refused", failedIsrUpdates],
    ];
    for (const [name, help, value] of changes) {
      out.one(`kafka_server_replicamanager_${name}`, "counter", help, value);
    }
    let lagMax = 0;
    let failed = 0;
    for (const fetcher of replication.fetchers()) {
      lagMax = Math.max(lagMax, fetcher.lagMax);
      failed += fetcher.failedCount;
    }
    const gauges: readonly (readonly [string, string, number])[] = [
      ["maxlag", "Records that a follower here is behind, at most", lagMax],
      ["failedpartitionscount", "Partitions that cannot be followed", failed],
    ];
    for (const [name, help, value] of gauges) {
      out.one(`kafka_server_replicafetchermanager_${name}`, "gauge", help, value, CLIENT);
    }
    yield;
  };
}
