/** What the nodes of a cluster say of it: who leads, who is in sync, who is the active controller. */
import { realClock } from "../../../src/base/real-clock.ts";
import { realNetwork } from "../../../src/base/real-network.ts";
import { NodeError } from "../../../src/client/node-error.ts";
import { NodePeer } from "../../../src/client/node-peer.ts";
import { metadata } from "../../../src/protocol/messages/03-metadata.ts";
import { describeQuorum } from "../../../src/protocol/messages/55-describe-quorum.ts";
import { BufferPool } from "../../../src/protocol/frames/buffer-pool.ts";
import type { Api } from "../../../src/protocol/schema.ts";
import { CompatError } from "../harness/outcome.ts";
import type { Cluster, ClusterNode } from "./cluster.ts";

export interface PartitionView {
  readonly name: string;
  /** -1 for none. */
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

const ASK_MS_MAX = 2000;
const LOOK_EVERY_MS = 30;
const UNTIL_MS_MAX = 60_000;
const METADATA_TOPIC = "__cluster_metadata";

export class ClusterView {
  readonly #cluster: Cluster;
  readonly #peers = new Map<number, NodePeer>();
  readonly #pool = new BufferPool();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** As one broker has it; null when it does not answer. */
  partitions(by: ClusterNode): Promise<PartitionView[] | null> {
    const request = { topics: null, allowAutoTopicCreation: false };
    return this.#ask(by, metadata, request, ({ topics }) =>
      topics.flatMap(({ name, partitions }) =>
        partitions.map(({ partitionIndex, leaderId, replicaNodes, isrNodes }) => ({
          name: `${name}-${partitionIndex}`,
          leader: leaderId,
          replicas: [...replicaNodes],
          isr: [...isrNodes],
        })),
      ),
    );
  }

  /** The active controller; null when there is none, or nobody who knows it. */
  controller(by: ClusterNode): Promise<number | null> {
    const request = {
      topics: [{ topicName: METADATA_TOPIC, partitions: [{ partitionIndex: 0 }] }],
    };
    return this.#ask(by, describeQuorum, request, ({ topics }) => {
      const leader = topics[0]?.partitions[0]?.leaderId ?? -1;
      return leader < 0 ? null : leader;
    });
  }

  /** All who live know that others lead what it led, and who is the active controller now. */
  async hasBuried(dead: readonly number[]): Promise<boolean> {
    for (const node of this.#running(dead)) {
      const all = await this.partitions(node);
      const isOver = ({ leader }: PartitionView): boolean => leader > 0 && !dead.includes(leader);
      if (all === null || !all.every(isOver)) return false;
      const controller = await this.controller(node);
      if (controller === null || dead.includes(controller)) return false;
    }
    return true;
  }

  /** All brokers live, all partitions have a leader, all replicas are in sync: says everybody. */
  async isWhole(): Promise<boolean> {
    for (const node of this.#cluster.brokers) {
      const all = node.isRunning ? await this.partitions(node) : null;
      if (all === null || all.length === 0 || !all.every(isWell)) return false;
    }
    return true;
  }

  /** Asks again and again until it is so; says how it stands when it is not in time. */
  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const end = performance.now() + UNTIL_MS_MAX;
    while (!(await holds())) {
      if (performance.now() > end) {
        throw new CompatError(`${what}: not within ${UNTIL_MS_MAX} ms\n${await this.#text()}`);
      }
      await Bun.sleep(LOOK_EVERY_MS);
    }
  }

  close(): void {
    for (const peer of this.#peers.values()) peer.close();
  }

  #running(but: readonly number[]): ClusterNode[] {
    return this.#cluster.brokers.filter(({ isRunning, id }) => isRunning && !but.includes(id));
  }

  async #text(): Promise<string> {
    const lines: string[] = [];
    for (const node of this.#cluster.brokers) {
      const all = node.isRunning ? await this.partitions(node) : null;
      const bad = all?.filter((partition) => !isWell(partition)) ?? [];
      lines.push(`node ${node.id}: ${all === null ? "no answer" : JSON.stringify(bad)}`);
    }
    return lines.join("\n");
  }

  /** By its own port, whatever the ways of others are like. */
  async #ask<Q, QI, R, RI, T>(
    { id, place }: ClusterNode,
    api: Api<Q, QI, R, RI>,
    request: QI,
    use: (response: R) => T,
  ): Promise<T | null> {
    const known = this.#peers.get(id);
    const peer =
      known ??
      new NodePeer({
        network: realNetwork(),
        clock: realClock(),
        host: "127.0.0.1",
        port: place.port,
        clientId: "view",
        setupTimeoutMs: ASK_MS_MAX,
        pool: this.#pool,
      });
    this.#peers.set(id, peer);
    try {
      return await peer.ask(api, () => request, ASK_MS_MAX, use);
    } catch (error) {
      if (error instanceof NodeError) return null;
      throw error;
    }
  }
}

function isWell({ leader, replicas, isr }: PartitionView): boolean {
  return leader > 0 && isr.length === replicas.length;
}
