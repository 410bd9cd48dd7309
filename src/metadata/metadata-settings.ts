/** Settings of the metadata log and of the controller, under Kafka's names in camelCase. */
import { DEFAULT_LOG_CONFIG, type LogConfig } from "../log/log-config.ts";
import type { RaftConfig } from "../raft/core/state.ts";
import { BATCH_SIZE_MAX } from "../raft/raft-batch.ts";

export interface MetadataSettings {
  readonly metadataLogSegmentBytes: number;
  readonly metadataLogSegmentMs: number;
  /** A snapshot follows when so many bytes were committed since the last. */
  readonly metadataLogMaxRecordBytesBetweenSnapshots: number;
  /** Or when so much time has gone; 0: never. */
  readonly metadataLogMaxSnapshotIntervalMs: number;
  /** Of log and snapshots together; -1 keeps all. */
  readonly metadataMaxRetentionBytes: number;
  readonly metadataMaxRetentionMs: number;
  /** A NoOpRecord is written when nothing else was for so long, and others read; 0: never. */
  readonly metadataMaxIdleIntervalMs: number;
  readonly brokerSessionTimeoutMs: number;
  readonly autoLeaderRebalanceEnable: boolean;
  readonly leaderImbalanceCheckIntervalMs: number;
  readonly uncleanLeaderElectionIntervalMs: number;
}

export const DEFAULT_METADATA_SETTINGS: MetadataSettings = {
  metadataLogSegmentBytes: 1024 * 1024 * 1024,
  metadataLogSegmentMs: 604_800_000,
  metadataLogMaxRecordBytesBetweenSnapshots: 20 * 1024 * 1024,
  metadataLogMaxSnapshotIntervalMs: 3_600_000,
  metadataMaxRetentionBytes: 100 * 1024 * 1024,
  metadataMaxRetentionMs: 604_800_000,
  metadataMaxIdleIntervalMs: 500,
  brokerSessionTimeoutMs: 9000,
  autoLeaderRebalanceEnable: true,
  leaderImbalanceCheckIntervalMs: 300_000,
  uncleanLeaderElectionIntervalMs: 300_000,
};

/** Of the quorum: `controller.quorum.*`. */
export type QuorumSettings = Pick<
  RaftConfig,
  | "listener"
  | "bootstrapServers"
  | "canBecomeVoter"
  | "autoJoin"
  | "electionTimeoutMs"
  | "electionBackoffMaxMs"
  | "fetchTimeoutMs"
  | "requestTimeoutMs"
  | "retryBackoffMs"
  | "fetchMaxBytes"
  | "fetchSnapshotMaxBytes"
>;

export const DEFAULT_QUORUM_SETTINGS: QuorumSettings = {
  listener: "CONTROLLER",
  bootstrapServers: [],
  canBecomeVoter: true,
  autoJoin: false,
  electionTimeoutMs: 1000,
  electionBackoffMaxMs: 1000,
  fetchTimeoutMs: 2000,
  requestTimeoutMs: 2000,
  retryBackoffMs: 20,
  fetchMaxBytes: 1_048_576,
  fetchSnapshotMaxBytes: 1_048_576,
};

/** Records go by snapshots alone, never by age or size. */
export function metadataLogConfig(settings: MetadataSettings): LogConfig {
  return {
    ...DEFAULT_LOG_CONFIG,
    maxMessageBytes: BATCH_SIZE_MAX,
    segmentBytes: settings.metadataLogSegmentBytes,
    segmentMs: settings.metadataLogSegmentMs,
    retentionBytes: -1,
    retentionMs: -1,
  };
}
