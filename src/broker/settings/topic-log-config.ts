/** What holds for a topic: its own settings, and the broker's where it has none. */
import type { CleanupPolicy, LogConfig } from "../../log/log-config.ts";
import { logFlushIntervalMs, logRetentionMs, logRollJitterMs, logRollMs } from "./effective.ts";
import { SettingError } from "./setting-error.ts";
import type { Setting, SettingValue, ValueOf } from "./setting.ts";
import type { SettingTexts, Settings } from "./settings.ts";
import { topicSettings } from "./topic-settings.ts";
import { defaultOf, parseSetting } from "./value.ts";

export type TopicSettingName = keyof typeof topicSettings;

export const topicTable: ReadonlyMap<string, Setting> = new Map(Object.entries(topicSettings));

/** The value that a topic has; `overrides` are its own settings. */
function topicValue(
  settings: Settings,
  overrides: SettingTexts,
  name: TopicSettingName,
): SettingValue {
  const setting: Setting = topicSettings[name];
  const own = overrides.get(name);
  return (own === undefined ? undefined : parsed(name, setting, own)) ?? fromBroker(settings, name);
}

/** The value of a topic without settings of its own. */
export function fromBroker(settings: Settings, name: TopicSettingName): SettingValue {
  const setting: Setting = topicSettings[name];
  switch (setting.brokerName) {
    case null:
      return defaultOf(name, setting);
    case "log.retention.ms":
      return logRetentionMs(settings);
    case "log.roll.ms":
      return logRollMs(settings);
    case "log.roll.jitter.ms":
      return logRollJitterMs(settings);
    case "log.flush.interval.ms":
      return logFlushIntervalMs(settings);
    default:
      return settings.valueOf(setting.brokerName);
  }
}

/** Everything that a topic's log needs to know. */
export function topicLogConfig(settings: Settings, overrides: SettingTexts): LogConfig {
  const get = <N extends TopicSettingName>(name: N) =>
    // The row of a name types its value, which `topicValue` cannot tell.
    topicValue(settings, overrides, name) as ValueOf<(typeof topicSettings)[N]>;
  return {
    cleanupPolicy: get("cleanup.policy").filter(isCleanupPolicy),
    compressionGzipLevel: get("compression.gzip.level"),
    compressionLz4Level: get("compression.lz4.level"),
    compressionType: get("compression.type"),
    compressionZstdLevel: get("compression.zstd.level"),
    deleteRetentionMs: get("delete.retention.ms"),
    fileDeleteDelayMs: get("file.delete.delay.ms"),
    flushMessages: get("flush.messages"),
    flushMs: get("flush.ms"),
    followerReplicationThrottledReplicas: get("follower.replication.throttled.replicas"),
    indexIntervalBytes: get("index.interval.bytes"),
    leaderReplicationThrottledReplicas: get("leader.replication.throttled.replicas"),
    localRetentionBytes: get("local.retention.bytes"),
    localRetentionMs: get("local.retention.ms"),
    maxCompactionLagMs: get("max.compaction.lag.ms"),
    maxMessageBytes: get("max.message.bytes"),
    messageTimestampAfterMaxMs: get("message.timestamp.after.max.ms"),
    messageTimestampBeforeMaxMs: get("message.timestamp.before.max.ms"),
    messageTimestampType: get("message.timestamp.type"),
    minCleanableDirtyRatio: get("min.cleanable.dirty.ratio"),
    minCompactionLagMs: get("min.compaction.lag.ms"),
    minInsyncReplicas: get("min.insync.replicas"),
    preallocate: get("preallocate"),
    remoteLogCopyDisable: get("remote.log.copy.disable"),
    remoteLogDeleteOnDisable: get("remote.log.delete.on.disable"),
    remoteStorageEnable: get("remote.storage.enable"),
    retentionBytes: get("retention.bytes"),
    retentionMs: get("retention.ms"),
    segmentBytes: get("internal.segment.bytes") ?? get("segment.bytes"),
    segmentIndexBytes: get("segment.index.bytes"),
    segmentJitterMs: get("segment.jitter.ms"),
    segmentMs: get("segment.ms"),
    uncleanLeaderElectionEnable: get("unclean.leader.election.enable"),
  };
}

/** A metadata log written by others may hold a bad value: the broker's then holds. */
function parsed(name: string, setting: Setting, text: string): SettingValue | undefined {
  try {
    return parseSetting(name, setting, text);
  } catch (error) {
    if (error instanceof SettingError) return undefined;
    throw error;
  }
}

function isCleanupPolicy(text: string): text is CleanupPolicy {
  return text === "delete" || text === "compact";
}
