/** Kafka's ReplicaFetcherManager, and what its ReplicaManager counts of changes of ISRs. */
import { type Families, labelText, type MetricsText } from "../../base/metrics-text.ts";
import { Pace } from "../../base/slices.ts";
import type { Partitions } from "../../partition/partitions.ts";
import type { LeaderFetcher } from "../../partition/replication/leader-fetcher.ts";
import type { ReplicationManager } from "../replication-manager.ts";

const CLIENT = labelText({ clientId: "Replica" });

export function replicationFamilies(
  partitions: Partitions,
  replication: ReplicationManager,
  partitionsMax: number,
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
      // A fetcher that fails is a bug, which ends the node.
      ["deadthreadcount", "Fetchers that ended by a failure", 0],
    ];
    for (const [name, help, value] of gauges) {
      out.one(`kafka_server_replicafetchermanager_${name}`, "gauge", help, value, CLIENT);
    }
    yield* eachFetcher(out, replication.fetchers());
    yield* eachLag(out, replication.fetchers(), partitionsMax);
  };
}

/** Kafka's FetcherStats. */
function* eachFetcher(out: MetricsText, fetchers: readonly LeaderFetcher[]): Iterable<void> {
  for (const [name, help, value] of [
    ["bytes", "Bytes fetched from a leader", ({ receivedBytes }: LeaderFetcher) => receivedBytes],
    ["requests", "Fetches that a leader answered", ({ answerCount }: LeaderFetcher) => answerCount],
  ] as const) {
    out.family(`kafka_server_fetcherstats_${name}`, "counter", help);
    for (const [index, fetcher] of fetchers.entries()) {
      out.sample(value(fetcher), clientOf(fetcher, index));
    }
  }
  yield;
}

/** Kafka's FetcherLagMetrics. */
function* eachLag(
  out: MetricsText,
  fetchers: readonly LeaderFetcher[],
  partitionsMax: number,
): Iterable<void> {
  const help = "Records that are committed and not here yet";
  out.family("kafka_server_fetcherlagmetrics_consumerlag", "gauge", help);
  let count = 0;
  const pace = new Pace(PARTITIONS_AT_ONCE);
  for (const [index, fetcher] of fetchers.entries()) {
    const clientId = nameOf(fetcher, index);
    for (const { replica, lag } of fetcher.partitions) {
      if (count++ >= partitionsMax) return;
      const { topic, index: partition } = replica;
      out.sample(lag ?? 0, labelText({ clientId, topic, partition: `${partition}` }));
      if (pace.endsStep()) yield;
    }
  }
  yield;
}

/** Looked at without a break. */
const PARTITIONS_AT_ONCE = 64;

/** As Kafka names its threads. */
function nameOf({ leaderId }: LeaderFetcher, index: number): string {
  return `ReplicaFetcherThread-${index}-${leaderId}`;
}

function clientOf(fetcher: LeaderFetcher, index: number): string {
  const { address } = fetcher;
  const at = address.lastIndexOf(":");
  return labelText({
    clientId: nameOf(fetcher, index),
    brokerHost: address.slice(0, at),
    brokerPort: address.slice(at + 1),
  });
}

/** Kafka's AssignmentsManager. */
export function assignmentFamilies(waitingCount: () => number): Families {
  return function* (out) {
    const name = "kafka_server_assignmentsmanager_queuedreplicatodirassignments";
    const help = "Replicas whose directory the controller is still to be told";
    out.one(name, "gauge", help, waitingCount());
    yield;
  };
}
