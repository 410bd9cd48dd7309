/**
 * One node: everything that it is made of, put together, and how it starts and stops.
 */
import type { LogLevels } from "../base/log-levels.ts";
import type { GroupCoordinator } from "../coordinator/group/group-coordinator.ts";
import type { ShareStatePersister } from "../coordinator/share/persister.ts";
import type { ShareCoordinator } from "../coordinator/share/share-coordinator.ts";
import type { TransactionVerifier } from "../coordinator/transaction/participants.ts";
import type { TransactionCoordinator } from "../coordinator/transaction/transaction-coordinator.ts";
import type { SupportedFeatures } from "../metadata/features.ts";
import type { MetadataNode } from "../metadata/metadata-node.ts";
import type { GatheredAppends } from "../partition/gathered-appends.ts";
import type { BrokerWatch } from "./broker-watch.ts";
import type { ControllerChannel } from "./controller-channel.ts";
import type { LocalNode } from "./local-node.ts";
import type { LogDirMoves } from "./log-dir-moves.ts";
import type { FetchSessions } from "./fetch-sessions.ts";
import type { ShareFetching } from "./share/share-fetching.ts";
import type { ReplicationManager } from "./replication-manager.ts";
import type { ProducerIds } from "./producer-ids.ts";
import type { Quotas } from "./quotas/quotas.ts";
import type { ClientTelemetry } from "./telemetry/client-telemetry.ts";
import type { TopicCreation } from "./topic-creation.ts";
import type { TxnMarkerWriter } from "./txn-marker-writer.ts";

/** What handlers may reach. */
export interface Broker extends LocalNode {
  readonly clusterId: string;
  /** The way to the active controller, wherever it is. */
  readonly controller: ControllerChannel;
  /** Of brokers on other nodes, where the controller is here. */
  readonly brokerWatch: BrokerWatch;
  /** The last metadata record that this node has applied. */
  readonly metadataOffset: number;
  /** The controller of this node: commands, and the log of the metadata. */
  readonly metadata: MetadataNode;
  readonly supportedFeatures: SupportedFeatures;
  /** What clients produce in one turn is written together. */
  readonly gatheredAppends: GatheredAppends;
  readonly logDirMoves: LogDirMoves;
  /** Null where there is no collector for the metrics of clients. */
  readonly telemetry: ClientTelemetry | null;
  readonly groups: GroupCoordinator;
  readonly transactions: TransactionCoordinator;
  /** Asked before a transactional write is taken: whoever coordinates the transaction. */
  readonly transactionVerifier: TransactionVerifier;
  readonly shareCoordinator: ShareCoordinator;
  /** Keeps the states of share partitions, wherever they are coordinated. */
  readonly shareState: ShareStatePersister;
  readonly txnMarkers: TxnMarkerWriter;
  readonly fetchSessions: FetchSessions;
  readonly replication: ReplicationManager;
  /** For share groups, as the leader of partitions. */
  readonly shareFetching: ShareFetching;
  readonly producerIds: ProducerIds;
  readonly quotas: Quotas;
  readonly topicCreation: TopicCreation;
  /** How much each part of the node says in the log; the resource BROKER_LOGGER. */
  readonly logLevels: LogLevels;
  /** Clients take it for the controller; any broker that is alive passes requests on. */
  anyControllerId(aliveIds: readonly number[]): number;
}
