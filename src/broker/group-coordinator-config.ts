/** What the settings say to the group coordinator. */
import type {
  GroupConfig,
  MigrationPolicy,
  ShareGroupConfig,
  StreamsGroupConfig,
} from "../coordinator/group/group-config.ts";
import { compressionOfId, consumerAssignors } from "./settings/effective.ts";
import { groupValue } from "./settings/group-config.ts";
import type { SettingTexts, Settings } from "./settings/settings.ts";

/** Asks the settings anew each time, as some of them change while the node runs. */
export function groupCoordinatorConfig(
  settings: Settings,
  /** Settings of one group. */
  configsOf: (groupId: string) => SettingTexts,
): GroupConfig {
  return {
    get groupConsumerMaxSize() {
      return settings.get("group.consumer.max.size");
    },
    get groupConsumerAssignors() {
      return consumerAssignors(settings);
    },
    get groupConsumerMigrationPolicy() {
      return settings.get("group.consumer.migration.policy").toLowerCase() as MigrationPolicy;
    },
    get groupConsumerRegexRefreshIntervalMs() {
      return settings.get("group.consumer.regex.refresh.interval.ms");
    },
    consumerSessionTimeoutMs: (groupId) =>
      groupValue(settings, configsOf(groupId), "consumer.session.timeout.ms"),
    consumerHeartbeatIntervalMs: (groupId) =>
      groupValue(settings, configsOf(groupId), "consumer.heartbeat.interval.ms"),
    consumerAssignmentIntervalMs: (groupId) =>
      groupValue(settings, configsOf(groupId), "consumer.assignment.interval.ms"),
    share: shareConfig(settings, configsOf),
    streams: streamsConfig(settings, configsOf),
    get groupMinSessionTimeoutMs() {
      return settings.get("group.min.session.timeout.ms");
    },
    get groupMaxSessionTimeoutMs() {
      return settings.get("group.max.session.timeout.ms");
    },
    get groupInitialRebalanceDelayMs() {
      return settings.get("group.initial.rebalance.delay.ms");
    },
    get groupMaxSize() {
      return settings.get("group.max.size");
    },
    get offsetMetadataMaxBytes() {
      return settings.get("offset.metadata.max.bytes");
    },
    get offsetsRetentionMinutes() {
      return settings.get("offsets.retention.minutes");
    },
    get offsetsRetentionCheckIntervalMs() {
      return settings.get("offsets.retention.check.interval.ms");
    },
    get offsetsLoadBufferSize() {
      return settings.get("offsets.load.buffer.size");
    },
    get offsetsCommitTimeoutMs() {
      return settings.get("offsets.commit.timeout.ms");
    },
    get groupCoordinatorAppendLingerMs() {
      return settings.get("group.coordinator.append.linger.ms");
    },
    get offsetsTopicCompressionCodec() {
      return compressionOfId(settings.get("offsets.topic.compression.codec"));
    },
    get transactionPartitionVerificationEnable() {
      return settings.get("transaction.partition.verification.enable");
    },
  };
}

function shareConfig(
  settings: Settings,
  configsOf: (groupId: string) => SettingTexts,
): ShareGroupConfig {
  return {
    get maxSize() {
      return settings.get("group.share.max.size");
    },
    get initializeRetryIntervalMs() {
      return settings.get("group.share.initialize.retry.interval.ms");
    },
    sessionTimeoutMs: (groupId) =>
      groupValue(settings, configsOf(groupId), "share.session.timeout.ms"),
    heartbeatIntervalMs: (groupId) =>
      groupValue(settings, configsOf(groupId), "share.heartbeat.interval.ms"),
    assignmentIntervalMs: (groupId) =>
      groupValue(settings, configsOf(groupId), "share.assignment.interval.ms"),
  };
}

function streamsConfig(
  settings: Settings,
  configsOf: (groupId: string) => SettingTexts,
): StreamsGroupConfig {
  return {
    get maxSize() {
      return settings.get("group.streams.max.size");
    },
    sessionTimeoutMs: (groupId) =>
      groupValue(settings, configsOf(groupId), "streams.session.timeout.ms"),
    heartbeatIntervalMs: (groupId) =>
      groupValue(settings, configsOf(groupId), "streams.heartbeat.interval.ms"),
    assignmentIntervalMs: (groupId) =>
      groupValue(settings, configsOf(groupId), "streams.assignment.interval.ms"),
    initialRebalanceDelayMs: (groupId) =>
      groupValue(settings, configsOf(groupId), "streams.initial.rebalance.delay.ms"),
    standbyCount: (groupId) =>
      groupValue(settings, configsOf(groupId), "streams.num.standby.replicas"),
  };
}
