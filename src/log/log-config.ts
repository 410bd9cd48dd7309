/**
 * What a topic's settings say about its log: the topic settings of Kafka 4.3.1 by their names in
 * camelCase, with their defaults. A broker overrides the defaults from its own settings, a topic
 * from its configs; the log takes the result whole (`log.updateConfig`).
 */

export type CompressionSetting = "producer" | "uncompressed" | "gzip" | "snappy" | "lz4" | "zstd";

export type TimestampTypeSetting = "CreateTime" | "LogAppendTime";

export type CleanupPolicy = "delete" | "compact";

export interface LogConfig {
  readonly cleanupPolicy: readonly CleanupPolicy[];
  readonly compressionGzipLevel: number;
  readonly compressionLz4Level: number;
  readonly compressionType: CompressionSetting;
  readonly compressionZstdLevel: number;
  readonly deleteRetentionMs: number;
  readonly fileDeleteDelayMs: number;
  /** NEVER when only time or the kernel flushes. */
  readonly flushMessages: number;
  readonly flushMs: number;
  readonly followerReplicationThrottledReplicas: readonly string[];
  readonly indexIntervalBytes: number;
  readonly leaderReplicationThrottledReplicas: readonly string[];
  /** -2 takes the value of `retentionBytes`. */
  readonly localRetentionBytes: number;
  /** -2 takes the value of `retentionMs`. */
  readonly localRetentionMs: number;
  readonly maxCompactionLagMs: number;
  readonly maxMessageBytes: number;
  readonly messageTimestampAfterMaxMs: number;
  readonly messageTimestampBeforeMaxMs: number;
  readonly messageTimestampType: TimestampTypeSetting;
  readonly minCleanableDirtyRatio: number;
  readonly minCompactionLagMs: number;
  readonly minInsyncReplicas: number;
  readonly preallocate: boolean;
  readonly remoteLogCopyDisable: boolean;
  readonly remoteLogDeleteOnDisable: boolean;
  readonly remoteStorageEnable: boolean;
  /** -1 keeps all. */
  readonly retentionBytes: number;
  /** -1 keeps all. */
  readonly retentionMs: number;
  readonly segmentBytes: number;
  readonly segmentIndexBytes: number;
  readonly segmentJitterMs: number;
  readonly segmentMs: number;
  readonly uncleanLeaderElectionEnable: boolean;
}

/** Kafka's Long.MAX_VALUE: "never" as a time, "no bound" as a count. */
export const NEVER = 2 ** 63;

export const DEFAULT_LOG_CONFIG: LogConfig = {
  cleanupPolicy: ["delete"],
  compressionGzipLevel: -1,
  compressionLz4Level: 9,
  compressionType: "producer",
  compressionZstdLevel: 3,
  deleteRetentionMs: 86_400_000,
  fileDeleteDelayMs: 60_000,
  flushMessages: NEVER,
  flushMs: NEVER,
  followerReplicationThrottledReplicas: [],
  indexIntervalBytes: 4096,
  leaderReplicationThrottledReplicas: [],
  localRetentionBytes: -2,
  localRetentionMs: -2,
  maxCompactionLagMs: NEVER,
  maxMessageBytes: 1_048_588,
  messageTimestampAfterMaxMs: 3_600_000,
  messageTimestampBeforeMaxMs: NEVER,
  messageTimestampType: "CreateTime",
  minCleanableDirtyRatio: 0.5,
  minCompactionLagMs: 0,
  minInsyncReplicas: 1,
  preallocate: false,
  remoteLogCopyDisable: false,
  remoteLogDeleteOnDisable: false,
  remoteStorageEnable: false,
  retentionBytes: -1,
  retentionMs: 604_800_000,
  segmentBytes: 1_073_741_824,
  segmentIndexBytes: 10_485_760,
  segmentJitterMs: 0,
  segmentMs: 604_800_000,
  uncleanLeaderElectionEnable: false,
};

export function isCompacted(config: Pick<LogConfig, "cleanupPolicy">): boolean {
  return config.cleanupPolicy.includes("compact");
}

/** With neither policy (or with `delete`), old segments go by time and size. */
export function isDeleted(config: LogConfig): boolean {
  return config.cleanupPolicy.includes("delete");
}

/** Whether records are flushed before, or soon after, they are acknowledged. */
export function isFlushed({ flushMessages, flushMs }: LogConfig): boolean {
  return flushMessages < NEVER || flushMs < NEVER;
}
