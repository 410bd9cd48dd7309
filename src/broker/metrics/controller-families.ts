/**
 * Kafka's KafkaController and raft-metrics: the second twice, by the names of jmx_exporter's
 * example (kafka_server_raft_metrics_...) and by those that Strimzi's dashboards ask for
 * (kafka_server_raftmetrics_...).
 */
import { RecentQuantiles } from "../../base/recent-quantiles.ts";
import { type Families, labelText, type MetricsText } from "../../base/metrics-text.ts";
import type { Clock } from "../../base/world.ts";
import type { BrokerRegistration } from "../../metadata/cluster-image.ts";
import type { MetadataImage } from "../../metadata/image.ts";
import type { MetadataNode } from "../../metadata/metadata-node.ts";
import { NO_LEADER } from "../../metadata/partition-registration.ts";

export function controllerFamilies(metadata: () => MetadataNode, clock: Clock): Families {
  const commits = new RecentQuantiles();
  const elections = new RecentQuantiles();
  return function* (out) {
    const node = metadata();
    yield* controller(out, node.image, node);
    yield* reader(out, node);
    const { commitsUs, electionsUs } = node.raft.stats;
    const nowMs = clock.monotonicMs();
    const commit = commits.readSummary(commitsUs, nowMs);
    const election = elections.readSummary(electionsUs, nowMs);
    yield* raft(out, node, [
      ["commit_latency_avg", "Until records are committed, ms", commit.mean / US_PER_MS],
      ["commit_latency_max", "The longest, ms", commit.max / US_PER_MS],
      ["election_latency_avg", "Until an election has a leader, ms", election.mean / US_PER_MS],
      ["election_latency_max", "The longest, ms", election.max / US_PER_MS],
    ]);
    const appended = node.raft.stats.appendedCount;
    out.one("bunka_raft_records_appended", "counter", "Records appended as the leader", appended);
  };
}

const US_PER_MS = 1000;
type Row = readonly [string, string, number];

/** Looked at without a break. */
const TOPICS_AT_ONCE = 64;

function* controller(
  out: MetricsText,
  { topics, cluster }: MetadataImage,
  node: MetadataNode,
): Iterable<void> {
  const brokers = [...cluster.brokers.values()];
  let offline = 0;
  let imbalanced = 0;
  let seen = 0;
  for (const { partitions } of topics.values()) {
    for (const { leader, replicas } of partitions) {
      if (leader === NO_LEADER) offline++;
      if (leader !== replicas[0]) imbalanced++;
    }
    if (++seen % TOPICS_AT_ONCE === 0) yield;
  }
  const isActive = node.raft.isLeader;
  const { leaderCount } = node.raft.stats;
  const rows: readonly (readonly [string, string, number])[] = [
    ["activecontrollercount", "1 on the active controller", Number(isActive)],
    ["activebrokercount", "Brokers that are not fenced", brokers.filter((b) => !b.fenced).length],
    ["fencedbrokercount", "Brokers that are fenced", brokers.filter((b) => b.fenced).length],
    ["globaltopiccount", "Topics of the cluster", topics.size],
    ["globalpartitioncount", "Partitions of the cluster", topics.partitionCount],
    ["offlinepartitionscount", "Partitions without a leader", offline],
    ["preferredreplicaimbalancecount", "Partitions not led by their first replica", imbalanced],
    [
      "controlledshutdownbrokercount",
      "Brokers that want to stop",
      brokers.filter((b) => b.inControlledShutdown).length,
    ],
    // Such an error ends the node.
    ["metadataerrorcount", "Errors in the metadata log", 0],
    ["newactivecontrollerscount", "Controllers that this node saw become active", leaderCount],
    // A heartbeat is answered in its turn: it does not wait in a queue.
    ["timedoutbrokerheartbeatcount", "Heartbeats that waited for too long", 0],
    ["lastappliedrecordoffset", "Offset of the last record applied", node.lastOffset],
    ["lastcommittedrecordoffset", "Offset of the last record committed", node.lastOffset],
    // The leader applies what it commits in the same turn.
    ["lastappliedrecordlagms", "How far the applied records are behind", 0],
    ["lastappliedrecordtimestamp", "Time of the last record applied", node.lastTimestamp],
  ];
  for (const [name, help, value] of rows) {
    out.one(`kafka_controller_kafkacontroller_${name}`, "gauge", help, value);
  }
  yield;
  for (const [name, help, value] of [
    ["brokerregistrationstate", "10 is fenced, 20 wants to stop, 30 is active", stateOf],
    [
      "timesincelastheartbeatreceivedms",
      "Since a broker was heard of, ms; 0 where another controller is active",
      ({ id }: BrokerRegistration) => node.silenceMs(id),
    ],
  ] as const) {
    out.family(`kafka_controller_kafkacontroller_${name}`, "gauge", help);
    for (const broker of brokers) out.sample(value(broker), labelText({ broker: `${broker.id}` }));
  }
  const { uncleanElectionCount, elrElectionCount } = node.stats;
  for (const [name, help, value] of [
    ["uncleanleaderelections", "Leaders elected that may lack records", uncleanElectionCount],
    [
      "electionfromeligibleleaderreplicas",
      "Leaders elected that were out of sync, and lack no records",
      elrElectionCount,
    ],
  ] as const) {
    out.one(`kafka_controller_controllerstats_${name}`, "counter", help, value);
  }
  yield;
}

/** Kafka's numbers. */
function stateOf({ fenced, inControlledShutdown }: BrokerRegistration): number {
  if (fenced) return 10;
  return inControlledShutdown ? 20 : 30;
}

/** What a broker reads of the metadata log, and whom it takes for the active controller. */
function* reader(out: MetricsText, node: MetadataNode): Iterable<void> {
  const { image, raft, stats } = node;
  const metadata = "kafka_server_broker_metadata_metrics";
  const loader = "kafka_server_metadataloader";
  const rows: readonly Row[] = [
    [`${metadata}_last_applied_record_offset`, "The last metadata record applied", node.lastOffset],
    [`${metadata}_last_applied_record_timestamp`, "Its time", node.lastTimestamp],
    [`${loader}_currentcontrollerid`, "The active controller; -1 for nobody", raft.leaderId],
    [`${loader}_currentmetadataversion`, "Level of metadata.version", image.metadataVersion],
    [`${loader}_handleloadsnapshotcount`, "Snapshots loaded", stats.loadedSnapshotCount],
  ];
  for (const [name, help, value] of rows) out.one(name, "gauge", help, value);
  out.family(`${loader}_finalizedlevel`, "gauge", "Levels of features");
  for (const [featureName, level] of image.features) out.sample(level, labelText({ featureName }));
  yield;
}

function* raft(out: MetricsText, { raft }: MetadataNode, times: readonly Row[]): Iterable<void> {
  const { state, voters, leaderId, epoch } = raft;
  const lastEpoch = raft.log.epochs.at(-1)?.epoch ?? 0;
  const rows: readonly Row[] = [
    ["current_leader", "Who leads the quorum; -1 for nobody", leaderId],
    ["current_vote", "Whom this node voted for; -1 for nobody", raft.votedId],
    ["current_epoch", "Epoch of the quorum", epoch],
    ["high_watermark", "High watermark of the metadata log", raft.highWatermark],
    ["log_end_offset", "End of the metadata log", raft.endOffset],
    ["log_end_epoch", "Epoch of the last record of the metadata log", lastEpoch],
    ["number_of_voters", "Voters of the quorum", voters.size],
    ["number_of_observers", "Observers of the quorum", raft.describe()?.observers.length ?? 0],
    ...times,
  ];
  for (const prefix of ["kafka_server_raft_metrics", "kafka_server_raftmetrics"]) {
    for (const [name, help, value] of rows) out.one(`${prefix}_${name}`, "gauge", help, value);
  }
  const help = "The state of this node in the quorum";
  const info = "kafka_server_raft_metrics_current_state_info";
  out.one(info, "gauge", help, 1, labelText({ state }));
  const strimzi = "kafka_server_raftmetrics_current_state";
  out.one(strimzi, "unknown", help, 1, labelText({ current_state: state }));
  yield;
}
