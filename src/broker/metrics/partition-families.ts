/**
 * Kafka's ReplicaManager, and of each partition its Partition and Log beans. Partitions are looked
 * at a few at a time: they may be many, and change meanwhile.
 */
import { type Families, labelText, type MetricsText } from "../../base/metrics-text.ts";
import { Pace } from "../../base/slices.ts";
import type { Partition } from "../../partition/partition.ts";
import type { Partitions } from "../../partition/partitions.ts";
import type { FetchSessions } from "../fetch-sessions.ts";

export function partitionFamilies(
  partitions: Partitions,
  { waits }: FetchSessions,
  nodeId: number,
  partitionsMax: number,
  lateBeforeMs: () => number,
): Families {
  return function* (out) {
    yield* replicaManager(out, partitions, waits.count, nodeId, lateBeforeMs());
    for (const [name, help, value] of OF_EACH) {
      out.family(name, "gauge", help);
      yield* eachPartition(partitions, partitionsMax, (partition, labels) => {
        out.sample(value(partition), labels);
      });
    }
  };
}

type Row = readonly [string, string, (partition: Partition) => number];

const OF_EACH: readonly Row[] = [
  ["kafka_log_log_size", "Bytes of a log", ({ log }) => log.size],
  ["kafka_log_log_numlogsegments", "Segments of a log", ({ log }) => log.segmentCount],
  ["kafka_log_log_logstartoffset", "The first offset of a log", ({ log }) => log.logStartOffset],
  ["kafka_log_log_logendoffset", "The next offset of a log", ({ log }) => log.logEndOffset],
  [
    "kafka_cluster_partition_replicascount",
    "Replicas, where this node leads",
    (partition) => (partition.isLeader ? partition.registration.replicas.length : 0),
  ],
  [
    "kafka_cluster_partition_insyncreplicascount",
    "Replicas in sync, where this node leads",
    (partition) => (partition.isLeader ? partition.registration.isr.length : 0),
  ],
  [
    "kafka_cluster_partition_underreplicated",
    "1 where this node leads and replicas are out of sync",
    (partition) => Number(isUnderReplicated(partition)),
  ],
  [
    "kafka_cluster_partition_underminisr",
    "1 where this node leads and too few are in sync for acks=all",
    (partition) => Number(partition.isLeader && partition.isUnderMinIsr),
  ],
  [
    "kafka_cluster_partition_atminisr",
    "1 where this node leads and just enough are in sync for acks=all",
    (partition) => Number(partition.isLeader && partition.isAtMinIsr),
  ],
  [
    "kafka_cluster_partition_laststableoffsetlag",
    "Records behind the first open transaction",
    ({ log }) => log.highWatermark - log.lastStableOffset,
  ],
];
/** Looked at without a break: well below a millisecond. */
const PARTITIONS_AT_ONCE = 64;

function* eachPartition(
  partitions: Iterable<Partition>,
  partitionsMax: number,
  look: (partition: Partition, labels: string) => void,
): Iterable<void> {
  let count = 0;
  const pace = new Pace(PARTITIONS_AT_ONCE);
  for (const partition of partitions) {
    if (count++ >= partitionsMax) return;
    const { topic, index } = partition;
    look(partition, labelText({ topic, partition: `${index}` }));
    if (pace.endsStep()) yield;
  }
  yield;
}

function* replicaManager(
  out: MetricsText,
  partitions: Iterable<Partition>,
  waitingFetches: number,
  nodeId: number,
  lateBeforeMs: number,
): Iterable<void> {
  const counts = { all: 0, led: 0, offline: 0, underReplicated: 0, underMinIsr: 0, atMinIsr: 0 };
  let late = 0;
  let reassigning = 0;
  let producerIds = 0;
  let waiting = 0;
  const pace = new Pace(PARTITIONS_AT_ONCE);
  for (const partition of partitions) {
    counts.all++;
    waiting += partition.waitingCount;
    const { producers, oldestOngoingTimestamp } = partition.log.state.producers.state;
    producerIds += producers.size;
    if (partition.log.failure !== null) counts.offline++;
    const { addingReplicas } = partition.registration;
    if (partition.isLeader) {
      counts.led++;
      if (oldestOngoingTimestamp > 0 && oldestOngoingTimestamp < lateBeforeMs) late++;
      if (addingReplicas.length > 0) reassigning++;
      if (isUnderReplicated(partition)) counts.underReplicated++;
      if (partition.isUnderMinIsr) counts.underMinIsr++;
      if (partition.isAtMinIsr) counts.atMinIsr++;
    } else if (addingReplicas.includes(nodeId)) reassigning++;
    if (pace.endsStep()) yield;
  }
  const rows: readonly (readonly [string, string, number])[] = [
    ["partitioncount", "Partitions with a replica here", counts.all],
    ["leadercount", "Partitions that this node leads", counts.led],
    ["offlinereplicacount", "Replicas whose log directory is offline", counts.offline],
    [
      "underreplicatedpartitions",
      "Led partitions with replicas out of sync",
      counts.underReplicated,
    ],
    ["underminisrpartitioncount", "Led partitions with too few in sync", counts.underMinIsr],
    ["atminisrpartitioncount", "Led partitions with just enough in sync", counts.atMinIsr],
    ["reassigningpartitions", "Partitions that move", reassigning],
    [
      "partitionswithlatetransactionscount",
      "Led partitions with a transaction that is open for longer than any may be",
      late,
    ],
    ["produceridcount", "Producers that logs remember", producerIds],
  ];
  for (const [name, help, value] of rows) {
    out.one(`kafka_server_replicamanager_${name}`, "gauge", help, value);
  }
  out.family("kafka_server_delayedoperationpurgatory_purgatorysize", "gauge", "Requests that wait");
  out.sample(waiting, labelText({ delayedOperation: "Produce" }));
  out.sample(waitingFetches, labelText({ delayedOperation: "Fetch" }));
  yield;
}

function isUnderReplicated({ isLeader, registration }: Partition): boolean {
  return isLeader && registration.isr.length < registration.replicas.length;
}
