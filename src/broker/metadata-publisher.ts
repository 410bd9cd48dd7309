/**
 * Keeps this node's partitions, logs and coordinators as the metadata log says: Kafka's
 * BrokerMetadataPublisher.
 *
 *   committed records -> delta -+- deleted topics   -> unknown, waiters told, logs to -delete
 *                               +- new partitions   -> log made, leader epoch begun
 *                               +- changed ones     -> ISR, leader; led, followed, or given up
 *                               +- changed brokers  -> who follows them looks for them anew
 *                               +- changed configs  -> settings, then the logs' configs
 *
 * What is about each partition goes through a queue, in the order of the commits and a slice of
 * time a turn: little is done in the turn in which the records were committed, ten thousand
 * partitions hold up nobody. A partition is made as the image says when its turn comes; until then
 * clients hear that it is not known here, and try again. A deleted one is not known at once; who
 * waits at it is told in its turn.
 */
import { assert } from "../base/assert.ts";
import { Queue } from "../base/queue.ts";
import { SLICE_MS } from "../base/slices.ts";
import { ConfigResourceType } from "../metadata/configs-image.ts";
import type { MetadataDelta } from "../metadata/delta.ts";
import { UNASSIGNED_DIRECTORY } from "../metadata/directory-id.ts";
import type { TopicImage } from "../metadata/topics-image.ts";
import type { PartitionHost } from "../partition/partition-host.ts";
import { Partition } from "../partition/partition.ts";
import type { Coordinators } from "./coordinators.ts";
import { followBrokerSettings } from "./follow-broker-settings.ts";
import type { LocalNode } from "./local-node.ts";
import type { LogDirMoves } from "./log-dir-moves.ts";
import type { ReplicationManager } from "./replication-manager.ts";
import { topicLogConfig } from "./settings/topic-log-config.ts";

/** So many changes are made without a break. */
const SLICE_LENGTH = 256;

export interface PublishedNode extends LocalNode {
  readonly replication: ReplicationManager;
}

export class MetadataPublisher {
  readonly #node: PublishedNode;
  readonly #coordinators: Coordinators;
  readonly #logDirMoves: LogDirMoves;
  readonly #partitionHost: PartitionHost;
  readonly #changes = new Queue<() => void>();
  /** The first delta is all there is: nobody is served before that is done. */
  #isFirst = true;
  #isWorking = false;
  #idle = Promise.withResolvers<void>();

  constructor(node: PublishedNode, coordinators: Coordinators, logDirMoves: LogDirMoves) {
    this.#node = node;
    this.#coordinators = coordinators;
    this.#logDirMoves = logDirMoves;
    this.#partitionHost = {
      nodeId: node.nodeId,
      clock: node.world.clock,
      logs: node.logs,
      isrChanges: node.replication.isrChanges,
      cluster: () => node.image.cluster,
      brokerEpoch: () => node.image.cluster.broker(node.nodeId)?.epoch ?? -1,
      replicaLagTimeMaxMs: () => node.settings.get("replica.lag.time.max.ms"),
    };
  }

  /** What the records of one commit changed. The image has them already. */
  apply(delta: MetadataDelta): void {
    if (delta.deletedTopics.size > 0) this.#deleteTopics([...delta.deletedTopics.values()]);
    this.#changeConfigs(delta);
    const { changedBrokers } = delta;
    if (changedBrokers.size > 0) {
      this.#changes.push(() => this.#node.replication.brokersChanged(changedBrokers));
    }
    for (const [topicId, indexes] of delta.changedPartitions) {
      for (const index of indexes) this.#changes.push(() => this.#changePartition(topicId, index));
    }
    this.#changes.push(() => this.#coordinators.topicsChanged(delta));
    if (!this.#isWorking) this.#work();
    this.#isFirst = false;
  }

  /** Resolves when all that was committed so far is done. */
  whenIdle(): Promise<void> {
    return this.#isWorking ? this.#idle.promise : Promise.resolve();
  }

  #work(): void {
    const { clock } = this.#node.world;
    const sliceEndMs = clock.monotonicMs() + SLICE_MS;
    for (let count = 0; this.#changes.length > 0; count++) {
      const isOver = count === SLICE_LENGTH || clock.monotonicMs() >= sliceEndMs;
      if (isOver && !this.#isFirst) {
        this.#isWorking = true;
        return clock.soon(() => this.#work());
      }
      this.#changes.shift()();
    }
    this.#isWorking = false;
    this.#idle.resolve();
    this.#idle = Promise.withResolvers<void>();
  }

  #changePartition(topicId: string, index: number): void {
    const { nodeId, partitions, image } = this.#node;
    const topic = image.topics.byId(topicId);
    // It may be deleted by now, or have been made and deleted in one delta.
    if (topic === null) return;
    const registration = topic.partitions[index];
    assert(registration !== undefined, `partition ${index} of ${topic.name} is in the image`);
    const known = partitions.topicById(topic.id)?.partition(index) ?? null;
    if (!registration.replicas.includes(nodeId)) {
      if (known !== null) this.#giveUp(known);
      return;
    }
    known?.update(registration);
    const partition = known ?? this.#addPartition(topic, index);
    if (partition === null) return;
    this.#node.replication.changed(partition);
    this.#logDirMoves.settle(partition);
    this.#coordinators.leadershipChanged(partition);
  }

  /** Its topic is deleted, or its replica moved to another broker. */
  #remove(partition: Partition): void {
    this.#coordinators.removed(partition);
    partition.remove();
    this.#node.replication.removed(partition);
    this.#logDirMoves.forget(partition);
  }

  #giveUp(partition: Partition): void {
    const { logs, partitions } = this.#node;
    const { topic, topicId, index } = partition;
    this.#remove(partition);
    partitions.topicById(topicId)?.remove(index);
    logs.delete(topic, index);
  }

  /** Null where it can have no log. */
  #addPartition(topic: TopicImage, index: number): Partition | null {
    const { logs, partitions, nodeId, logger } = this.#node;
    const registration = topic.partitions[index]!;
    const directoryId = registration.directories[registration.replicas.indexOf(nodeId)] ?? null;
    const mayBegin = this.#mayBeginIn(directoryId) || logs.get(topic.name, index) !== null;
    const options = { topicId: topic.id, directoryId };
    const log = mayBegin ? logs.getOrCreate(topic.name, index, options) : null;
    if (log === null) {
      logger.error(`${topic.name}-${index} has no log: its directory is offline`);
      return null;
    }
    const partition = new Partition({
      topic: topic.name,
      topicId: topic.id,
      index,
      log,
      registration,
      host: this.#partitionHost,
    });
    partitions.ensureTopic(topic.name, topic.id).add(partition);
    partition.start();
    return partition;
  }

  /**
   * What is in no directory that is online may be in one that is not: begun anew in another it
   * would be in sync, and empty.
   */
  #mayBeginIn(directoryId: string | null): boolean {
    if (directoryId === null || directoryId === UNASSIGNED_DIRECTORY) return true;
    const { directories } = this.#node.logs;
    const isAssigned = directories.some(
      ({ id, failure }) => failure === null && id === directoryId,
    );
    return isAssigned || directories.every(({ failure }) => failure === null);
  }

  #deleteTopics(topics: readonly TopicImage[]): void {
    const { logs, partitions } = this.#node;
    for (const topic of topics) {
      const removed = partitions.removeTopic(topic.id);
      if (removed === null) continue;
      for (const partition of removed) {
        this.#changes.push(() => {
          this.#remove(partition);
          logs.delete(topic.name, partition.index);
        });
      }
    }
    this.#coordinators.topicsDeleted(topics);
  }

  #changeConfigs(delta: MetadataDelta): void {
    const { partitions } = this.#node;
    for (const { resource } of delta.changedConfigs()) {
      const { type, name } = resource;
      const isHere = type === ConfigResourceType.TOPIC && partitions.topicByName(name) !== null;
      if (isHere) this.#changes.push(() => this.#configure(name));
    }
    if (!followBrokerSettings(this.#node, delta)) return;
    const topics = new Set([...partitions].map((partition) => partition.topic));
    for (const name of topics) this.#changes.push(() => this.#configure(name));
  }

  #configure(name: string): void {
    const { image, settings, logs, partitions } = this.#node;
    const topic = partitions.topicByName(name);
    // It may be deleted by now.
    if (topic === null) return;
    const own = image.configs.of(ConfigResourceType.TOPIC, topic.name);
    logs.updateConfig(topic.name, topicLogConfig(settings, own));
    for (const partition of topic) partition.maybeAdvance();
  }
}
