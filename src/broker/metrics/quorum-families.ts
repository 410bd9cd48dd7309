/**
 * What a node reads of the metadata log, and what it is in the quorum: Kafka's
 * broker-metadata-metrics, MetadataLoader, SnapshotEmitter, node-metrics and raft-metrics. The last
 * twice, by the names of jmx_exporter's example (kafka_server_raft_metrics_...) and by those that
 * Strimzi's dashboards ask for (kafka_server_raftmetrics_...).
 */
import { RecentQuantiles } from "../../base/recent-quantiles.ts";
import { type Families, labelText, type MetricsText } from "../../base/metrics-text.ts";
import type { Clock } from "../../base/world.ts";
import type { SupportedFeatures } from "../../metadata/features.ts";
import type { MetadataNode } from "../../metadata/metadata-node.ts";

const US_PER_MS = 1000;
type Row = readonly [string, string, number];

export function quorumFamilies(
  metadata: () => MetadataNode,
  features: SupportedFeatures,
  clock: Clock,
): Families {
  const commits = new RecentQuantiles();
  const elections = new RecentQuantiles();
  return function* (out) {
    const node = metadata();
    yield* reader(out, node, clock);
    yield* levels(out, features);
    const { commitsUs, electionsUs, appendedCount } = node.raft.stats;
    const nowMs = clock.monotonicMs();
    const commit = commits.readSummary(commitsUs, nowMs);
    const election = elections.readSummary(electionsUs, nowMs);
    yield* raft(out, node, [
      ["commit_latency_avg", "Until records are committed, ms", commit.mean / US_PER_MS],
      ["commit_latency_max", "The longest, ms", commit.max / US_PER_MS],
      ["election_latency_avg", "Until an election has a leader, ms", election.mean / US_PER_MS],
      ["election_latency_max", "The longest, ms", election.max / US_PER_MS],
    ]);
    const help = "Records appended as the leader";
    out.one("bunka_raft_records_appended", "counter", help, appendedCount);
  };
}

function* levels(out: MetricsText, features: SupportedFeatures): Iterable<void> {
  for (const [end, help] of [
    ["maximum", "The highest level of a feature that this node knows"],
    ["minimum", "The lowest"],
  ] as const) {
    out.family(`kafka_server_node_metrics_${end}_supported_level`, "gauge", help);
    for (const [feature_name, { min, max }] of features) {
      out.sample(end === "maximum" ? max : min, labelText({ feature_name }));
    }
  }
  yield;
}

/** What a broker reads of the metadata log, and whom it takes for the active controller. */
function* reader(out: MetricsText, node: MetadataNode, clock: Clock): Iterable<void> {
  const { image, raft, stats, lastTimestamp, latestSnapshot } = node;
  const metadata = "kafka_server_broker_metadata_metrics";
  const loader = "kafka_server_metadataloader";
  const emitter = "kafka_server_snapshotemitter_latestsnapshotgenerated";
  const lagMs = clock.wallMs() - lastTimestamp;
  const ageMs = clock.monotonicMs() - latestSnapshot.writtenMs;
  const rows: readonly Row[] = [
    [`${metadata}_last_applied_record_offset`, "The last metadata record applied", node.lastOffset],
    [`${metadata}_last_applied_record_timestamp`, "Its time", lastTimestamp],
    [`${metadata}_last_applied_record_lag_ms`, "Its age", lagMs],
    // Such an error ends the node.
    [`${metadata}_metadata_load_error_count`, "Errors while the metadata log was read", 0],
    [`${metadata}_metadata_apply_error_count`, "Errors while it was applied", 0],
    [
      `${emitter}bytes`,
      "Size of the latest snapshot that this node wrote; 0 before",
      latestSnapshot.size,
    ],
    [`${emitter}agems`, "Its age, ms; before that as of the start", ageMs],
    [
      `${metadata}_ignored_static_voters`,
      "1 where settings name voters in vain",
      Number(raft.ignoresStaticVoters),
    ],
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
  const description = raft.describe();
  const isChanging = Number(raft.isChangingVoters);
  const ofLeader: readonly Row[] =
    description === null
      ? []
      : [
          ["number_of_observers", "Observers of the quorum", description.observers.length],
          ["uncommitted_voter_change", "1 while a change of voters is not committed", isChanging],
        ];
  const lastEpoch = raft.log.epochs.at(-1)?.epoch ?? 0;
  const rows: readonly Row[] = [
    ["current_leader", "Who leads the quorum; -1 for nobody", leaderId],
    ["current_vote", "Whom this node voted for; -1 for nobody", raft.votedId],
    ["current_epoch", "Epoch of the quorum", epoch],
    ["high_watermark", "High watermark of the metadata log", raft.highWatermark],
    ["log_end_offset", "End of the metadata log", raft.endOffset],
    ["log_end_epoch", "Epoch of the last record of the metadata log", lastEpoch],
    ["number_of_voters", "Voters of the quorum", voters.size],
    // Kafka writes no other number.
    ["number_unknown_voter_connections", "Voters whose address is not known", 0],
    ...times,
    ...ofLeader,
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
