/** Every API of Kafka 4.3.1: the one list from which all others follow. */
import type { AnyApi } from "../schema.ts";
import { produce } from "./00-produce.ts";
import { fetch } from "./01-fetch.ts";
import { listOffsets } from "./02-list-offsets.ts";
import { metadata } from "./03-metadata.ts";
import { leaderAndIsr } from "./04-leader-and-isr.ts";
import { stopReplica } from "./05-stop-replica.ts";
import { updateMetadata } from "./06-update-metadata.ts";
import { controlledShutdown } from "./07-controlled-shutdown.ts";
import { offsetCommit } from "./08-offset-commit.ts";
import { offsetFetch } from "./09-offset-fetch.ts";
import { findCoordinator } from "./10-find-coordinator.ts";
import { joinGroup } from "./11-join-group.ts";
import { heartbeat } from "./12-heartbeat.ts";
import { leaveGroup } from "./13-leave-group.ts";
import { syncGroup } from "./14-sync-group.ts";
import { describeGroups } from "./15-describe-groups.ts";
import { listGroups } from "./16-list-groups.ts";
import { saslHandshake } from "./17-sasl-handshake.ts";
import { apiVersions } from "./18-api-versions.ts";
import { createTopics } from "./19-create-topics.ts";
import { deleteTopics } from "./20-delete-topics.ts";
import { deleteRecords } from "./21-delete-records.ts";
import { initProducerId } from "./22-init-producer-id.ts";
import { offsetForLeaderEpoch } from "./23-offset-for-leader-epoch.ts";
import { addPartitionsToTxn } from "./24-add-partitions-to-txn.ts";
import { addOffsetsToTxn } from "./25-add-offsets-to-txn.ts";
import { endTxn } from "./26-end-txn.ts";
import { writeTxnMarkers } from "./27-write-txn-markers.ts";
import { txnOffsetCommit } from "./28-txn-offset-commit.ts";
import { describeAcls } from "./29-describe-acls.ts";
import { createAcls } from "./30-create-acls.ts";
import { deleteAcls } from "./31-delete-acls.ts";
import { describeConfigs } from "./32-describe-configs.ts";
import { alterConfigs } from "./33-alter-configs.ts";
import { alterReplicaLogDirs } from "./34-alter-replica-log-dirs.ts";
import { describeLogDirs } from "./35-describe-log-dirs.ts";
import { saslAuthenticate } from "./36-sasl-authenticate.ts";
import { createPartitions } from "./37-create-partitions.ts";
import { createDelegationToken } from "./38-create-delegation-token.ts";
import { renewDelegationToken } from "./39-renew-delegation-token.ts";
import { expireDelegationToken } from "./40-expire-delegation-token.ts";
import { describeDelegationToken } from "./41-describe-delegation-token.ts";
import { deleteGroups } from "./42-delete-groups.ts";
import { electLeaders } from "./43-elect-leaders.ts";
import { incrementalAlterConfigs } from "./44-incremental-alter-configs.ts";
import { alterPartitionReassignments } from "./45-alter-partition-reassignments.ts";
import { listPartitionReassignments } from "./46-list-partition-reassignments.ts";
import { offsetDelete } from "./47-offset-delete.ts";
import { describeClientQuotas } from "./48-describe-client-quotas.ts";
import { alterClientQuotas } from "./49-alter-client-quotas.ts";
import { describeUserScramCredentials } from "./50-describe-user-scram-credentials.ts";
import { alterUserScramCredentials } from "./51-alter-user-scram-credentials.ts";
import { vote } from "./52-vote.ts";
import { beginQuorumEpoch } from "./53-begin-quorum-epoch.ts";
import { endQuorumEpoch } from "./54-end-quorum-epoch.ts";
import { describeQuorum } from "./55-describe-quorum.ts";
import { alterPartition } from "./56-alter-partition.ts";
import { updateFeatures } from "./57-update-features.ts";
import { envelope } from "./58-envelope.ts";
import { fetchSnapshot } from "./59-fetch-snapshot.ts";
import { describeCluster } from "./60-describe-cluster.ts";
import { describeProducers } from "./61-describe-producers.ts";
import { brokerRegistration } from "./62-broker-registration.ts";
import { brokerHeartbeat } from "./63-broker-heartbeat.ts";
import { unregisterBroker } from "./64-unregister-broker.ts";
import { describeTransactions } from "./65-describe-transactions.ts";
import { listTransactions } from "./66-list-transactions.ts";
import { allocateProducerIds } from "./67-allocate-producer-ids.ts";
import { consumerGroupHeartbeat } from "./68-consumer-group-heartbeat.ts";
import { consumerGroupDescribe } from "./69-consumer-group-describe.ts";
import { controllerRegistration } from "./70-controller-registration.ts";
import { getTelemetrySubscriptions } from "./71-get-telemetry-subscriptions.ts";
import { pushTelemetry } from "./72-push-telemetry.ts";
import { assignReplicasToDirs } from "./73-assign-replicas-to-dirs.ts";
import { listConfigResources } from "./74-list-config-resources.ts";
import { describeTopicPartitions } from "./75-describe-topic-partitions.ts";
import { shareGroupHeartbeat } from "./76-share-group-heartbeat.ts";
import { shareGroupDescribe } from "./77-share-group-describe.ts";
import { shareFetch } from "./78-share-fetch.ts";
import { shareAcknowledge } from "./79-share-acknowledge.ts";
import { addRaftVoter } from "./80-add-raft-voter.ts";
import { removeRaftVoter } from "./81-remove-raft-voter.ts";
import { updateRaftVoter } from "./82-update-raft-voter.ts";
import { initializeShareGroupState } from "./83-initialize-share-group-state.ts";
import { readShareGroupState } from "./84-read-share-group-state.ts";
import { writeShareGroupState } from "./85-write-share-group-state.ts";
import { deleteShareGroupState } from "./86-delete-share-group-state.ts";
import { readShareGroupStateSummary } from "./87-read-share-group-state-summary.ts";
import { streamsGroupHeartbeat } from "./88-streams-group-heartbeat.ts";
import { streamsGroupDescribe } from "./89-streams-group-describe.ts";
import { describeShareGroupOffsets } from "./90-describe-share-group-offsets.ts";
import { alterShareGroupOffsets } from "./91-alter-share-group-offsets.ts";
import { deleteShareGroupOffsets } from "./92-delete-share-group-offsets.ts";

/** In the order of their keys. */
export const apis = [
  produce,
  fetch,
  listOffsets,
  metadata,
  leaderAndIsr,
  stopReplica,
  updateMetadata,
  controlledShutdown,
  offsetCommit,
  offsetFetch,
  findCoordinator,
  joinGroup,
  heartbeat,
  leaveGroup,
  syncGroup,
  describeGroups,
  listGroups,
  saslHandshake,
  apiVersions,
  createTopics,
  deleteTopics,
  deleteRecords,
  initProducerId,
  offsetForLeaderEpoch,
  addPartitionsToTxn,
  addOffsetsToTxn,
  endTxn,
  writeTxnMarkers,
  txnOffsetCommit,
  describeAcls,
  createAcls,
  deleteAcls,
  describeConfigs,
  alterConfigs,
  alterReplicaLogDirs,
  describeLogDirs,
  saslAuthenticate,
  createPartitions,
  createDelegationToken,
  renewDelegationToken,
  expireDelegationToken,
  describeDelegationToken,
  deleteGroups,
  electLeaders,
  incrementalAlterConfigs,
  alterPartitionReassignments,
  listPartitionReassignments,
  offsetDelete,
  describeClientQuotas,
  alterClientQuotas,
  describeUserScramCredentials,
  alterUserScramCredentials,
  vote,
  beginQuorumEpoch,
  endQuorumEpoch,
  describeQuorum,
  alterPartition,
  updateFeatures,
  envelope,
  fetchSnapshot,
  describeCluster,
  describeProducers,
  brokerRegistration,
  brokerHeartbeat,
  unregisterBroker,
  describeTransactions,
  listTransactions,
  allocateProducerIds,
  consumerGroupHeartbeat,
  consumerGroupDescribe,
  controllerRegistration,
  getTelemetrySubscriptions,
  pushTelemetry,
  assignReplicasToDirs,
  listConfigResources,
  describeTopicPartitions,
  shareGroupHeartbeat,
  shareGroupDescribe,
  shareFetch,
  shareAcknowledge,
  addRaftVoter,
  removeRaftVoter,
  updateRaftVoter,
  initializeShareGroupState,
  readShareGroupState,
  writeShareGroupState,
  deleteShareGroupState,
  readShareGroupStateSummary,
  streamsGroupHeartbeat,
  streamsGroupDescribe,
  describeShareGroupOffsets,
  alterShareGroupOffsets,
  deleteShareGroupOffsets,
] as const satisfies readonly AnyApi[];
