/** Settings of the group coordinator: Kafka's names in camelCase, and Kafka's defaults. */
import { CompressionType } from "../../protocol/compression.ts";

export interface GroupConfig {
  readonly groupMinSessionTimeoutMs: number;
  readonly groupMaxSessionTimeoutMs: number;
  readonly groupInitialRebalanceDelayMs: number;
  readonly groupMaxSize: number;
  /** In UTF-16 code units, as Kafka counts. */
  readonly offsetMetadataMaxBytes: number;
  readonly offsetsRetentionMinutes: number;
  readonly offsetsRetentionCheckIntervalMs: number;
  readonly offsetsLoadBufferSize: number;
  readonly offsetsCommitTimeoutMs: number;
  readonly groupCoordinatorAppendLingerMs: number;
  readonly offsetsTopicCompressionCodec: CompressionType;
  readonly transactionPartitionVerificationEnable: boolean;
  readonly groupConsumerMaxSize: number;
  /** By name; the first is taken where no member asks for another. */
  readonly groupConsumerAssignors: readonly string[];
  readonly groupConsumerMigrationPolicy: MigrationPolicy;
  readonly groupConsumerRegexRefreshIntervalMs: number;
  readonly share: ShareGroupConfig;
  /** What holds for one group, which may have settings of its own. */
  readonly consumerSessionTimeoutMs: (groupId: string) => number;
  readonly consumerHeartbeatIntervalMs: (groupId: string) => number;
  /** Between two target assignments (KIP-1263). */
  readonly consumerAssignmentIntervalMs: (groupId: string) => number;
  readonly streams: StreamsGroupConfig;
}

/** Of share groups. */
export interface ShareGroupConfig {
  readonly maxSize: number;
  /** After so long an initialisation of share partitions is tried again. */
  readonly initializeRetryIntervalMs: number;
  readonly sessionTimeoutMs: (groupId: string) => number;
  readonly heartbeatIntervalMs: (groupId: string) => number;
  readonly assignmentIntervalMs: (groupId: string) => number;
}

/** What holds for one streams group, which may have settings of its own. */
export interface StreamsGroupConfig {
  readonly maxSize: number;
  readonly sessionTimeoutMs: (groupId: string) => number;
  readonly heartbeatIntervalMs: (groupId: string) => number;
  readonly assignmentIntervalMs: (groupId: string) => number;
  /** How long the first member of an empty group waits for others. */
  readonly initialRebalanceDelayMs: (groupId: string) => number;
  /** Of each task with state. */
  readonly standbyCount: (groupId: string) => number;
}

/** Which way a group may go between the classic and the consumer protocol while it has members. */
export type MigrationPolicy = "bidirectional" | "upgrade" | "downgrade" | "disabled";

export function allowsUpgrade(policy: MigrationPolicy): boolean {
  return policy === "bidirectional" || policy === "upgrade";
}

export function allowsDowngrade(policy: MigrationPolicy): boolean {
  return policy === "bidirectional" || policy === "downgrade";
}

export const GROUP_CONFIG_DEFAULTS: GroupConfig = {
  groupMinSessionTimeoutMs: 6_000,
  groupMaxSessionTimeoutMs: 1_800_000,
  groupInitialRebalanceDelayMs: 3_000,
  groupMaxSize: 2_147_483_647,
  offsetMetadataMaxBytes: 4_096,
  offsetsRetentionMinutes: 10_080,
  offsetsRetentionCheckIntervalMs: 600_000,
  offsetsLoadBufferSize: 5_242_880,
  offsetsCommitTimeoutMs: 5_000,
  groupCoordinatorAppendLingerMs: -1,
  offsetsTopicCompressionCodec: CompressionType.NONE,
  transactionPartitionVerificationEnable: true,
  groupConsumerMaxSize: 2_147_483_647,
  groupConsumerAssignors: ["uniform", "range"],
  groupConsumerMigrationPolicy: "bidirectional",
  groupConsumerRegexRefreshIntervalMs: 600_000,
  share: {
    maxSize: 200,
    initializeRetryIntervalMs: 30_000,
    sessionTimeoutMs: () => 45_000,
    heartbeatIntervalMs: () => 5_000,
    assignmentIntervalMs: () => 1_000,
  },
  consumerSessionTimeoutMs: () => 45_000,
  consumerHeartbeatIntervalMs: () => 5_000,
  consumerAssignmentIntervalMs: () => 1_000,
  streams: {
    maxSize: 2_147_483_647,
    sessionTimeoutMs: () => 45_000,
    heartbeatIntervalMs: () => 5_000,
    assignmentIntervalMs: () => 1_000,
    initialRebalanceDelayMs: () => 3_000,
    standbyCount: () => 0,
  },
};

/** Kafka has no setting for it: a JoinGroup of a new member waits no longer. */
export const NEW_MEMBER_JOIN_TIMEOUT_MS = 300_000;
