/**
 * Kafka's ShareGroupMetrics, SharePartitionMetrics and ShareSessionCache, and the
 * share-coordinator-metrics. Nothing is made to be looked at: without share groups there is none.
 */
import { RecentQuantiles } from "../../base/recent-quantiles.ts";
import { type Families, labelText, type MetricsText } from "../../base/metrics-text.ts";
import { Pace } from "../../base/slices.ts";
import type { Clock } from "../../base/world.ts";
import type { ShareCoordinator } from "../../coordinator/share/share-coordinator.ts";
import { AcknowledgeType } from "../share/record-state.ts";
import type { ShareFetching } from "../share/share-fetching.ts";
import type { SharePartition } from "../share/share-partition.ts";
import { histogramQuantiles } from "./histogram-quantiles.ts";

export interface MadeShares {
  readonly shareFetching: ShareFetching | null;
  readonly shareCoordinator: ShareCoordinator | null;
}

/** As Kafka names them; of gaps it says nothing. */
const ACKNOWLEDGE_TYPES = [
  ["Accept", AcknowledgeType.ACCEPT],
  ["Release", AcknowledgeType.RELEASE],
  ["Reject", AcknowledgeType.REJECT],
  ["Renew", AcknowledgeType.RENEW],
] as const;
const US_PER_MS = 1000;
/** Looked at without a break. */
const PARTITIONS_AT_ONCE = 64;

export function shareFamilies(
  made: () => MadeShares,
  partitionsMax: number,
  clock: Clock,
): Families {
  const loads = new RecentQuantiles();
  const writes = new RecentQuantiles();
  return function* (out) {
    const { shareFetching, shareCoordinator } = made();
    if (shareFetching !== null) {
      groups(out, shareFetching, loads, clock);
      yield* partitions(out, shareFetching, partitionsMax);
    }
    if (shareCoordinator !== null) coordinator(out, shareCoordinator, writes, clock);
    yield;
  };
}

function groups(
  out: MetricsText,
  { stats, sessions }: ShareFetching,
  loads: RecentQuantiles,
  clock: Clock,
): void {
  const acknowledgements = "kafka_server_sharegroupmetrics_recordacknowledgements";
  out.family(acknowledgements, "counter", "Records by what members said of them");
  for (const [ackType, type] of ACKNOWLEDGE_TYPES) {
    out.sample(stats.recordsWith(type), labelText({ ackType }));
  }
  const load = "kafka_server_sharegroupmetrics_partitionloadtimems";
  out.one(`${load}_count`, "unknown", "Share partitions loaded", stats.loadsUs.count);
  const nowMs = clock.monotonicMs();
  const shown = { recent: loads, histogram: stats.loadsUs, nowMs };
  histogramQuantiles(out, load, "Reading what was kept of a share partition", shown);
  const cache = "kafka_server_sharesessioncache";
  out.one(`${cache}_sharesessionscount`, "gauge", "Share sessions", sessions.size);
  const help = "Partitions of share sessions";
  out.one(`${cache}_sharepartitionscount`, "gauge", help, sessions.partitionCount);
}

const OF_EACH: readonly (readonly [string, "counter" | "gauge", string, Read])[] = [
  [
    "acquisitionlocktimeout",
    "counter",
    "Records whose member took too long",
    ({ expiredCount }) => expiredCount,
  ],
  [
    "inflightmessagecount",
    "gauge",
    "Offsets from the first in flight to the last",
    ({ inFlightCount }) => inFlightCount,
  ],
  [
    "inflightbatchcount",
    "gauge",
    "Batches in flight",
    ({ inFlightBatchCount }) => inFlightBatchCount,
  ],
];
type Read = (sharePartition: SharePartition) => number;

function* partitions(
  out: MetricsText,
  shareFetching: ShareFetching,
  partitionsMax: number,
): Iterable<void> {
  for (const [name, type, help, read] of OF_EACH) {
    out.family(`kafka_server_sharepartitionmetrics_${name}`, type, help);
    let count = 0;
    const pace = new Pace(PARTITIONS_AT_ONCE);
    for (const sharePartition of shareFetching.partitions) {
      if (count++ >= partitionsMax) break;
      const { key, partition } = sharePartition;
      const index = `${key.partition}`;
      const labels = { group: key.groupId, topic: partition.topic, partition: index };
      out.sample(read(sharePartition), labelText(labels));
      if (pace.endsStep()) yield;
    }
    yield;
  }
}

function coordinator(
  out: MetricsText,
  { writesUs }: ShareCoordinator,
  writes: RecentQuantiles,
  clock: Clock,
): void {
  const name = "kafka_server_share_coordinator_metrics_write";
  out.one(`${name}_total`, "unknown", "States written", writesUs.count);
  const { mean, max } = writes.readSummary(writesUs, clock.monotonicMs());
  out.one(`${name}_latency_avg`, "gauge", "Until a state is kept, ms", mean / US_PER_MS);
  out.one(`${name}_latency_max`, "gauge", "The longest, ms", max / US_PER_MS);
}
