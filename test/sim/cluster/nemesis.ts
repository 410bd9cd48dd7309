/**
 * What goes wrong in a cluster: machines, network, disks and clocks, at random from a seed. It
 * keeps to what Kafka promises to survive:
 *
 * - where not every append is synced, a machine loses what it had not synced only while all others
 *   that ended without a clean stop are in sync again, and none of them ends so before it is
 *   (KIP-966: with min.insync.replicas 2 one unclean end that loses data is survived, and an end
 *   that loses none counts, too, for nobody can tell);
 * - of disks that are lost altogether see disk-troubles.ts.
 */
import type { FakeRandom } from "../fake-random.ts";
import { someFault } from "../some-fault.ts";
import type { Cluster } from "./cluster.ts";
import { DISK_TROUBLES, type DiskTrouble, DiskTroubles } from "./disk-troubles.ts";
import type { SimulatedNode } from "./simulated-node.ts";
import { VoterTroubles } from "./voter-troubles.ts";

export type Trouble =
  | "kill"
  | "power loss"
  | "stop"
  | "freeze"
  | "cut"
  | "resets"
  | "stall"
  | "slow link"
  | "slow disk"
  | "disk fault"
  | "clock jump"
  | "voter leaves"
  | DiskTrouble;

export const TROUBLES: readonly Trouble[] = [
  "kill",
  "power loss",
  "stop",
  "freeze",
  "cut",
  "resets",
  "stall",
  "slow link",
  "slow disk",
  "disk fault",
  "clock jump",
  "voter leaves",
  ...DISK_TROUBLES,
];

export interface NemesisPlan {
  readonly troubles: readonly Trouble[];
  /** Every append is synced before it is acknowledged: any machine may lose its power. */
  readonly isSynced: boolean;
  /** How many may be down or frozen at the same time. */
  readonly absentMax: number;
}

/** At most, mostly less: runs are short. */
const DOWN_MS = [200, 1500, 6000];
const FREEZE_MS = [500, 3000, 15_000];
const CUT_MS = [500, 3000, 12_000];

interface Plan {
  readonly atMs: number;
  readonly act: () => void;
}

export class Nemesis {
  readonly #cluster: Cluster;
  readonly #random: FakeRandom;
  readonly #plan: NemesisPlan;
  /** What ends a trouble, in time. */
  #pending: Plan[] = [];
  /** Has lost what it had not synced, and is not known to have it back. */
  #poor: SimulatedNode | null = null;
  /** Ended without a clean stop, and have not been in sync everywhere since. */
  #unclean = new Set<SimulatedNode>();
  #isOver = false;
  readonly counts = new Map<Trouble, number>();
  readonly #disks: DiskTroubles;
  readonly #voters: VoterTroubles;

  constructor(cluster: Cluster, random: FakeRandom, plan: NemesisPlan) {
    this.#cluster = cluster;
    this.#random = random;
    this.#plan = plan;
    this.#voters = new VoterTroubles(cluster);
    this.#disks = new DiskTroubles({
      cluster,
      random,
      mayEndUncleanly: (node) => !this.#isFull(node) && this.#mayEndUncleanly(node),
      mayForget: (node) => this.#mayForget(node),
      forgot: (node) => this.#forgot(node),
      down: (node, what, act) => this.#down(node, what, act),
      later: (afterMs, act) => this.#later(afterMs, act),
      mayLoseVoters: !plan.troubles.includes("voter leaves"),
    });
  }

  /** Called every now and then: maybe something happens, and what was to end ends. */
  act(): void {
    this.#endWhatIsDue();
    this.#restartTheEnded();
    if (this.#isOver || !this.#random.chance(0.25)) return;
    const trouble = this.#random.pick(this.#plan.troubles);
    if (this.#begin(trouble)) this.counts.set(trouble, (this.counts.get(trouble) ?? 0) + 1);
  }

  /** From now on all is well: whatever is down comes back. */
  heal(): void {
    this.#isOver = true;
    const pending = this.#pending;
    this.#pending = [];
    for (const { act } of pending) act();
    // What was to be tried again is done below.
    this.#pending = [];
    const { wire, nodes, doubts } = this.#cluster;
    wire.healAll();
    wire.conditions = { ...wire.conditions, shortWriteRate: 0 };
    Object.assign(doubts, { lostRate: 0, twiceRate: 0 });
    for (const node of nodes) {
      node.thaw();
      node.slowDisk(1);
      node.disk.clearFaults();
      node.disk.quotaBytes = Infinity;
      node.disk.strayWrite = null;
      this.#disks.repair(node);
      node.start();
    }
    this.#cluster.note("healed");
  }

  /** A process that ended is started again by whoever looks after it. */
  #restartTheEnded(): void {
    for (const node of this.#cluster.nodes) {
      if (node.life !== null) continue;
      // One that has stopped cleanly counts as well: that does no harm.
      this.#unclean.add(node);
      if (this.#isOver || !this.#isPlanned(node)) node.start();
    }
  }

  readonly #planned = new Map<SimulatedNode, number>();

  #isPlanned(node: SimulatedNode): boolean {
    return (this.#planned.get(node) ?? 0) > this.#cluster.clock.monotonicMs();
  }

  #begin(trouble: Trouble): boolean {
    const node = this.#random.pick(this.#cluster.nodes);
    switch (trouble) {
      case "kill":
        if (!this.#mayEndUncleanly(node)) return false;
        return this.#down(node, "is killed", () => node.kill());
      case "stop":
        return this.#down(node, "stops", () => node.stop());
      case "power loss":
        return this.#losePower(node);
      case "freeze":
        return this.#freeze(node);
      case "cut":
        return this.#cut();
      case "resets":
        return this.#reset();
      case "stall":
        return this.#stall();
      case "slow link":
        return this.#slowLink();
      case "slow disk":
        node.slowDisk(this.#random.pick([1, 20, 200]));
        return true;
      case "disk fault":
        return this.#breakDisk(node);
      case "clock jump":
        node.world.clock.jumpWall(this.#random.between(-3_600_000, 3_600_000));
        return true;
      case "voter leaves":
        return this.#voters.remove(node);
      default:
        return this.#disks.begin(trouble, node);
    }
  }

  #down(node: SimulatedNode, what: string, act: () => void): boolean {
    if (node.life === null || node.isFrozen || node.isStopping || this.#isFull(node)) return false;
    const downMs = this.#random.below(this.#random.pick(DOWN_MS));
    this.#cluster.note(`${node.id} ${what}, for ${downMs} ms`);
    this.#planned.set(node, this.#cluster.clock.monotonicMs() + downMs);
    act();
    return true;
  }

  #losePower(node: SimulatedNode): boolean {
    if (!this.#plan.isSynced && !this.#mayForget(node)) return false;
    if (this.#poor?.isRotten === true && this.#poor !== node) return false;
    const keep = this.#random.pick(["none", "random", "random"] as const);
    const lost = this.#down(node, `loses its power, keeps ${keep}`, () => node.powerLoss(keep));
    if (lost && !this.#plan.isSynced) this.#forgot(node);
    return lost;
  }

  /**
   * Nobody else has ended uncleanly, or will have to, or lost anything, and is not in sync since;
   * and whatever it has, another has as well. A reassignment may end with fewer in sync than there
   * should be.
   */
  #mayForget(node: SimulatedNode): boolean {
    this.#forgiveTheRich();
    if (this.#isLastWith(node)) return false;
    // Of a directory that is offline nobody can tell later that its node has stopped cleanly.
    const others = this.#cluster.nodes.filter((other) => other !== node);
    if (others.some((other) => this.#unclean.has(other) || other.hasFailedDirectory)) return false;
    return this.#mayEndUncleanly(node);
  }

  #isLastWith({ id }: SimulatedNode): boolean {
    return this.#cluster.nodes.some(({ running }) => {
      const topics = [...(running?.broker.image.topics.values() ?? [])];
      return topics.some(({ partitions }) =>
        partitions.some(({ replicas, isr, eligibleLeaderReplicas }) => {
          const others = [...isr, ...eligibleLeaderReplicas].filter((other) => other !== id);
          return replicas.includes(id) && others.length === 0;
        }),
      );
    });
  }

  #forgot(node: SimulatedNode): void {
    this.#poor = node;
    // Nor may another end by its disk now.
    for (const other of this.#cluster.nodes) {
      other.disk.clearFaults();
      other.disk.quotaBytes = Infinity;
    }
  }

  #mayEndUncleanly(node: SimulatedNode): boolean {
    this.#forgiveTheRich();
    return this.#poor === null || this.#poor === node;
  }

  #forgiveTheRich(): void {
    if (this.#poor !== null && this.#isRich(this.#poor)) this.#poor = null;
    for (const node of this.#unclean) if (this.#isRich(node)) this.#unclean.delete(node);
  }

  /**
   * In sync wherever it has a copy, as all have it, and a voter again if it was one. What is said of
   * its life before does not count: it stays in sync until the controller hears that it has ended.
   */
  #isRich(node: SimulatedNode): boolean {
    const { id, member, running: own } = node;
    if (own === null) return false;
    if (node.isRotten) return false;
    if (member.isController && !node.isVoting) return false;
    const { brokerEpoch, image } = own.broker;
    if (member.isBroker && image.cluster.broker(id)?.epoch !== brokerEpoch) return false;
    return this.#cluster.nodes.every(({ running }) => {
      if (running === null) return false;
      return [...running.broker.image.topics.values()].every(({ partitions }) =>
        partitions.every(({ replicas, isr }) => !replicas.includes(id) || isr.includes(id)),
      );
    });
  }

  #freeze(node: SimulatedNode): boolean {
    if (node.life === null || node.isFrozen || this.#isFull(node)) return false;
    const forMs = this.#random.below(this.#random.pick(FREEZE_MS));
    this.#cluster.note(`${node.id} freezes for ${forMs} ms`);
    node.freeze();
    this.#later(forMs, () => node.thaw());
    return true;
  }

  #isFull(next: SimulatedNode): boolean {
    const absent = this.#cluster.nodes.filter(
      (node) => node !== next && (!node.isUp || node.isFrozen),
    );
    return absent.length >= this.#plan.absentMax;
  }

  #cut(): boolean {
    const random = this.#random;
    const { nodes, wire } = this.#cluster;
    const pairs = random.chance(0.3)
      ? this.#fromClients()
      : this.#shape(nodes.map(({ address }) => address));
    const forMs = random.below(this.#random.pick(CUT_MS));
    if (pairs.length === 0) return false;
    const told = pairs.map(([a, b, oneWay]) => `${a}${oneWay ? ">" : "|"}${b}`).join(" ");
    this.#cluster.note(`cut for ${forMs} ms: ${told}`);
    for (const [a, b, oneWay] of pairs) wire.cut(a, b, oneWay);
    this.#later(forMs, () => {
      for (const [a, b] of pairs) wire.heal(a, b);
      this.#cluster.note("the cut is over");
    });
    return true;
  }

  /** One alone, two halves, a bridge, a ring, some pairs; both ways or one way. */
  #shape(addresses: readonly string[]): (readonly [string, string, boolean])[] {
    const random = this.#random;
    const oneWay = random.chance(0.3);
    const [one, two] = [random.pick(addresses), random.pick(addresses)];
    const pairs = addresses.flatMap((a, index) =>
      addresses
        .slice(index + 1)
        .map((b): readonly [string, string] => (random.chance(0.5) ? [a, b] : [b, a])),
    );
    const shape = random.below(4);
    const half = new Set(addresses.filter(() => random.chance(0.5)));
    const chosen = pairs.filter(([a, b]) => {
      if (shape === 0) return a === one || b === one;
      if (shape === 1) return half.has(a) !== half.has(b);
      // All still reach `one`.
      if (shape === 2) return a !== one && b !== one;
      return (a === one && b === two) || (a === two && b === one);
    });
    return chosen.map(([a, b]) => [a, b, oneWay] as const);
  }

  /** Some clients, or all, do not reach a node. */
  #fromClients(): (readonly [string, string, boolean])[] {
    const random = this.#random;
    const { address } = random.pick(this.#cluster.nodes);
    const share = random.pick([0.1, 0.5, 1]);
    const oneWay = random.chance(0.3);
    const some = this.#cluster.clients.filter(() => random.chance(share));
    const isToNode = random.chance(0.5);
    return some.map((client) =>
      isToNode ? ([client, address, oneWay] as const) : ([address, client, oneWay] as const),
    );
  }

  #reset(): boolean {
    const random = this.#random;
    const share = random.pick([0.1, 0.5, 1]);
    const count = this.#cluster.wire.breakConnections(() => random.chance(share));
    this.#cluster.note(`${count} connections are reset`);
    return count > 0;
  }

  /** What was sent on one connection is overtaken by what is sent on others (KAFKA-17754). */
  #stall(): boolean {
    const random = this.#random;
    const share = random.pick([0.02, 0.1, 0.5]);
    const forMs = random.below(this.#random.pick(CUT_MS));
    const count = this.#cluster.wire.stall(() => random.chance(share), forMs);
    this.#cluster.note(`${count} connections stall for ${forMs} ms`);
    return count > 0;
  }

  #slowLink(): boolean {
    const random = this.#random;
    const { nodes, wire } = this.#cluster;
    const [a, b] = [random.pick(nodes).address, random.pick(nodes).address];
    const byMs = random.pick([50, 400, 3000]);
    this.#cluster.note(`${a} reaches ${b} ${byMs} ms later`);
    wire.slow(a, b, byMs);
    this.#later(random.below(this.#random.pick(CUT_MS)), () => wire.slow(a, b, 0));
    return true;
  }

  #breakDisk(node: SimulatedNode): boolean {
    if (this.#isFull(node) || !this.#mayEndUncleanly(node)) return false;
    const fault = someFault(this.#random);
    this.#cluster.note(`${node.id}: ${fault.operation} of ${fault.path} fails: ${fault.code}`);
    node.disk.inject(fault);
    return true;
  }

  #later(afterMs: number, act: () => void): void {
    this.#pending.push({ atMs: this.#cluster.clock.monotonicMs() + afterMs, act });
  }

  #endWhatIsDue(): void {
    const nowMs = this.#cluster.clock.monotonicMs();
    const due = this.#pending.filter(({ atMs }) => atMs <= nowMs);
    this.#pending = this.#pending.filter(({ atMs }) => atMs > nowMs);
    for (const { act } of due) act();
  }
}
