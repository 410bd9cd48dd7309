/**
 * The other brokers, for one purpose: a connection to each that is spoken to, at the endpoint of
 * its inter-broker listener. A broker that moved is spoken to where it is now.
 *
 * Each purpose has its own, as in Kafka: answers come in the order of the requests, and what takes
 * long for one purpose holds up no other.
 */
import type { World } from "../base/world.ts";
import { NodePeer } from "../client/node-peer.ts";
import type { MetadataImage } from "../metadata/image.ts";
import type { BufferPool } from "../protocol/frames/buffer-pool.ts";

export interface BrokerPeersOptions {
  readonly world: Pick<World, "network" | "clock">;
  readonly image: () => Pick<MetadataImage, "cluster">;
  /** Which brokers use among each other. */
  readonly listenerName: string;
  readonly clientId: string;
  /** socket.connection.setup.timeout.ms */
  readonly setupTimeoutMs: number;
  readonly pool: BufferPool;
}

export class BrokerPeers {
  readonly #options: BrokerPeersOptions;
  readonly #peers = new Map<number, NodePeer>();

  constructor(options: BrokerPeersOptions) {
    this.#options = options;
  }

  /** Null where no such broker is registered, or has no such listener. */
  to(brokerId: number): NodePeer | null {
    const { image, listenerName } = this.#options;
    const endpoint = image().cluster.endpoint(brokerId, listenerName);
    const known = this.#peers.get(brokerId);
    if (endpoint !== null && known?.host === endpoint.host && known.port === endpoint.port) {
      return known;
    }
    known?.close();
    this.#peers.delete(brokerId);
    if (endpoint === null) return null;
    const { world, clientId, setupTimeoutMs, pool } = this.#options;
    const { host, port } = endpoint;
    const peer = new NodePeer({ ...world, host, port, clientId, setupTimeoutMs, pool });
    this.#peers.set(brokerId, peer);
    return peer;
  }

  /** Whoever waits for an answer is told that there will be none. */
  close(): void {
    for (const peer of this.#peers.values()) peer.close();
    this.#peers.clear();
  }
}
