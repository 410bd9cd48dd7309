/**
 * The coordinators of this node. Each keeps its state in a topic of its own, and has the part of it
 * whose partitions this node leads: it reads a partition when leadership comes, and gives it up
 * when leadership goes.
 *
 *   __consumer_offsets     groups, and their committed offsets
 *   __transaction_state    transactions
 *   __share_group_state    states of share partitions
 *
 * Each is made when there is somebody for it: most nodes start without.
 */
import { later } from "../base/later.ts";
import type { GroupCoordinator } from "../coordinator/group/group-coordinator.ts";
import type { LatestOffset } from "../coordinator/group/share-offset-handler.ts";
import type { Leadership } from "../coordinator/runtime.ts";
import type { ShareCoordinator } from "../coordinator/share/share-coordinator.ts";
import type { TransactionCoordinator } from "../coordinator/transaction/transaction-coordinator.ts";
import type { TransactionVerifier } from "../coordinator/transaction/participants.ts";
import { ConfigResourceType } from "../metadata/configs-image.ts";
import type { MetadataDelta } from "../metadata/delta.ts";
import { TRANSACTION_VERSION } from "../metadata/features.ts";
import {
  CONSUMER_OFFSETS_TOPIC,
  SHARE_GROUP_STATE_TOPIC,
  TRANSACTION_STATE_TOPIC,
} from "../metadata/internal-topics.ts";
import type { TopicImage } from "../metadata/topics-image.ts";
import type { Partition } from "../partition/partition.ts";
import type { BrokerPeers } from "./broker-peers.ts";
import { PartitionCoordinatorLog } from "./coordinator-log.ts";
import { groupCoordinatorConfig } from "./group-coordinator-config.ts";
import { groupTopics } from "./group-topics.ts";
import type { LatestOffsets } from "./latest-offsets.ts";
import type { LocalNode } from "./local-node.ts";
import type { ProducerIds } from "./producer-ids.ts";
import type { ShareFetching } from "./share/share-fetching.ts";
import type { ShareStateKeeper } from "./share-state.ts";
import type { TopicCreation } from "./topic-creation.ts";
import { transactionCoordinatorConfig } from "./transaction-coordinator-config.ts";
import type { TransactionVerification } from "./transaction-verification.ts";
import type { TxnMarkerSender } from "./txn-marker-sender.ts";
import type { TxnMarkerWriter } from "./txn-marker-writer.ts";

interface Node extends LocalNode {
  readonly metadataOffset: number;
  readonly producerIds: ProducerIds;
  readonly txnMarkers: TxnMarkerWriter;
  readonly topicCreation: TopicCreation;
  /** Connections to other brokers, for one purpose. */
  peersFor(purpose: string): BrokerPeers;
}

type GroupModule = typeof import("../coordinator/group/group-coordinator.ts");
const groupModule = later((): GroupModule => require("../coordinator/group/group-coordinator.ts"));

type TransactionModule = typeof import("../coordinator/transaction/transaction-coordinator.ts");
const transactionModule = later((): TransactionModule =>
  require("../coordinator/transaction/transaction-coordinator.ts"),
);

type MarkerModule = typeof import("./txn-marker-sender.ts");
const markerModule = later((): MarkerModule => require("./txn-marker-sender.ts"));

type VerificationModule = typeof import("./transaction-verification.ts");
const verificationModule = later((): VerificationModule =>
  require("./transaction-verification.ts"),
);

type ShareModule = typeof import("./share-state.ts");
const shareModule = later((): ShareModule => require("./share-state.ts"));

type LatestModule = typeof import("./latest-offsets.ts");
const latestModule = later((): LatestModule => require("./latest-offsets.ts"));

type ShareFetchModule = typeof import("./share/share-fetching.ts");
const shareFetchModule = later((): ShareFetchModule => require("./share/share-fetching.ts"));

export class Coordinators {
  readonly #node: Node;
  /** One for the life of a partition: by it a coordinator knows that nobody else has written. */
  readonly #logs = new WeakMap<Partition, PartitionCoordinatorLog>();
  #groups: GroupCoordinator | null = null;
  #transactions: TransactionCoordinator | null = null;
  #share: ShareStateKeeper | null = null;
  #shareFetching: ShareFetching | null = null;
  #markers: TxnMarkerSender | null = null;
  #verification: TransactionVerification | null = null;
  #latestOffsets: LatestOffsets | null = null;
  readonly #peers: BrokerPeers[] = [];

  constructor(node: Node) {
    this.#node = node;
  }

  get groups(): GroupCoordinator {
    this.#groups ??= this.#makeGroups();
    return this.#groups;
  }

  /** Null where nobody has needed one. */
  get made(): {
    readonly groups: GroupCoordinator | null;
    readonly transactions: TransactionCoordinator | null;
    readonly verification: TransactionVerification | null;
    readonly shareFetching: ShareFetching | null;
    readonly shareCoordinator: ShareCoordinator | null;
  } {
    return {
      groups: this.#groups,
      transactions: this.#transactions,
      verification: this.#verification,
      shareFetching: this.#shareFetching,
      shareCoordinator: this.#share?.coordinator ?? null,
    };
  }

  get transactions(): TransactionCoordinator {
    this.#transactions ??= this.#makeTransactions();
    return this.#transactions;
  }

  /** Asks whoever coordinates a transaction. */
  get verifier(): TransactionVerifier {
    this.#verification ??= this.#makeVerification();
    return this.#verification;
  }

  get share(): ShareStateKeeper {
    const { ShareStateKeeper } = shareModule();
    this.#share ??= new ShareStateKeeper(this.#node);
    return this.#share;
  }

  /** Delivers records to share groups, and has their states kept by `share`. */
  get shareFetching(): ShareFetching {
    this.#shareFetching ??= this.#makeShareFetching();
    return this.#shareFetching;
  }

  /** Who leads the partition may have changed. */
  leadershipChanged(partition: Partition): void {
    const coordinator = this.#keptIn(partition.topic);
    if (coordinator === null) return;
    const { index, leaderEpoch } = partition;
    if (!partition.isLeader) return coordinator.resigned(index, leaderEpoch);
    const known = this.#logs.get(partition);
    const log = known ?? new PartitionCoordinatorLog(partition, this.#node.world.clock);
    this.#logs.set(partition, log);
    coordinator.elected(index, leaderEpoch, log);
  }

  /** Its topic is deleted. */
  removed(partition: Partition): void {
    this.#keptIn(partition.topic)?.resigned(partition.index, null);
  }

  topicsDeleted(topics: readonly TopicImage[]): void {
    void this.#groups?.topicsDeleted(topics.map(({ name, id }) => ({ name, id })));
    void this.#share?.coordinator.topicsDeleted(new Set(topics.map(({ id }) => id)));
  }

  /** Groups that read a topic are given other partitions where it changed. */
  topicsChanged({ createdTopics, changedPartitions, deletedTopics }: MetadataDelta): void {
    if (changedPartitions.size > 0) this.#leadersChanged();
    if (this.#groups === null || changedPartitions.size + deletedTopics.size === 0) return;
    const { topics } = this.#node.image;
    const changed = [...changedPartitions.keys()].map((id) => topics.byId(id)?.name ?? null);
    const deleted = [...deletedTopics.values()].map(({ name }) => name);
    const names = [...changed.filter((name) => name !== null), ...deleted];
    this.#groups.topicsChanged({ names, hasNew: createdTopics.size > 0 });
  }

  stopGroups(): void {
    this.#groups?.stop();
  }

  stop(): void {
    this.#shareFetching?.stop();
    this.#transactions?.stop();
    this.stopGroups();
    this.#share?.stop();
    for (const peers of this.#peers) peers.close();
  }

  /** What waits for a leader may have one now, and what waits for one that was, another. */
  #leadersChanged(): void {
    this.#markers?.leadersChanged();
    this.#transactions?.leadersChanged();
    this.#verification?.leadersChanged();
    this.#share?.leadersChanged();
  }

  #keptIn(topic: string): Leadership | null {
    switch (topic) {
      case CONSUMER_OFFSETS_TOPIC:
        return this.groups.runtime;
      case TRANSACTION_STATE_TOPIC:
        return this.transactions.runtime;
      case SHARE_GROUP_STATE_TOPIC:
        return this.share.coordinator.runtime;
      default:
        return null;
    }
  }

  #makeGroups(): GroupCoordinator {
    const { GroupCoordinator } = groupModule();
    const node = this.#node;
    const { world, settings, logger } = node;
    return new GroupCoordinator({
      clock: world.clock,
      random: world.random,
      logger: logger.child("groups"),
      config: groupCoordinatorConfig(settings, (groupId) =>
        node.image.configs.of(ConfigResourceType.GROUP, groupId),
      ),
      topics: groupTopics(
        () => node.image,
        () => node.metadataOffset,
      ),
      verifier: { verify: (write, operation) => this.verifier.verify(write, operation) },
      shareState: () => this.share.persister,
      latestOffset: (topicId, partition) => this.#latestOffsetOf(topicId, partition),
      partitionCount: () =>
        this.#partitionCountOf(CONSUMER_OFFSETS_TOPIC) ??
        settings.get("offsets.topic.num.partitions"),
    });
  }

  #makeVerification(): TransactionVerification {
    const node = this.#node;
    const { TransactionVerification } = verificationModule();
    return new TransactionVerification({
      nodeId: node.nodeId,
      clock: node.world.clock,
      logger: node.logger.child("transactions"),
      image: () => node.image,
      coordinator: () => this.transactions,
      peers: this.#peersFor("txn-verification"),
      timeoutMs: () => node.settings.get("request.timeout.ms"),
    });
  }

  #makeMarkers(): TxnMarkerSender {
    const node = this.#node;
    const { TxnMarkerSender } = markerModule();
    return new TxnMarkerSender({
      nodeId: node.nodeId,
      clock: node.world.clock,
      image: () => node.image,
      writer: node.txnMarkers,
      peers: this.#peersFor("txn-marker-sender"),
      timeoutMs: () => node.settings.get("request.timeout.ms"),
    });
  }

  #latestOffsetOf(topicId: string, partition: number): Promise<LatestOffset> {
    const { LatestOffsets } = latestModule();
    this.#latestOffsets ??= new LatestOffsets(this.#node, this.#peersFor("latest-offsets"));
    return this.#latestOffsets.of(topicId, partition);
  }

  /** Closed when the node stops. */
  #peersFor(purpose: string): BrokerPeers {
    const peers = this.#node.peersFor(purpose);
    this.#peers.push(peers);
    return peers;
  }

  #makeTransactions(): TransactionCoordinator {
    const { TransactionCoordinator } = transactionModule();
    const node = this.#node;
    const { world, settings, logger } = node;
    return new TransactionCoordinator({
      clock: world.clock,
      logger: logger.child("transactions"),
      config: transactionCoordinatorConfig(settings),
      sender: (this.#markers ??= this.#makeMarkers()),
      newProducerId: () => node.producerIds.next(),
      transactionVersion: () => node.image.featureLevel(TRANSACTION_VERSION),
      partitionCount: () =>
        this.#partitionCountOf(TRANSACTION_STATE_TOPIC) ??
        settings.get("transaction.state.log.num.partitions"),
    });
  }

  #makeShareFetching(): ShareFetching {
    const { ShareFetching } = shareFetchModule();
    const node = this.#node;
    return new ShareFetching({
      world: node.world,
      settings: node.settings,
      configsOf: (groupId) => node.image.configs.of(ConfigResourceType.GROUP, groupId),
      persister: () => this.share.persister,
    });
  }

  #partitionCountOf(topic: string): number | null {
    return this.#node.image.topics.byName(topic)?.partitions.length ?? null;
  }
}
