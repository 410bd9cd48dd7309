/**
 * Every API that Bunka answers: dispatch and ApiVersions derive from this list. All handlers but
 * Produce are loaded when they are first asked for, so that a node starts sooner.
 */
import type { Broker } from "../broker/broker.ts";
import { fetch } from "../protocol/messages/01-fetch.ts";
import { listOffsets } from "../protocol/messages/02-list-offsets.ts";
import { metadata } from "../protocol/messages/03-metadata.ts";
import { offsetCommit } from "../protocol/messages/08-offset-commit.ts";
import { offsetFetch } from "../protocol/messages/09-offset-fetch.ts";
import { findCoordinator } from "../protocol/messages/10-find-coordinator.ts";
import { joinGroup } from "../protocol/messages/11-join-group.ts";
import { heartbeat } from "../protocol/messages/12-heartbeat.ts";
import { leaveGroup } from "../protocol/messages/13-leave-group.ts";
import { syncGroup } from "../protocol/messages/14-sync-group.ts";
import { describeGroups } from "../protocol/messages/15-describe-groups.ts";
import { listGroups } from "../protocol/messages/16-list-groups.ts";
import { saslHandshake } from "../protocol/messages/17-sasl-handshake.ts";
import { createTopics } from "../protocol/messages/19-create-topics.ts";
import { deleteTopics } from "../protocol/messages/20-delete-topics.ts";
import { deleteRecords } from "../protocol/messages/21-delete-records.ts";
import { initProducerId } from "../protocol/messages/22-init-producer-id.ts";
import { offsetForLeaderEpoch } from "../protocol/messages/23-offset-for-leader-epoch.ts";
import { addPartitionsToTxn } from "../protocol/messages/24-add-partitions-to-txn.ts";
import { addOffsetsToTxn } from "../protocol/messages/25-add-offsets-to-txn.ts";
import { endTxn } from "../protocol/messages/26-end-txn.ts";
import { writeTxnMarkers } from "../protocol/messages/27-write-txn-markers.ts";
import { txnOffsetCommit } from "../protocol/messages/28-txn-offset-commit.ts";
import { describeAcls } from "../protocol/messages/29-describe-acls.ts";
import { createAcls } from "../protocol/messages/30-create-acls.ts";
import { deleteAcls } from "../protocol/messages/31-delete-acls.ts";
import { describeConfigs } from "../protocol/messages/32-describe-configs.ts";
import { alterConfigs } from "../protocol/messages/33-alter-configs.ts";
import { alterReplicaLogDirs } from "../protocol/messages/34-alter-replica-log-dirs.ts";
import { describeLogDirs } from "../protocol/messages/35-describe-log-dirs.ts";
import { saslAuthenticate } from "../protocol/messages/36-sasl-authenticate.ts";
import { createPartitions } from "../protocol/messages/37-create-partitions.ts";
import { createDelegationToken } from "../protocol/messages/38-create-delegation-token.ts";
import { renewDelegationToken } from "../protocol/messages/39-renew-delegation-token.ts";
import { expireDelegationToken } from "../protocol/messages/40-expire-delegation-token.ts";
import { describeDelegationToken } from "../protocol/messages/41-describe-delegation-token.ts";
import { deleteGroups } from "../protocol/messages/42-delete-groups.ts";
import { electLeaders } from "../protocol/messages/43-elect-leaders.ts";
import { incrementalAlterConfigs } from "../protocol/messages/44-incremental-alter-configs.ts";
import * as reassigning from "../protocol/messages/45-alter-partition-reassignments.ts";
import * as reassignments from "../protocol/messages/46-list-partition-reassignments.ts";
import { offsetDelete } from "../protocol/messages/47-offset-delete.ts";
import { describeClientQuotas } from "../protocol/messages/48-describe-client-quotas.ts";
import { alterClientQuotas } from "../protocol/messages/49-alter-client-quotas.ts";
import * as scram from "../protocol/messages/50-describe-user-scram-credentials.ts";
import { alterUserScramCredentials } from "../protocol/messages/51-alter-user-scram-credentials.ts";
import { vote } from "../protocol/messages/52-vote.ts";
import { beginQuorumEpoch } from "../protocol/messages/53-begin-quorum-epoch.ts";
import { endQuorumEpoch } from "../protocol/messages/54-end-quorum-epoch.ts";
import { describeQuorum } from "../protocol/messages/55-describe-quorum.ts";
import { alterPartition } from "../protocol/messages/56-alter-partition.ts";
import { updateFeatures } from "../protocol/messages/57-update-features.ts";
import { fetchSnapshot } from "../protocol/messages/59-fetch-snapshot.ts";
import { describeCluster } from "../protocol/messages/60-describe-cluster.ts";
import { describeProducers } from "../protocol/messages/61-describe-producers.ts";
import { brokerRegistration } from "../protocol/messages/62-broker-registration.ts";
import { brokerHeartbeat } from "../protocol/messages/63-broker-heartbeat.ts";
import { unregisterBroker } from "../protocol/messages/64-unregister-broker.ts";
import { describeTransactions } from "../protocol/messages/65-describe-transactions.ts";
import { listTransactions } from "../protocol/messages/66-list-transactions.ts";
import { allocateProducerIds } from "../protocol/messages/67-allocate-producer-ids.ts";
import { consumerGroupHeartbeat } from "../protocol/messages/68-consumer-group-heartbeat.ts";
import { consumerGroupDescribe } from "../protocol/messages/69-consumer-group-describe.ts";
import { controllerRegistration } from "../protocol/messages/70-controller-registration.ts";
import * as telemetry from "../protocol/messages/71-get-telemetry-subscriptions.ts";
import { pushTelemetry } from "../protocol/messages/72-push-telemetry.ts";
import { assignReplicasToDirs } from "../protocol/messages/73-assign-replicas-to-dirs.ts";
import { listConfigResources } from "../protocol/messages/74-list-config-resources.ts";
import { describeTopicPartitions } from "../protocol/messages/75-describe-topic-partitions.ts";
import { shareFetch } from "../protocol/messages/78-share-fetch.ts";
import { shareAcknowledge } from "../protocol/messages/79-share-acknowledge.ts";
import { shareGroupHeartbeat } from "../protocol/messages/76-share-group-heartbeat.ts";
import { shareGroupDescribe } from "../protocol/messages/77-share-group-describe.ts";
import { addRaftVoter } from "../protocol/messages/80-add-raft-voter.ts";
import { removeRaftVoter } from "../protocol/messages/81-remove-raft-voter.ts";
import { updateRaftVoter } from "../protocol/messages/82-update-raft-voter.ts";
import { initializeShareGroupState } from "../protocol/messages/83-initialize-share-group-state.ts";
import { readShareGroupState } from "../protocol/messages/84-read-share-group-state.ts";
import { writeShareGroupState } from "../protocol/messages/85-write-share-group-state.ts";
import { deleteShareGroupState } from "../protocol/messages/86-delete-share-group-state.ts";
import * as summaries from "../protocol/messages/87-read-share-group-state-summary.ts";
import { streamsGroupHeartbeat } from "../protocol/messages/88-streams-group-heartbeat.ts";
import { streamsGroupDescribe } from "../protocol/messages/89-streams-group-describe.ts";
import { describeShareGroupOffsets } from "../protocol/messages/90-describe-share-group-offsets.ts";
import { alterShareGroupOffsets } from "../protocol/messages/91-alter-share-group-offsets.ts";
import { deleteShareGroupOffsets } from "../protocol/messages/92-delete-share-group-offsets.ts";
import { produceHandler } from "./00-produce.ts";
import { late, type Handler } from "./handler.ts";

/** ApiVersions and Envelope, which need this list, are added by the dispatcher. */
export const HANDLERS: readonly Handler[] = [
  produceHandler,
  late(fetch, () => require("./01-fetch.ts"), ["broker"]),
  late(fetch, () => require("./01-fetch-metadata.ts"), ["controller"]),
  late(listOffsets, () => require("./02-list-offsets.ts")),
  late(metadata, () => require("./03-metadata.ts")),
  late(offsetCommit, () => require("./08-offset-commit.ts")),
  late(offsetFetch, () => require("./09-offset-fetch.ts")),
  late(findCoordinator, () => require("./10-find-coordinator.ts")),
  late(joinGroup, () => require("./11-join-group.ts")),
  late(heartbeat, () => require("./12-heartbeat.ts")),
  late(leaveGroup, () => require("./13-leave-group.ts")),
  late(syncGroup, () => require("./14-sync-group.ts")),
  late(describeGroups, () => require("./15-describe-groups.ts")),
  late(listGroups, () => require("./16-list-groups.ts")),
  late(saslHandshake, () => require("./17-sasl-handshake.ts")),
  late(createTopics, () => require("./19-create-topics.ts")),
  late(deleteTopics, () => require("./20-delete-topics.ts")),
  late(deleteRecords, () => require("./21-delete-records.ts")),
  late(initProducerId, () => require("./22-init-producer-id.ts")),
  late(offsetForLeaderEpoch, () => require("./23-offset-for-leader-epoch.ts")),
  late(addPartitionsToTxn, () => require("./24-add-partitions-to-txn.ts")),
  late(addOffsetsToTxn, () => require("./25-add-offsets-to-txn.ts")),
  late(endTxn, () => require("./26-end-txn.ts")),
  late(writeTxnMarkers, () => require("./27-write-txn-markers.ts")),
  late(txnOffsetCommit, () => require("./28-txn-offset-commit.ts")),
  late(describeAcls, () => require("./29-describe-acls.ts")),
  late(createAcls, () => require("./30-create-acls.ts")),
  late(deleteAcls, () => require("./31-delete-acls.ts")),
  late(describeConfigs, () => require("./32-describe-configs.ts")),
  late(alterConfigs, () => require("./33-alter-configs.ts")),
  late(alterReplicaLogDirs, () => require("./34-alter-replica-log-dirs.ts")),
  late(describeLogDirs, () => require("./35-describe-log-dirs.ts")),
  late(saslAuthenticate, () => require("./36-sasl-authenticate.ts")),
  late(createPartitions, () => require("./37-create-partitions.ts")),
  late(createDelegationToken, () => require("./38-create-delegation-token.ts")),
  late(renewDelegationToken, () => require("./39-renew-delegation-token.ts")),
  late(expireDelegationToken, () => require("./40-expire-delegation-token.ts")),
  late(describeDelegationToken, () => require("./41-describe-delegation-token.ts")),
  late(deleteGroups, () => require("./42-delete-groups.ts")),
  late(electLeaders, () => require("./43-elect-leaders.ts")),
  late(incrementalAlterConfigs, () => require("./44-incremental-alter-configs.ts")),
  late(reassigning.alterPartitionReassignments, () =>
    require("./45-alter-partition-reassignments.ts"),
  ),
  late(reassignments.listPartitionReassignments, () =>
    require("./46-list-partition-reassignments.ts"),
  ),
  late(offsetDelete, () => require("./47-offset-delete.ts")),
  late(describeClientQuotas, () => require("./48-describe-client-quotas.ts")),
  late(alterClientQuotas, () => require("./49-alter-client-quotas.ts")),
  late(scram.describeUserScramCredentials, () =>
    require("./50-describe-user-scram-credentials.ts"),
  ),
  late(alterUserScramCredentials, () => require("./51-alter-user-scram-credentials.ts")),
  late(vote, () => require("./52-vote.ts")),
  late(beginQuorumEpoch, () => require("./53-begin-quorum-epoch.ts")),
  late(endQuorumEpoch, () => require("./54-end-quorum-epoch.ts")),
  late(describeQuorum, () => require("./55-describe-quorum.ts")),
  late(alterPartition, () => require("./56-alter-partition.ts")),
  late(updateFeatures, () => require("./57-update-features.ts")),
  late(fetchSnapshot, () => require("./59-fetch-snapshot.ts")),
  late(describeCluster, () => require("./60-describe-cluster.ts")),
  late(describeProducers, () => require("./61-describe-producers.ts")),
  late(brokerRegistration, () => require("./62-broker-registration.ts")),
  late(brokerHeartbeat, () => require("./63-broker-heartbeat.ts")),
  late(unregisterBroker, () => require("./64-unregister-broker.ts")),
  late(describeTransactions, () => require("./65-describe-transactions.ts")),
  late(listTransactions, () => require("./66-list-transactions.ts")),
  late(allocateProducerIds, () => require("./67-allocate-producer-ids.ts")),
  late(consumerGroupHeartbeat, () => require("./68-consumer-group-heartbeat.ts")),
  late(consumerGroupDescribe, () => require("./69-consumer-group-describe.ts")),
  late(controllerRegistration, () => require("./70-controller-registration.ts")),
  late(telemetry.getTelemetrySubscriptions, () => require("./71-get-telemetry-subscriptions.ts")),
  late(pushTelemetry, () => require("./72-push-telemetry.ts")),
  late(assignReplicasToDirs, () => require("./73-assign-replicas-to-dirs.ts")),
  late(listConfigResources, () => require("./74-list-config-resources.ts")),
  late(describeTopicPartitions, () => require("./75-describe-topic-partitions.ts")),
  late(shareFetch, () => require("./78-share-fetch.ts")),
  late(shareAcknowledge, () => require("./79-share-acknowledge.ts")),
  late(shareGroupHeartbeat, () => require("./76-share-group-heartbeat.ts")),
  late(shareGroupDescribe, () => require("./77-share-group-describe.ts")),
  late(addRaftVoter, () => require("./80-add-raft-voter.ts")),
  late(removeRaftVoter, () => require("./81-remove-raft-voter.ts")),
  late(updateRaftVoter, () => require("./82-update-raft-voter.ts")),
  late(initializeShareGroupState, () => require("./83-initialize-share-group-state.ts")),
  late(readShareGroupState, () => require("./84-read-share-group-state.ts")),
  late(writeShareGroupState, () => require("./85-write-share-group-state.ts")),
  late(deleteShareGroupState, () => require("./86-delete-share-group-state.ts")),
  late(summaries.readShareGroupStateSummary, () =>
    require("./87-read-share-group-state-summary.ts"),
  ),
  late(streamsGroupHeartbeat, () => require("./88-streams-group-heartbeat.ts")),
  late(streamsGroupDescribe, () => require("./89-streams-group-describe.ts")),
  late(describeShareGroupOffsets, () => require("./90-describe-share-group-offsets.ts")),
  late(alterShareGroupOffsets, () => require("./91-alter-share-group-offsets.ts")),
  late(deleteShareGroupOffsets, () => require("./92-delete-share-group-offsets.ts")),
];

/** APIs that not every broker offers, and when one does. */
export const CONDITIONS: ReadonlyMap<number, (broker: Broker) => boolean> = new Map([
  [telemetry.getTelemetrySubscriptions.key, hasTelemetry],
  [pushTelemetry.key, hasTelemetry],
]);

function hasTelemetry(broker: Broker): boolean {
  return broker.telemetry !== null;
}
