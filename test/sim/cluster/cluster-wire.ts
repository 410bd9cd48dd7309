/**
 * How a client of the consistency tests reaches a cluster: it asks whoever leads or coordinates,
 * as metadata has it, over connections of its own, and asks anew for who that is when an answer or
 * a broken connection says that it is somebody else by now.
 */
import { NodeError } from "../../../src/client/node-error.ts";
import { NodePeer } from "../../../src/client/node-peer.ts";
import type { Clock, Network } from "../../../src/base/world.ts";
import { ErrorCode, isRetriable } from "../../../src/protocol/error-code.ts";
import { BufferPool } from "../../../src/protocol/frames/buffer-pool.ts";
import { metadata } from "../../../src/protocol/messages/03-metadata.ts";
import { findCoordinator } from "../../../src/protocol/messages/10-find-coordinator.ts";
import { produce } from "../../../src/protocol/messages/00-produce.ts";
import { initProducerId } from "../../../src/protocol/messages/22-init-producer-id.ts";
import { endTxn } from "../../../src/protocol/messages/26-end-txn.ts";
import { txnOffsetCommit } from "../../../src/protocol/messages/28-txn-offset-commit.ts";
import type { Api } from "../../../src/protocol/schema.ts";
import { Unanswered, type Wire } from "../../consistency/wire.ts";
import type { FakeRandom } from "../fake-random.ts";
import { type LeaderPlace, type Place, routeOf, withLeaderEpoch } from "./routes.ts";

export interface ClientWorld {
  readonly clock: Clock;
  readonly network: Network;
  readonly random: FakeRandom;
  /** "host:port" of brokers. */
  readonly bootstrap: readonly string[];
  readonly name: string;
  /** Shared by all clients: true from when the test wants them to come to an end. */
  readonly closing: { isClosing: boolean };
  /** Shared by all clients. */
  readonly doubts?: Doubts;
}

/** What makes clients ask again for what was done. */
export interface Doubts {
  /** So many answers come to nobody. */
  lostRate: number;
  /** So many requests arrive twice, the second time by another connection, and later. */
  twiceRate: number;
}

const REQUEST_TIMEOUT_MS = 2500;
const SETUP_TIMEOUT_MS = 1000;
const METADATA_VERSION = 12;
const FIND_COORDINATOR_VERSION = 4;
const TWICE_WITHIN_MS = 600;
/**
 * Those that say themselves what they belong to (a producer's epoch and sequence, KIP-890): what
 * comes again, however late, does nothing. A late commit of a member does: Kafka takes it.
 */
const HARMLESS_TWICE: ReadonlySet<number> = new Set([
  produce.key,
  initProducerId.key,
  endTxn.key,
  txnOffsetCommit.key,
]);

export class ClusterWire implements Wire {
  readonly #world: ClientWorld;
  readonly #peers = new Map<string, NodePeer>();
  readonly #pool = new BufferPool();
  /** "host:port" by node. */
  readonly #brokers = new Map<number, string>();
  /** By "topic-partition". */
  readonly #leaders = new Map<string, { readonly id: number; readonly epoch: number }>();
  /** The newest that were seen, by "topic-partition"; never forgotten. */
  readonly #epochs = new Map<string, number>();
  /** "host:port" by "type key". */
  readonly #coordinators = new Map<string, string>();
  #sticky: string | null = null;

  constructor(world: ClientWorld) {
    this.#world = world;
  }

  leaderEpoch(topic: string, partition: number): number | null {
    return this.#leaders.get(`${topic}-${partition}`)?.epoch ?? null;
  }

  get hasManyNodes(): boolean {
    return this.#brokers.size > 1;
  }

  get isClosing(): boolean {
    return this.#world.closing.isClosing;
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#world.clock.schedule(delayMs, resolve));
  }

  wallMs(): number {
    return this.#world.clock.wallMs();
  }

  close(): void {
    for (const peer of this.#peers.values()) peer.close();
    this.#peers.clear();
  }

  async ask<Q, QI, R, RI>(api: Api<Q, QI, R, RI>, version: number, request: QI): Promise<R> {
    const route = routeOf(api.key);
    const place = route.place(request);
    const address = await this.#addressOf(place);
    try {
      const told = place.kind === "leader" ? this.#withEpoch(api.key, request, place) : request;
      this.#maybeTwice(address, api, version, told);
      const answer = await this.#askAt(address, api, version, told);
      if (isRetriable(route.errorOf(answer))) this.#forget(place);
      if (this.#isLost()) throw new Unanswered("the answer was lost");
      return answer;
    } catch (error) {
      this.#forget(place);
      throw error;
    }
  }

  #withEpoch<QI>(apiKey: number, request: QI, { topic, partition }: LeaderPlace): QI {
    const leader = this.#leaders.get(`${topic}-${partition}`);
    return leader === undefined ? request : withLeaderEpoch(apiKey, request, leader.epoch);
  }

  #isLost(): boolean {
    const { random, doubts } = this.#world;
    return doubts !== undefined && doubts.lostRate > 0 && random.chance(doubts.lostRate);
  }

  #maybeTwice<Q, QI, R, RI>(
    address: string,
    api: Api<Q, QI, R, RI>,
    version: number,
    request: QI,
  ): void {
    const { clock, random, doubts } = this.#world;
    if (doubts === undefined || doubts.twiceRate === 0 || !HARMLESS_TWICE.has(api.key)) return;
    if (!random.chance(doubts.twiceRate)) return;
    clock.schedule(random.below(TWICE_WITHIN_MS), () => {
      this.#askAt(address, api, version, request, "again").catch((error: unknown) => {
        if (!(error instanceof Unanswered)) throw error;
      });
    });
  }

  async #askAt<Q, QI, R, RI>(
    address: string,
    api: Api<Q, QI, R, RI>,
    version: number,
    request: QI,
    way = "usual",
  ): Promise<R> {
    try {
      const peer = this.#peer(address, way);
      return await peer.ask(api, () => request, REQUEST_TIMEOUT_MS, owned, version);
    } catch (error) {
      if (!(error instanceof NodeError)) throw error;
      if (this.#sticky === address) this.#sticky = null;
      throw new Unanswered(error.message);
    }
  }

  async #addressOf(place: Place): Promise<string> {
    if (place.kind === "any") return this.#anyone();
    if (place.kind === "coordinator") return this.#coordinator(place.keyType, place.key);
    const key = `${place.topic}-${place.partition}`;
    if (!this.#leaders.has(key)) await this.#learn(place.topic);
    const address = this.#brokers.get(this.#leaders.get(key)?.id ?? -1);
    if (address !== undefined) return address;
    this.#forget(place);
    throw new Unanswered(`${key} has no leader`);
  }

  async #learn(topic: string): Promise<void> {
    const request = { topics: [{ name: topic }], allowAutoTopicCreation: false };
    const answer = await this.#askAt(this.#anyone(), metadata, METADATA_VERSION, request);
    for (const { nodeId, host, port } of answer.brokers) {
      this.#brokers.set(nodeId, `${host}:${port}`);
    }
    for (const { name, partitions } of answer.topics) {
      for (const { partitionIndex, leaderId: id, leaderEpoch: epoch } of partitions) {
        const key = `${name}-${partitionIndex}`;
        // Who tells of an older epoch than was seen has slept (KIP-320).
        if (epoch < (this.#epochs.get(key) ?? 0)) continue;
        this.#epochs.set(key, epoch);
        this.#leaders.set(key, { id, epoch });
      }
    }
  }

  async #coordinator(keyType: number, key: string): Promise<string> {
    const name = `${keyType} ${key}`;
    const known = this.#coordinators.get(name);
    if (known !== undefined) return known;
    const request = { keyType, coordinatorKeys: [key] };
    const version = FIND_COORDINATOR_VERSION;
    const answer = await this.#askAt(this.#anyone(), findCoordinator, version, request);
    const [found] = answer.coordinators;
    if (found === undefined || found.errorCode !== ErrorCode.NONE) {
      this.#sticky = null;
      throw new Unanswered(`${name} has no coordinator`);
    }
    const address = `${found.host}:${found.port}`;
    this.#coordinators.set(name, address);
    return address;
  }

  #forget(place: Place): void {
    if (place.kind === "leader") this.#leaders.delete(`${place.topic}-${place.partition}`);
    else if (place.kind === "coordinator")
      this.#coordinators.delete(`${place.keyType} ${place.key}`);
    // Its metadata may be of long ago: the next one is asked.
    this.#sticky = null;
  }

  #anyone(): string {
    this.#sticky ??= this.#world.random.pick(this.#world.bootstrap);
    return this.#sticky;
  }

  #peer(address: string, way: string): NodePeer {
    const key = `${way} ${address}`;
    const known = this.#peers.get(key);
    if (known !== undefined) return known;
    const { clock, network, name } = this.#world;
    const colon = address.lastIndexOf(":");
    const peer = new NodePeer({
      network,
      clock,
      host: address.slice(0, colon),
      port: Number(address.slice(colon + 1)),
      clientId: name,
      setupTimeoutMs: SETUP_TIMEOUT_MS,
      pool: this.#pool,
    });
    this.#peers.set(key, peer);
    return peer;
  }
}

/** The same, without a byte of the connection's: those are copied, in place. */
function owned<T>(value: T): T {
  if (value instanceof Uint8Array) return Buffer.from(value) as Uint8Array as T;
  if (typeof value !== "object" || value === null) return value;
  const fields = value as Record<string, unknown>;
  for (const name in fields) {
    const field = fields[name];
    if (typeof field === "object" && field !== null) fields[name] = owned(field);
  }
  return value;
}
