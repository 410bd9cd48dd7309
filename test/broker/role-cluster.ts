/** Nodes of any roles on fake machines, and a client of them all. Controllers vote by the settings. */
import { NodeError } from "../../src/client/node-error.ts";
import { NodePeer } from "../../src/client/node-peer.ts";
import { formatStorage } from "../../src/broker/format-storage.ts";
import { SUPPORTED_FEATURES } from "../../src/broker/supported-features.ts";
import { defaultBootstrapRecords } from "../../src/metadata/activation.ts";
import type { MetadataImage } from "../../src/metadata/image.ts";
import type { NewRecord } from "../../src/metadata/record.ts";
import { BufferPool } from "../../src/protocol/frames/buffer-pool.ts";
import type { Api } from "../../src/protocol/schema.ts";
import type { Node } from "../../src/server/node.ts";
import type { Member } from "../sim/cluster/shape.ts";
import { SimulatedNode } from "../sim/cluster/simulated-node.ts";
import { FakeRandom } from "../sim/fake-random.ts";
import { type FakeWorld, fakeWorld, neighbourOf } from "../sim/fake-world.ts";

export interface NodePlan {
  readonly id: number;
  readonly roles: "broker" | "controller" | "broker,controller";
  /** What it says of itself, where that is not `id`, by which the test knows it. */
  readonly nodeId?: number;
  readonly settings?: Readonly<Record<string, string>>;
}

export interface ClusterOptions {
  readonly bootstrapRecords?: readonly NewRecord[];
  readonly clusterIdOf?: (id: number) => string;
}

export const CLUSTER_ID = "c2ltdWxhdGVkLWNsdXN0ZQ";
const [BROKER_PORT, CONTROLLER_PORT] = [9092, 9093];
const PATIENCE_MS = 60_000;

export class RoleCluster {
  readonly nodes = new Map<number, SimulatedNode>();
  readonly client: FakeWorld;
  readonly #peers = new Map<string, NodePeer>();
  readonly #pool = new BufferPool();

  constructor(plans: readonly NodePlan[], options: ClusterOptions = {}) {
    this.client = fakeWorld(1, "10.1.0.1");
    const voters = plans.filter(({ roles }) => roles.includes("controller"));
    const votersText = voters.map(({ id }) => `${id}@${addressOf(id)}:${CONTROLLER_PORT}`).join();
    for (const plan of plans) {
      const world = neighbourOf(this.client, addressOf(plan.id));
      const settings = { ...settingsOf(plan, votersText), ...plan.settings };
      this.client.clock.await(format(world, plan, options));
      this.nodes.set(
        plan.id,
        new SimulatedNode(memberOf(plan), world, settings, new FakeRandom(plan.id)),
      );
    }
  }

  /** Starts these, or all, and waits until they are up. */
  start(...ids: number[]): void {
    const nodes = ids.length === 0 ? [...this.nodes.values()] : ids.map((id) => this.node(id));
    for (const node of nodes) node.start();
    this.until(() => nodes.every((node) => node.isUp || node.life?.hasFailed === true));
    for (const node of nodes) node.reap();
  }

  node(id: number): SimulatedNode {
    return this.nodes.get(id)!;
  }

  running(id: number): Node {
    const { running } = this.node(id);
    if (running === null)
      throw new Error(`node ${id} is not up:\n${this.node(id).lines.join("\n")}`);
    return running;
  }

  image(id: number): MetadataImage {
    return this.running(id).broker.image;
  }

  /** The node whose controller is active, as any of those that are up has it. */
  get activeId(): number | null {
    for (const { running } of this.nodes.values()) {
      if (running?.broker.metadata.isActiveController === true) return running.broker.nodeId;
    }
    return null;
  }

  until(condition: () => boolean, patienceMs = PATIENCE_MS): void {
    this.client.clock.advanceUntil(condition, patienceMs);
  }

  stop(id: number): void {
    const node = this.node(id);
    node.stop();
    this.until(() => node.life === null);
  }

  ask<Q, QI, R, RI>(
    id: number,
    api: Api<Q, QI, R, RI>,
    request: QI,
    listener: "broker" | "controller" = "broker",
  ): R {
    const peer = this.#peer(id, listener === "broker" ? BROKER_PORT : CONTROLLER_PORT);
    const asked = peer.ask(
      api,
      () => request,
      PATIENCE_MS,
      (response) => response,
    );
    return this.client.clock.await(asked);
  }

  /** What has been asked while other things happen. */
  asking<Q, QI, R, RI>(id: number, api: Api<Q, QI, R, RI>, request: QI): Promise<R | NodeError> {
    const peer = this.#peer(id, BROKER_PORT);
    const asked = peer.ask(
      api,
      () => request,
      2 * PATIENCE_MS,
      (response) => response,
    );
    return asked.catch((error: unknown) => {
      if (error instanceof NodeError) return error;
      throw error;
    });
  }

  #peer(id: number, port: number): NodePeer {
    const host = addressOf(id);
    const known = this.#peers.get(`${host}:${port}`);
    if (known !== undefined) return known;
    const { clock, network } = this.client;
    const options = { clientId: "tool", setupTimeoutMs: 1000, pool: this.#pool };
    const peer = new NodePeer({ clock, network, host, port, ...options });
    this.#peers.set(`${host}:${port}`, peer);
    return peer;
  }
}

export function addressOf(id: number): string {
  return `10.0.0.${id}`;
}

function memberOf({ id, roles }: NodePlan): Member {
  const isBroker = roles.includes("broker");
  return { id, isBroker, isController: roles.includes("controller"), directories: ["/data"] };
}

function settingsOf({ id, nodeId, roles }: NodePlan, votersText: string): Record<string, string> {
  const address = addressOf(id);
  const all = {
    broker: `PLAINTEXT://${address}:${BROKER_PORT}`,
    controller: `CONTROLLER://${address}:${CONTROLLER_PORT}`,
  };
  const listeners = (["broker", "controller"] as const)
    .filter((role) => roles.includes(role))
    .map((role) => all[role]);
  return {
    "process.roles": roles,
    "node.id": String(nodeId ?? id),
    listeners: listeners.join(),
    ...(roles.includes("broker") ? { "advertised.listeners": all.broker } : {}),
    "controller.listener.names": "CONTROLLER",
    "controller.quorum.voters": votersText,
    "log.dirs": "/data",
  };
}

function format(world: FakeWorld, node: NodePlan, options: ClusterOptions): Promise<void> {
  const plan = {
    clusterId: options.clusterIdOf?.(node.id) ?? CLUSTER_ID,
    nodeId: node.nodeId ?? node.id,
    directories: (node.settings?.["log.dirs"] ?? "/data").split(","),
    metadataDirectory: "/data",
    records: options.bootstrapRecords ?? defaultBootstrapRecords(SUPPORTED_FEATURES),
    kraftVersion: 0,
    voters: null,
  };
  return formatStorage(world, plan, { ignoreFormatted: true, say: () => {} });
}
