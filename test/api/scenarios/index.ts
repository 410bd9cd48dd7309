/** All scenarios; each has what Apache Kafka 4.3.1 answered in ../recorded. */
import type { Scenario } from "../asker.ts";
import { clientQuotasScenario } from "./client-quotas.ts";
import { configsScenario } from "./configs.ts";
import * as consumerGroups from "./consumer-groups.ts";
import * as consumerMigration from "./consumer-migration.ts";
import { consumerRandomScenario } from "./consumer-random.ts";
import { controllerScenario, raftScenario } from "./controller.ts";
import { createTopicsScenario } from "./create-topics.ts";
import { deleteRecordsScenario } from "./delete-records.ts";
import { deleteTopicsDisabledScenario, deleteTopicsScenario } from "./delete-topics.ts";
import { envelopeScenario } from "./envelope.ts";
import { findCoordinatorScenario } from "./find-coordinator.ts";
import { groupMembersScenario, groupOffsetsScenario } from "./groups.ts";
import { listOffsetsScenario } from "./list-offsets.ts";
import { alterLogDirsScenario } from "./log-dirs.ts";
import {
  apiVersionsScenario,
  metadataScenario,
  noAutoCreationScenario,
  topicPartitionsScenario,
} from "./metadata.ts";
import { createPartitionsScenario, describeLogDirsScenario } from "./partitions.ts";
import { fetchScenario, produceScenario } from "./produce-fetch.ts";
import { leaderEpochsScenario, producersScenario } from "./producers.ts";
import { throttlingScenario } from "./throttling.ts";
import { changeFeaturesScenario, quorumScenario, updateFeaturesScenario } from "./quorum.ts";
import { reassignmentsScenario, votersScenario } from "./reassignments.ts";
import { aclsScenario, securityScenario } from "./security.ts";
import {
  shareDisabledScenario,
  shareGroupsScenario,
  shareOffsetsScenario,
} from "./share-groups.ts";
import {
  shareErrorsScenario,
  shareFetchScenario,
  shareIsolationScenario,
  shareLimitsScenario,
  shareLocksScenario,
  shareStartScenario,
} from "./share-fetch.ts";
import { shareStateScenario } from "./share-state.ts";
import { streamsGroupsScenario } from "./streams-groups.ts";
import { streamsDisabledScenario, streamsLimitsScenario } from "./streams-limits.ts";
import { streamsRandomScenario } from "./streams-random.ts";
import { transactionPartitionsScenario } from "./transaction-partitions.ts";
import { transactionVerificationScenario } from "./transaction-verification.ts";
import {
  oldTransactionsScenario,
  onePhaseScenario,
  transactionsScenario,
  twoPhasesScenario,
} from "./transactions.ts";
import { telemetryScenario } from "./telemetry.ts";

export const SCENARIOS: readonly Scenario[] = [
  aclsScenario,
  alterLogDirsScenario,
  apiVersionsScenario,
  clientQuotasScenario,
  changeFeaturesScenario,
  configsScenario,
  consumerGroups.consumerDisabledScenario,
  consumerGroups.consumerGroupsScenario,
  consumerGroups.consumerLimitsScenario,
  consumerGroups.consumerRegexScenario,
  consumerMigration.consumerMigrationDisabledScenario,
  consumerMigration.consumerMigrationScenario,
  consumerRandomScenario,
  controllerScenario,
  createPartitionsScenario,
  createTopicsScenario,
  deleteRecordsScenario,
  deleteTopicsDisabledScenario,
  deleteTopicsScenario,
  describeLogDirsScenario,
  fetchScenario,
  envelopeScenario,
  findCoordinatorScenario,
  groupMembersScenario,
  groupOffsetsScenario,
  leaderEpochsScenario,
  listOffsetsScenario,
  metadataScenario,
  noAutoCreationScenario,
  produceScenario,
  producersScenario,
  quorumScenario,
  raftScenario,
  reassignmentsScenario,
  securityScenario,
  shareDisabledScenario,
  shareGroupsScenario,
  shareOffsetsScenario,
  shareErrorsScenario,
  shareFetchScenario,
  shareIsolationScenario,
  shareLimitsScenario,
  shareLocksScenario,
  shareStartScenario,
  shareStateScenario,
  streamsDisabledScenario,
  streamsGroupsScenario,
  streamsLimitsScenario,
  streamsRandomScenario,
  telemetryScenario,
  topicPartitionsScenario,
  throttlingScenario,
  oldTransactionsScenario,
  onePhaseScenario,
  transactionPartitionsScenario,
  transactionVerificationScenario,
  transactionsScenario,
  twoPhasesScenario,
  updateFeaturesScenario,
  votersScenario,
];
