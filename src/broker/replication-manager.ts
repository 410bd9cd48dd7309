/**
 * Which partitions this node copies from which broker, and how it looks after the followers of
 * those that it leads. The part of Kafka's ReplicaManager that speaks with other nodes.
 *
 *   publisher --> changed(partition) -+- follows  -> a fetcher of its leader (num.replica.fetchers)
 *                                     '- leads    -> looked at every half lag time: who is late?
 *   publisher --> brokersChanged(ids) -> fetchers of brokers that moved begin anew
 *
 * Invariants: a partition is with one fetcher at most, that of its leader and epoch; a fetcher that
 * has none is closed.
 */
import { later } from "../base/later.ts";
import { Slices } from "../base/slices.ts";
import type { Timer } from "../base/world.ts";
import { NodeError } from "../client/node-error.ts";
import { NO_LEADER } from "../metadata/partition-registration.ts";
import type { IsrChanges } from "../partition/isr-changes.ts";
import type { Partition } from "../partition/partition.ts";
import type { FetchLimits } from "../partition/replication/fetch-messages.ts";
import type { LeaderFetcher } from "../partition/replication/leader-fetcher.ts";
import type { Peer } from "../partition/replication/peer.ts";
import type { AlterPartitionQueue } from "./alter-partition-queue.ts";
import type { BrokerPeers } from "./broker-peers.ts";
import type { ControllerChannel } from "./controller-channel.ts";
import { ALTER_PARTITION } from "./controller-calls.ts";
import type { LocalNode } from "./local-node.ts";
import { type ReplicaSelector, selectByRack } from "./replica-selector.ts";
import { ReplicationQuota } from "./quotas/replication-quota.ts";
import { selectsReplicasByRack, throttledBytesPerSecond } from "./settings/effective.ts";
import type { Listeners } from "./settings/listeners.ts";

/** A node alone starts without it. */
type OtherNodes = typeof import("./other-nodes.ts");
const otherNodes = later((): OtherNodes => require("./other-nodes.ts"));

export interface ReplicationNode extends LocalNode {
  readonly brokerEpoch: number;
  readonly listeners: Pick<Listeners, "interBroker">;
  readonly controller: ControllerChannel;
  peersFor(purpose: string): BrokerPeers;
}

interface Following {
  readonly leaderId: number;
  readonly leaderEpoch: number;
  /** Null while its leader is nowhere to be found. */
  fetcher: string | null;
}

interface Fetching {
  readonly fetcher: LeaderFetcher;
  readonly leaderId: number;
  readonly address: string;
}

/** Then what is to be asked may be another; it is asked until it is answered. */
const ALTER_PARTITION_MS_MAX = 10_000;
const MS_PER_SECOND = 1000;

export class ReplicationManager {
  /** Of followers that this node leads. */
  readonly leaderQuota: ReplicationQuota;
  readonly followerQuota: ReplicationQuota;
  /** KIP-392: null where consumers read from leaders alone. */
  readonly selector: ReplicaSelector | null;
  /** Of partitions that this node leads. */
  readonly isrChanges: IsrChanges = {
    propose: (proposal) => this.#alterations().propose(proposal),
  };
  readonly #alterations = later(() => this.#alterPartitionQueue());
  readonly #node: ReplicationNode;
  readonly #following = new Map<Partition, Following>();
  /** By leader, and number of the connection to it. */
  readonly #fetchers = new Map<string, Fetching>();
  /** Those that this node leads for others, too. */
  readonly #led = new Set<Partition>();
  #shrinkTimer: Timer | null = null;
  #isStopped = false;

  constructor(node: ReplicationNode) {
    this.#node = node;
    this.leaderQuota = this.#quota("leader");
    this.followerQuota = this.#quota("follower");
    this.selector = selectsReplicasByRack(node.settings) ? selectByRack : null;
    node.settings.watch((changed) => {
      if (changed.has("num.replica.fetchers")) this.#spread();
    });
  }

  fetchers(): LeaderFetcher[] {
    return [...this.#fetchers.values()].map(({ fetcher }) => fetcher);
  }

  /** It was made, or the metadata log says something new of it. */
  changed(partition: Partition): void {
    const { leader, leaderEpoch, replicas } = partition.registration;
    if (partition.isLeader && replicas.length > 1) this.#led.add(partition);
    else this.#led.delete(partition);
    this.#watchLagging();
    const isFollower = !partition.isLeader && leader !== NO_LEADER && !this.#isStopped;
    const known = this.#following.get(partition);
    if (!isFollower) return this.#leave(partition);
    if (known?.leaderId === leader && known.leaderEpoch === leaderEpoch) return;
    // In the same fetcher the new epoch replaces the old one, without the session losing it.
    if (known?.leaderId !== leader) this.#leave(partition);
    this.#follow(partition, { leaderId: leader, leaderEpoch, fetcher: null });
  }

  /** It is no replica of this node any more. */
  removed(partition: Partition): void {
    this.#led.delete(partition);
    this.#leave(partition);
  }

  /** Brokers have come, gone or moved. */
  brokersChanged(ids: ReadonlySet<number>): void {
    const moved = [...this.#fetchers].filter(
      ([, { leaderId, address }]) => ids.has(leaderId) && this.#addressOf(leaderId) !== address,
    );
    for (const [key, { fetcher }] of moved) {
      fetcher.close();
      this.#fetchers.delete(key);
    }
    const keys = new Set(moved.map(([key]) => key));
    for (const [partition, { leaderId, leaderEpoch, fetcher }] of this.#following) {
      const isLost = fetcher === null ? ids.has(leaderId) : keys.has(fetcher);
      if (isLost) this.#follow(partition, { leaderId, leaderEpoch, fetcher: null });
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#shrinkTimer?.cancel();
    for (const { fetcher } of this.#fetchers.values()) fetcher.close();
    this.#fetchers.clear();
    this.#following.clear();
    this.#led.clear();
  }

  #follow(partition: Partition, following: Following): void {
    const key = `${following.leaderId}-${this.#numberOf(partition)}`;
    const fetching = this.#fetchers.get(key) ?? this.#connect(key, following.leaderId);
    following.fetcher = fetching === null ? null : key;
    this.#following.set(partition, following);
    fetching?.fetcher.add(partition, following.leaderEpoch);
  }

  #leave(partition: Partition): void {
    const following = this.#following.get(partition);
    if (following === undefined) return;
    this.#following.delete(partition);
    const fetching = following.fetcher === null ? undefined : this.#fetchers.get(following.fetcher);
    if (fetching === undefined || following.fetcher === null) return;
    fetching.fetcher.remove(partition);
    if (fetching.fetcher.size > 0) return;
    fetching.fetcher.close();
    this.#fetchers.delete(following.fetcher);
  }

  /** The connections of a leader share its partitions. */
  #numberOf({ topic, index }: Partition): number {
    const count = this.#node.settings.get("num.replica.fetchers");
    if (count === 1) return 0;
    let hash = index;
    for (let at = 0; at < topic.length; at++) hash = (hash * 31 + topic.charCodeAt(at)) >>> 0;
    return hash % count;
  }

  /** num.replica.fetchers is another. */
  #spread(): void {
    for (const { fetcher } of this.#fetchers.values()) fetcher.close();
    this.#fetchers.clear();
    for (const [partition, { leaderId, leaderEpoch }] of this.#following) {
      this.#follow(partition, { leaderId, leaderEpoch, fetcher: null });
    }
  }

  #connect(key: string, leaderId: number): Fetching | null {
    const address = this.#addressOf(leaderId);
    if (address === null) return null;
    const { world, logger, settings, nodeId } = this.#node;
    const purpose = `fetcher-${key.slice(key.indexOf("-") + 1)}`;
    const fetcher = new (otherNodes().LeaderFetcher)({
      clock: world.clock,
      logger: logger.child(`fetcher-${key}`),
      leaderId,
      address,
      follower: () => ({ brokerId: nodeId, brokerEpoch: this.#node.brokerEpoch }),
      connect: () => this.#node.peersFor(purpose).to(leaderId) ?? NOBODY,
      limits: () => this.#limits(),
      backoffMs: () => settings.get("replica.fetch.backoff.ms"),
      timeoutMs: () => settings.get("replica.socket.timeout.ms"),
      quota: this.followerQuota,
    });
    const fetching = { fetcher, leaderId, address };
    this.#fetchers.set(key, fetching);
    return fetching;
  }

  /** Null where no broker is registered by this id. */
  #addressOf(brokerId: number): string | null {
    const { image, listeners } = this.#node;
    const endpoint = image.cluster.endpoint(brokerId, listeners.interBroker.name);
    return endpoint === null ? null : `${endpoint.host}:${endpoint.port}`;
  }

  #limits(): FetchLimits {
    const { settings } = this.#node;
    return {
      maxWaitMs: settings.get("replica.fetch.wait.max.ms"),
      minBytes: settings.get("replica.fetch.min.bytes"),
      responseBytesMax: settings.get("replica.fetch.response.max.bytes"),
      partitionBytesMax: settings.get("replica.fetch.max.bytes"),
    };
  }

  /** Only while there are followers to look after. */
  #watchLagging(): void {
    if (this.#led.size === 0 || this.#isStopped) {
      this.#shrinkTimer?.cancel();
      this.#shrinkTimer = null;
    } else if (this.#shrinkTimer === null) {
      const { world, settings } = this.#node;
      const delayMs = Math.max(1, Math.floor(settings.get("replica.lag.time.max.ms") / 2));
      this.#shrinkTimer = world.clock.schedule(delayMs, () => void this.#leaveOutLagging());
    }
  }

  async #leaveOutLagging(): Promise<void> {
    const { clock } = this.#node.world;
    const slices = new Slices(clock);
    for (const partition of this.#led) {
      partition.maybeShrinkIsr(clock.monotonicMs());
      if (slices.isOver) await slices.next();
    }
    this.#shrinkTimer = null;
    this.#watchLagging();
  }

  #alterPartitionQueue(): AlterPartitionQueue {
    const { world, logger, nodeId, controller } = this.#node;
    return new (otherNodes().AlterPartitionQueue)({
      clock: world.clock,
      logger: logger.child("alter-partition"),
      nodeId,
      brokerEpoch: () => this.#node.brokerEpoch,
      ask: (request) => controller.ask(ALTER_PARTITION, request, ALTER_PARTITION_MS_MAX),
    });
  }

  #quota(side: "leader" | "follower"): ReplicationQuota {
    const { world, nodeId, settings } = this.#node;
    return new ReplicationQuota({
      clock: world.clock,
      nodeId,
      window: {
        sampleCount: settings.get("replication.quota.window.num"),
        sampleMs: settings.get("replication.quota.window.size.seconds") * MS_PER_SECOND,
      },
      bytesPerSecond: () => throttledBytesPerSecond(settings, side),
      replicasOf: (config) =>
        side === "leader"
          ? config.leaderReplicationThrottledReplicas
          : config.followerReplicationThrottledReplicas,
    });
  }
}

/** In the place of a leader that is not registered any more; its partitions will hear of it. */
const NOBODY: Peer = {
  ask: () => Promise.reject(new NodeError("unreachable", "no such broker is registered")),
  close() {},
};
