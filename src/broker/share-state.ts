/** The states of share partitions: their coordinator on this node, and the way to all others. */
import type { SharePartitionKey, ShareStateSource } from "../coordinator/share/persister.ts";
import { RetryingPersister } from "../coordinator/share/retrying-persister.ts";
import { ShareCoordinator } from "../coordinator/share/share-coordinator.ts";
import { coordinatorKeyOf } from "../coordinator/share/share-shard.ts";
import { SHARE_GROUP_STATE_TOPIC } from "../metadata/internal-topics.ts";
import { NO_LEADER } from "../metadata/partition-registration.ts";
import type { TopicImage } from "../metadata/topics-image.ts";
import type { BrokerPeers } from "./broker-peers.ts";
import type { LocalNode } from "./local-node.ts";
import { RemoteShareCoordinator } from "./remote-share-coordinator.ts";
import { shareCoordinatorConfig } from "./share-coordinator-config.ts";
import type { TopicCreation } from "./topic-creation.ts";

interface Node extends LocalNode {
  readonly topicCreation: TopicCreation;
  peersFor(purpose: string): BrokerPeers;
}

/** Many partitions may wait for the topic; where it cannot be made, that is told now and then. */
const ASK_EVERY_MS = 1_000;

export class ShareStateKeeper {
  readonly coordinator: ShareCoordinator;
  readonly persister: RetryingPersister;
  readonly #node: Node;
  readonly #peers: BrokerPeers;
  readonly #remote = new Map<number, RemoteShareCoordinator>();
  #askedMs = -ASK_EVERY_MS;

  constructor(node: Node) {
    const { world, logger, settings } = node;
    this.#node = node;
    this.#peers = node.peersFor("share-state");
    this.coordinator = new ShareCoordinator({
      clock: world.clock,
      logger: logger.child("share-state"),
      config: shareCoordinatorConfig(settings),
      hasPartition: (topicId, partition) => this.#hasPartition(topicId, partition),
      partitionCount: () =>
        this.#stateTopic()?.partitions.length ??
        settings.get("share.coordinator.state.topic.num.partitions"),
    });
    this.persister = new RetryingPersister({
      clock: world.clock,
      coordinatorOf: (key) => this.#coordinatorOf(key),
      hasPartition: ({ topicId, partition }) => this.#hasPartition(topicId, partition),
    });
  }

  /** Whoever waits for a broker that coordinates its states no more asks the next. */
  leadersChanged(): void {
    for (const [brokerId, remote] of this.#remote) {
      remote.giveUp((key) => this.#leaderFor(key) !== brokerId);
    }
  }

  stop(): void {
    this.persister.stop();
    this.coordinator.stop();
    this.#peers.close();
  }

  #coordinatorOf(key: SharePartitionKey): ShareStateSource | null {
    if (this.#stateTopic() === null) {
      this.#createTopic();
      return null;
    }
    const { nodeId, image } = this.#node;
    const leader = this.#leaderFor(key);
    if (leader === nodeId) return this.coordinator;
    const broker = image.cluster.broker(leader);
    return broker === null || broker.fenced ? null : this.#remoteOn(leader);
  }

  #leaderFor(key: SharePartitionKey): number {
    const index = this.coordinator.runtime.partitionFor(coordinatorKeyOf(key));
    return this.#stateTopic()?.partitions[index]?.leader ?? NO_LEADER;
  }

  #remoteOn(brokerId: number): RemoteShareCoordinator {
    let remote = this.#remote.get(brokerId);
    if (remote === undefined) {
      remote = new RemoteShareCoordinator({
        clock: this.#node.world.clock,
        peer: () => this.#peers.to(brokerId),
        timeoutMs: () => this.#node.settings.get("request.timeout.ms"),
      });
      this.#remote.set(brokerId, remote);
    }
    return remote;
  }

  /** It is on its way from now on. */
  #createTopic(): void {
    const { world, topicCreation } = this.#node;
    const nowMs = world.clock.monotonicMs();
    if (nowMs < this.#askedMs + ASK_EVERY_MS) return;
    this.#askedMs = nowMs;
    void topicCreation.create([SHARE_GROUP_STATE_TOPIC], { remoteAddress: "a share group" });
  }

  #stateTopic(): TopicImage | null {
    return this.#node.image.topics.byName(SHARE_GROUP_STATE_TOPIC);
  }

  #hasPartition(topicId: string, partition: number): boolean {
    return this.#node.image.topics.byId(topicId)?.partitions[partition] !== undefined;
  }
}
