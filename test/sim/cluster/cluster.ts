/** A cluster of simulated nodes on one network and in one time, with what is seen of it. */
import { FakeRandom } from "../fake-random.ts";
import { type FakeWorld, fakeWorld, neighbourOf } from "../fake-world.ts";
import type { FakeClock } from "../fake-clock.ts";
import type { FakeNetwork } from "../fake-network.ts";
import { formatStorage } from "../../../src/broker/format-storage.ts";
import { SUPPORTED_FEATURES } from "../../../src/broker/supported-features.ts";
import { defaultBootstrapRecords } from "../../../src/metadata/activation.ts";
import { BUSY_SETTINGS } from "../../consistency/workload.ts";
import { ClusterWire } from "./cluster-wire.ts";
import { SimulatedNode } from "./simulated-node.ts";

export const BROKER_PORT = 9092;
export const CONTROLLER_PORT = 9093;
const CLUSTER_ID = "c2ltdWxhdGVkLWNsdXN0ZQ";
const LAST_EVENTS = 60;

export interface ClusterPlan {
  readonly nodeCount: number;
  readonly settings: Readonly<Record<string, string>>;
}

export class Cluster {
  readonly nodes: SimulatedNode[] = [];
  /** Addresses. */
  readonly clients: string[] = [];
  /** Of no machine. */
  readonly clock: FakeClock;
  readonly wire: FakeNetwork;
  readonly closing = { isClosing: false };
  /** What was done to it, lately. */
  readonly events: string[] = [];
  readonly #random: FakeRandom;
  readonly #wires: ClusterWire[] = [];
  #hash = 0;
  #deliveredCount = 0;

  constructor(plan: ClusterPlan, random: FakeRandom) {
    this.#random = random;
    const first = fakeWorld(random.uint32(), addressOf(1));
    this.clock = first.clock.fork();
    this.wire = first.wire;
    this.wire.watch = (from, to, bytes) => {
      this.#deliveredCount++;
      this.#trace(`${from.host}:${from.localPort}>${to.host} ${this.clock.monotonicMs()}`);
      this.#hash = Bun.hash.crc32(bytes, this.#hash);
    };
    for (let id = 1; id <= plan.nodeCount; id++) {
      const world = id === 1 ? first : neighbourOf(first, addressOf(id));
      const settings = settingsOf(id, plan);
      const node = new SimulatedNode(id, world, settings, random.fork());
      node.onLine = (line) => this.#trace(line);
      this.clock.await(format(world, id));
      this.nodes.push(node);
    }
  }

  /** Of all that arrived anywhere, when it did, and of what the nodes said: one for each seed. */
  get traceHash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  get deliveredCount(): number {
    return this.#deliveredCount;
  }

  note(event: string): void {
    this.#trace(event);
    if (this.events.length === LAST_EVENTS) this.events.shift();
    this.events.push(`${this.clock.monotonicMs().toFixed(0)} ${event}`);
  }

  newWire(name: string): ClusterWire {
    const address = `10.1.0.${this.clients.length + 1}`;
    this.clients.push(address);
    const wire = new ClusterWire({
      clock: this.clock.fork(),
      network: this.wire.host(address),
      random: this.#random.fork(),
      bootstrap: this.nodes.map((node) => `${node.address}:${BROKER_PORT}`),
      name,
      closing: this.closing,
    });
    this.#wires.push(wire);
    return wire;
  }

  closeWires(): void {
    for (const wire of this.#wires) wire.close();
  }

  #trace(text: string): void {
    this.#hash = Bun.hash.crc32(text, this.#hash);
  }
}

export function addressOf(id: number): string {
  return `10.0.0.${id}`;
}

function settingsOf(id: number, { nodeCount, settings }: ClusterPlan): Record<string, string> {
  const address = addressOf(id);
  const copies = String(Math.min(3, nodeCount));
  const copiesMin = String(Math.min(2, nodeCount));
  const ids = Array.from({ length: nodeCount }, (_, index) => index + 1);
  return {
    ...BUSY_SETTINGS,
    "process.roles": "broker,controller",
    "node.id": String(id),
    listeners: `PLAINTEXT://${address}:${BROKER_PORT},CONTROLLER://${address}:${CONTROLLER_PORT}`,
    "advertised.listeners": `PLAINTEXT://${address}:${BROKER_PORT}`,
    "controller.listener.names": "CONTROLLER",
    "controller.quorum.voters": ids
      .map((each) => `${each}@${addressOf(each)}:${CONTROLLER_PORT}`)
      .join(","),
    "log.dirs": "/data",
    "offsets.topic.replication.factor": copies,
    "transaction.state.log.replication.factor": copies,
    "transaction.state.log.min.isr": copiesMin,
    "min.insync.replicas": copiesMin,
    "default.replication.factor": copies,
    ...settings,
  };
}

async function format(world: FakeWorld, nodeId: number): Promise<void> {
  await formatStorage(
    world,
    {
      clusterId: CLUSTER_ID,
      nodeId,
      directories: ["/data"],
      metadataDirectory: "/data",
      records: defaultBootstrapRecords(SUPPORTED_FEATURES),
      kraftVersion: 0,
      voters: null,
    },
    { ignoreFormatted: true, say: () => {} },
  );
}
