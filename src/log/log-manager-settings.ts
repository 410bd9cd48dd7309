/** What the settings of a broker say to its logs. */
import type { CleanerSettings } from "./cleaner/log-cleaner.ts";

/** Broker settings, by Kafka's names. Looked at whenever they count, so they may change. */
export interface LogSettings extends CleanerSettings {
  readonly logCleanerEnable: boolean;
  readonly logFlushOffsetCheckpointIntervalMs: number;
  readonly logFlushStartOffsetCheckpointIntervalMs: number;
  readonly logInitialTaskDelayMs: number;
  readonly logRetentionCheckIntervalMs: number;
  readonly logSegmentDeleteDelayMs: number;
  readonly numIoThreads: number;
  readonly numRecoveryThreadsPerDataDir: number;
  readonly producerIdExpirationCheckIntervalMs: number;
  readonly producerIdExpirationMs: number;
  readonly replicaHighWatermarkCheckpointIntervalMs: number;
  readonly transactionPartitionVerificationEnable: boolean;
}

export const DEFAULT_LOG_SETTINGS: LogSettings = {
  logCleanerBackoffMs: 15_000,
  logCleanerDedupeBufferSize: 134_217_728,
  logCleanerEnable: true,
  logCleanerIoBufferLoadFactor: 0.9,
  logCleanerIoBufferSize: 524_288,
  logCleanerIoMaxBytesPerSecond: Number.MAX_VALUE,
  logCleanerThreads: 1,
  logFlushOffsetCheckpointIntervalMs: 60_000,
  logFlushStartOffsetCheckpointIntervalMs: 60_000,
  logInitialTaskDelayMs: 30_000,
  logRetentionCheckIntervalMs: 300_000,
  logSegmentDeleteDelayMs: 60_000,
  numIoThreads: 8,
  numRecoveryThreadsPerDataDir: 2,
  producerIdExpirationCheckIntervalMs: 600_000,
  producerIdExpirationMs: 86_400_000,
  replicaHighWatermarkCheckpointIntervalMs: 5_000,
  transactionPartitionVerificationEnable: true,
};
