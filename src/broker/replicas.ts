/**
 * Keeps this node's partitions, logs and coordinators as the metadata log says.
 *
 *   committed records -> delta -+- deleted topics   -> waiters told, logs renamed to -delete
 *                               +- new partitions   -> log made, leader epoch begun
 *                               +- changed ones     -> ISR, leader
 *                               +- changed configs  -> settings, then the logs' configs
 *
 * Everything happens at once, in the turn in which the records were committed; only what the
 * deletion of a topic leaves behind (files, committed offsets) is done later.
 */
import { assert } from "../base/assert.ts";
import type { Logger } from "../base/logger.ts";
import type { World } from "../base/world.ts";
import type { GroupCoordinator } from "../coordinator/group/group-coordinator.ts";
import type { ShareCoordinator } from "../coordinator/share/share-coordinator.ts";
import type { TransactionCoordinator } from "../coordinator/transaction/transaction-coordinator.ts";
import type { LogManager } from "../log/log-manager.ts";
import { CLUSTER_DEFAULT, ConfigResourceType } from "../metadata/configs-image.ts";
import type { MetadataDelta } from "../metadata/delta.ts";
import type { MetadataImage } from "../metadata/image.ts";
import {
  CONSUMER_OFFSETS_TOPIC,
  SHARE_GROUP_STATE_TOPIC,
  TRANSACTION_STATE_TOPIC,
} from "../metadata/internal-topics.ts";
import type { TopicImage } from "../metadata/topics-image.ts";
import { Partition } from "../partition/partition.ts";
import type { Partitions } from "../partition/partitions.ts";
import { PartitionCoordinatorLog } from "./coordinator-log.ts";
import type { LogDirMoves } from "./log-dir-moves.ts";
import { changeSettings } from "./settings/change-settings.ts";
import type { Settings } from "./settings/settings.ts";
import { topicLogConfig } from "./settings/topic-log-config.ts";

export interface ReplicasOptions {
  readonly world: World;
  readonly logger: Logger;
  readonly settings: Settings;
  readonly nodeId: number;
  readonly image: MetadataImage;
  readonly logs: LogManager;
  readonly partitions: Partitions;
  readonly logDirMoves: LogDirMoves;
  /** Made when it is first asked for. */
  readonly groups: () => GroupCoordinator;
  readonly transactions: () => TransactionCoordinator;
  readonly shareCoordinator: () => ShareCoordinator;
  readonly groupsIfMade: () => GroupCoordinator | null;
  readonly shareCoordinatorIfMade: () => ShareCoordinator | null;
}

/** Whoever keeps its state in a topic, and must know which of its partitions are led here. */
type Coordinator = Pick<GroupCoordinator, "elected" | "resigned">;

export class Replicas {
  readonly #options: ReplicasOptions;
  readonly #coordinatorLogs = new WeakMap<Partition, PartitionCoordinatorLog>();

  constructor(options: ReplicasOptions) {
    this.#options = options;
  }

  /** What the records of one commit changed. The image has them already. */
  apply(delta: MetadataDelta): void {
    const { image } = this.#options;
    if (delta.deletedTopics.size > 0) this.#deleteTopics([...delta.deletedTopics.values()]);
    this.#changeConfigs(delta);
    for (const [topicId, indexes] of delta.changedPartitions) {
      const topic = image.topics.byId(topicId);
      // A topic that was made and removed in one delta has nothing here.
      if (topic === null) continue;
      for (const index of indexes) this.#changePartition(topic, index);
    }
    this.#tellGroups(delta);
  }

  /** Groups that read a topic are given other partitions where it changed. */
  #tellGroups({ createdTopics, changedPartitions, deletedTopics }: MetadataDelta): void {
    const groups = this.#options.groupsIfMade();
    if (groups === null || changedPartitions.size + deletedTopics.size === 0) return;
    const { topics } = this.#options.image;
    const changed = [...changedPartitions.keys()].map((id) => topics.byId(id)?.name ?? null);
    const deleted = [...deletedTopics.values()].map(({ name }) => name);
    const names = [...changed.filter((name) => name !== null), ...deleted];
    groups.topicsChanged({ names, hasNew: createdTopics.size > 0 });
  }

  #changePartition(topic: TopicImage, index: number): void {
    const { nodeId, partitions } = this.#options;
    const registration = topic.partitions[index];
    assert(registration !== undefined, `partition ${index} of ${topic.name} is in the image`);
    if (!registration.replicas.includes(nodeId)) return;
    const known = partitions.topicById(topic.id)?.partition(index) ?? null;
    if (known === null) this.#addPartition(topic, index);
    else {
      known.update(registration);
      this.#options.logDirMoves.settle(known);
    }
    const coordinator = this.#coordinatorIn(topic.name);
    if (coordinator !== null) this.#changeCoordinator(coordinator, topic, index);
  }

  #addPartition(topic: TopicImage, index: number): void {
    const { world, logs, partitions, nodeId, logger } = this.#options;
    const registration = topic.partitions[index]!;
    const directoryId = registration.directories[registration.replicas.indexOf(nodeId)] ?? null;
    const log = logs.getOrCreate(topic.name, index, { topicId: topic.id, directoryId });
    if (log === null) {
      logger.error(`${topic.name}-${index} has no log: its directory is offline`);
      return;
    }
    const partition = new Partition(
      topic.name,
      topic.id,
      index,
      log,
      registration,
      nodeId,
      world.clock,
    );
    partitions.ensureTopic(topic.name, topic.id).add(partition);
    partition.start();
    this.#options.logDirMoves.settle(partition);
  }

  #coordinatorIn(topic: string): Coordinator | null {
    if (topic === CONSUMER_OFFSETS_TOPIC) return this.#options.groups();
    if (topic === SHARE_GROUP_STATE_TOPIC) return this.#options.shareCoordinator();
    return topic === TRANSACTION_STATE_TOPIC ? this.#options.transactions() : null;
  }

  #changeCoordinator(coordinator: Coordinator, topic: TopicImage, index: number): void {
    const { partitions, world } = this.#options;
    const partition = partitions.topicById(topic.id)?.partition(index) ?? null;
    if (partition === null) return;
    if (!partition.isLeader) return coordinator.resigned(index, partition.leaderEpoch);
    // One for the life of the partition: by it the coordinator knows that nobody else has written.
    const log =
      this.#coordinatorLogs.get(partition) ?? new PartitionCoordinatorLog(partition, world.clock);
    this.#coordinatorLogs.set(partition, log);
    coordinator.elected(index, partition.leaderEpoch, log);
  }

  #deleteTopics(topics: readonly TopicImage[]): void {
    const { groups, logs, partitions, logDirMoves } = this.#options;
    for (const topic of topics) {
      const removed = partitions.removeTopic(topic.id);
      if (removed === null) continue;
      for (const partition of removed) {
        this.#coordinatorIn(topic.name)?.resigned(partition.index, null);
        partition.remove();
        logDirMoves.forget(partition);
        logs.delete(topic.name, partition.index);
      }
    }
    void groups().topicsDeleted(topics.map(({ name, id }) => ({ name, id })));
    const ids = new Set(topics.map(({ id }) => id));
    void this.#options.shareCoordinatorIfMade()?.topicsDeleted(ids);
  }

  #changeConfigs(delta: MetadataDelta): void {
    const { partitions, nodeId } = this.#options;
    let isBrokerChanged = false;
    for (const { resource } of delta.changedConfigs()) {
      const { type, name } = resource;
      if (type === ConfigResourceType.BROKER) {
        isBrokerChanged ||= name === CLUSTER_DEFAULT || name === String(nodeId);
      } else if (type === ConfigResourceType.TOPIC) {
        const topic = partitions.topicByName(name);
        if (topic !== null) this.#configure(topic);
      }
    }
    if (!isBrokerChanged) return;
    this.#changeBrokerSettings();
    const topics = new Set([...partitions].map((partition) => partition.topic));
    for (const name of topics) this.#configure(partitions.topicByName(name)!);
  }

  #changeBrokerSettings(): void {
    const { image, nodeId, settings, logger } = this.#options;
    const forAll = image.configs.of(ConfigResourceType.BROKER, CLUSTER_DEFAULT);
    const forOne = image.configs.of(ConfigResourceType.BROKER, String(nodeId));
    for (const problem of changeSettings(settings, forAll, forOne)) logger.warn(problem);
  }

  #configure(topic: { readonly name: string } & Iterable<Partition>): void {
    const { image, settings, logs } = this.#options;
    const own = image.configs.of(ConfigResourceType.TOPIC, topic.name);
    logs.updateConfig(topic.name, topicLogConfig(settings, own));
    for (const partition of topic) partition.maybeAdvance();
  }
}
