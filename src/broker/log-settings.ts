/** What the settings say to the logs and to the metadata log. Asked anew each time. */
import type { LogSettings } from "../log/log-manager.ts";
import type { MetadataSettings } from "../metadata/metadata-settings.ts";
import type { Settings } from "./settings/settings.ts";

export function logSettings(settings: Settings): LogSettings {
  return {
    get logCleanerBackoffMs() {
      return settings.get("log.cleaner.backoff.ms");
    },
    get logCleanerDedupeBufferSize() {
      return settings.get("log.cleaner.dedupe.buffer.size");
    },
    get logCleanerEnable() {
      return settings.get("log.cleaner.enable");
    },
    get logCleanerIoBufferLoadFactor() {
      return settings.get("log.cleaner.io.buffer.load.factor");
    },
    get logCleanerIoBufferSize() {
      return settings.get("log.cleaner.io.buffer.size");
    },
    get logCleanerIoMaxBytesPerSecond() {
      return settings.get("log.cleaner.io.max.bytes.per.second");
    },
    get logCleanerThreads() {
      return settings.get("log.cleaner.threads");
    },
    get logFlushOffsetCheckpointIntervalMs() {
      return settings.get("log.flush.offset.checkpoint.interval.ms");
    },
    get logFlushStartOffsetCheckpointIntervalMs() {
      return settings.get("log.flush.start.offset.checkpoint.interval.ms");
    },
    get logInitialTaskDelayMs() {
      return settings.get("log.initial.task.delay.ms");
    },
    get logRetentionCheckIntervalMs() {
      return settings.get("log.retention.check.interval.ms");
    },
    get logSegmentDeleteDelayMs() {
      return settings.get("log.segment.delete.delay.ms");
    },
    get numIoThreads() {
      return settings.get("num.io.threads");
    },
    get numRecoveryThreadsPerDataDir() {
      return settings.get("num.recovery.threads.per.data.dir");
    },
    get producerIdExpirationCheckIntervalMs() {
      return settings.get("producer.id.expiration.check.interval.ms");
    },
    get producerIdExpirationMs() {
      return settings.get("producer.id.expiration.ms");
    },
    get replicaHighWatermarkCheckpointIntervalMs() {
      return settings.get("replica.high.watermark.checkpoint.interval.ms");
    },
    get transactionPartitionVerificationEnable() {
      return settings.get("transaction.partition.verification.enable");
    },
  };
}

/** Taken once: none of them can be changed while the node runs. */
export function metadataSettings(settings: Settings): MetadataSettings {
  return {
    metadataLogSegmentBytes:
      settings.get("internal.metadata.log.segment.bytes") ??
      settings.get("metadata.log.segment.bytes"),
    metadataLogSegmentMs: settings.get("metadata.log.segment.ms"),
    metadataLogMaxRecordBytesBetweenSnapshots: settings.get(
      "metadata.log.max.record.bytes.between.snapshots",
    ),
    metadataLogMaxSnapshotIntervalMs: settings.get("metadata.log.max.snapshot.interval.ms"),
    metadataMaxRetentionBytes: settings.get("metadata.max.retention.bytes"),
    metadataMaxRetentionMs: settings.get("metadata.max.retention.ms"),
    metadataMaxIdleIntervalMs: settings.get("metadata.max.idle.interval.ms"),
    brokerSessionTimeoutMs: settings.get("broker.session.timeout.ms"),
    autoLeaderRebalanceEnable: settings.get("auto.leader.rebalance.enable"),
    leaderImbalanceCheckIntervalMs:
      settings.get("leader.imbalance.check.interval.seconds") * MS_PER_SECOND,
    uncleanLeaderElectionIntervalMs: settings.get("unclean.leader.election.interval.ms"),
  };
}

const MS_PER_SECOND = 1000;
