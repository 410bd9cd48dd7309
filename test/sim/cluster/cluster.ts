/** A cluster of simulated nodes on one network and in one time, with what is seen of it. */
import { FakeRandom } from "../fake-random.ts";
import { type FakeWorld, fakeWorld, neighbourOf } from "../fake-world.ts";
import type { FakeClock } from "../fake-clock.ts";
import type { FakeNetwork } from "../fake-network.ts";
import { formatStorage } from "../../../src/broker/format-storage.ts";
import { SUPPORTED_FEATURES } from "../../../src/broker/supported-features.ts";
import { defaultBootstrapRecords } from "../../../src/metadata/activation.ts";
import { BUSY_SETTINGS } from "../../consistency/workload.ts";
import { ClusterWire, type Doubts } from "./cluster-wire.ts";
import { addressOf, BROKER_PORT, type Member, settingsOf, type Shape } from "./shape.ts";
import { SimulatedNode } from "./simulated-node.ts";

export const METADATA_DIRECTORY = "__cluster_metadata-0";
export const CLUSTER_ID = "c2ltdWxhdGVkLWNsdXN0ZQ";
const LAST_EVENTS = 60;

export interface ClusterPlan {
  readonly shape: Shape;
  /** Of every node. */
  readonly settings: Readonly<Record<string, string>>;
}

export class Cluster {
  readonly nodes: SimulatedNode[] = [];
  readonly shape: Shape;
  /** Addresses. */
  readonly clients: string[] = [];
  /** Of no machine. */
  readonly clock: FakeClock;
  readonly wire: FakeNetwork;
  readonly closing = { isClosing: false };
  readonly doubts: Doubts = { lostRate: 0, twiceRate: 0 };
  /** What was done to it, lately. */
  readonly events: string[] = [];
  readonly #random: FakeRandom;
  readonly #wires: ClusterWire[] = [];
  #hash = 0;
  #deliveredCount = 0;

  constructor(plan: ClusterPlan, random: FakeRandom) {
    this.#random = random;
    this.shape = plan.shape;
    const first = fakeWorld(random.uint32(), addressOf(1));
    this.clock = first.clock.fork();
    this.wire = first.wire;
    this.wire.watch = (from, to, bytes) => {
      this.#deliveredCount++;
      // Whoever has this port, it is one connection and one end of it.
      this.#mix(from.localPort);
      this.#mix(to.localPort);
      this.#mix(Math.round(this.clock.monotonicMs() * 1000));
      this.#hash = Bun.hash.crc32(bytes, this.#hash);
    };
    for (const member of plan.shape.members) {
      const address = addressOf(member.id);
      const world = this.nodes.length === 0 ? first : neighbourOf(first, address);
      const settings = { ...BUSY_SETTINGS, ...settingsOf(member, plan.shape), ...plan.settings };
      const node = new SimulatedNode(member, world, settings, random.fork());
      node.onLine = (line) => this.#trace(line);
      this.clock.await(format(world, member, plan.shape));
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

  /** Those that hold partitions. */
  get brokers(): readonly SimulatedNode[] {
    return this.nodes.filter(({ member }) => member.isBroker);
  }

  newWire(name: string): ClusterWire {
    const address = `10.1.0.${this.clients.length + 1}`;
    this.clients.push(address);
    const wire = new ClusterWire({
      clock: this.clock.fork(),
      network: this.wire.host(address),
      random: this.#random.fork(),
      bootstrap: this.brokers.map((node) => `${node.address}:${BROKER_PORT}`),
      name,
      closing: this.closing,
      doubts: this.doubts,
    });
    this.#wires.push(wire);
    return wire;
  }

  closeWires(): void {
    for (const wire of this.#wires) wire.close();
  }

  #mix(number: number): void {
    const mixed = Math.imul(this.#hash ^ number, 0x9e3779b1);
    this.#hash = (mixed ^ (mixed >>> 15)) >>> 0;
  }

  #trace(text: string): void {
    this.#hash = Bun.hash.crc32(text, this.#hash);
  }
}

/** A directory that is formatted already stays as it is. */
export async function format(
  world: FakeWorld,
  member: Member,
  { firstVoters }: Shape,
  isFirst = true,
): Promise<void> {
  await formatStorage(
    world,
    {
      clusterId: CLUSTER_ID,
      nodeId: member.id,
      directories: member.directories,
      metadataDirectory: member.directories[0]!,
      records: defaultBootstrapRecords(SUPPORTED_FEATURES),
      kraftVersion: firstVoters === null ? 0 : 1,
      voters: member.isController && isFirst ? firstVoters : null,
    },
    { ignoreFormatted: true, say: () => {} },
  );
}
