/**
 * What happens to a cluster of real processes while clients work: nodes are killed, stopped and
 * frozen, ways between them are cut, held up and slow, one at a time or two together.
 *
 *   strike -> it is seen: others lead -> clients get on -> it ends -> all is in sync again -> peace
 *
 * A round is as short as the cluster lets it be. One in four is not waited for: the next trouble
 * finds replicas that are still out of sync.
 */
import type { Chance } from "../../fuzz/chance.ts";
import { CompatError } from "../harness/outcome.ts";
import type { Cluster, ClusterNode } from "./cluster.ts";
import type { ClusterView } from "./cluster-view.ts";
import type { Fault } from "./fault-proxy.ts";
import { emptyDisk, fillDisk, wipeDisk } from "./small-disk.ts";

export const TROUBLES = [
  /** Of one that leads, of the active controller, or of anyone. */
  "kill",
  /** And again while it starts. */
  "kill-again",
  "kill-two",
  "kill-all",
  /** While another one is frozen, cut off, held up or slow. */
  "kill-beside",
  /** One is stopped and started again; "roll": all are, one after the other. */
  "restart",
  "roll",
  "freeze",
  "cut",
  "hold",
  "slow",
  /** A small disk has no space left. */
  "full",
  /** What a second log directory held is gone. */
  "wipe",
] as const;

export type Trouble = (typeof TROUBLES)[number];
type Disturbance = "freeze" | "cut" | "hold" | "slow";

/** Those that befall small disks: "wipe" only those that are second directories. */
export const TROUBLES_OF_DISKS: readonly Trouble[] = ["full", "wipe"];
/** Those that need proxies between the nodes. */
export const TROUBLES_OF_WAYS: readonly Trouble[] = ["kill-beside", "cut", "hold", "slow"];

export interface StormOptions {
  readonly troubles: readonly Trouble[];
  /** How long a node is away once that is seen, or a way is bad. */
  readonly lastsMsMax: number;
  /** How long there is peace between two troubles. */
  readonly peaceMsMax: number;
  /** How much the clients have done. */
  readonly doneCount: () => number;
  readonly say?: (line: string) => void;
  /** No round begins later. */
  readonly endsMs?: number;
}

/** So much is done by clients while a dead node is away. */
const DONE_MIN = 5;
/** How long a node that starts is left alone before it is killed again, at most. */
const START_MS = 500;
const UNTOUCHED_ONE_IN = 4;
/** How long a node may live with a disk that is full. */
const DISK_FULL_MS = 2000;
/** What is left on it: a write may be cut in its midst. */
const DISK_LEFT_MAX = 32 * 1024;

export class Storm {
  readonly counts = new Map<Trouble, number>();
  /** How often others led what a dead node had led, and clients got on, before it was back. */
  seenCount = 0;
  readonly #cluster: Cluster;
  readonly #view: ClusterView;
  readonly #chance: Chance;
  readonly #options: StormOptions;
  #isWhole = true;

  constructor(cluster: Cluster, view: ClusterView, chance: Chance, options: StormOptions) {
    this.#cluster = cluster;
    this.#view = view;
    this.#chance = chance;
    this.#options = options;
  }

  get roundCount(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** One trouble after the other; all is well again when it resolves. */
  async rage(rounds: number): Promise<void> {
    const { troubles, peaceMsMax, say, endsMs = Infinity } = this.#options;
    for (let round = 0; round < rounds && performance.now() < endsMs; round++) {
      const trouble = this.#chance.pick(troubles);
      const victim = await this.#victim();
      say?.(`${round}: ${trouble} ${victim.id}`);
      await this.#strike(trouble, victim);
      this.counts.set(trouble, (this.counts.get(trouble) ?? 0) + 1);
      this.#isWhole = false;
      if (!this.#chance.oneIn(UNTOUCHED_ONE_IN)) await this.#untilWhole();
      await this.#sleepBelow(peaceMsMax);
    }
    await this.#untilWhole();
  }

  /** Whose death is felt, more often than by chance. */
  async #victim(): Promise<ClusterNode> {
    const { nodes, brokers } = this.#cluster;
    const [witness] = brokers;
    if (witness === undefined || this.#chance.oneIn(3)) return this.#chance.pick(nodes);
    if (this.#chance.oneIn(2)) {
      const controller = await this.#view.controller(witness);
      return controller === null ? this.#chance.pick(nodes) : this.#cluster.node(controller);
    }
    const partitions = (await this.#view.partitions(witness)) ?? [];
    const led = partitions.filter(({ leader }) => leader > 0);
    return led.length === 0
      ? this.#chance.pick(nodes)
      : this.#cluster.node(this.#chance.pick(led).leader);
  }

  async #strike(trouble: Trouble, victim: ClusterNode): Promise<void> {
    const cluster = this.#cluster;
    switch (trouble) {
      case "kill":
        await victim.kill();
        await this.#untilBuried(victim);
        await this.#lasts();
        return victim.start();
      case "kill-again":
        await victim.kill();
        for (let times = 1 + this.#chance.below(3); times > 0; times--) {
          await victim.startInVain(this.#chance.below(START_MS));
        }
        return victim.start();
      case "kill-two": {
        const two = [victim, this.#another(victim)];
        await Promise.all(two.map((node) => node.kill()));
        await this.#lasts();
        await Promise.all(two.map((node) => node.start()));
        return;
      }
      case "kill-all":
        await Promise.all(cluster.nodes.map((node) => node.kill()));
        return cluster.start();
      case "kill-beside":
        return this.#killBeside(victim);
      case "restart":
        await victim.stop();
        return victim.start();
      case "roll":
        return this.#roll();
      case "full":
        return this.#fill(victim);
      case "wipe":
        return this.#wipe(victim);
      default:
        return this.#disturb(trouble, victim);
    }
  }

  /** Mostly the next one waits for the replicas of the one before. */
  async #roll(): Promise<void> {
    for (const node of this.#cluster.nodes) {
      await node.stop();
      await node.start();
      if (!this.#chance.oneIn(UNTOUCHED_ONE_IN)) await this.#untilWhole();
    }
  }

  async #killBeside(victim: ClusterNode): Promise<void> {
    const kind = this.#chance.pick(["freeze", "cut", "hold", "slow"] as const);
    const disturbed = this.#disturb(kind, this.#another(victim));
    await this.#lasts();
    await victim.kill();
    await this.#lasts();
    await disturbed;
    await victim.start();
  }

  async #disturb(kind: Disturbance, victim: ClusterNode): Promise<void> {
    if (kind === "freeze") {
      victim.freeze();
      await this.#lasts();
      return victim.thaw();
    }
    const chance = this.#chance;
    const held = chance.pick([
      { holdsRequests: true },
      { holdsAnswers: true },
      { holdsRequests: true, holdsAnswers: true },
    ]);
    if (kind === "cut") return this.#spoilt(victim, { isCut: true });
    return this.#spoilt(victim, kind === "hold" ? held : { delayMs: 20 + chance.below(300) });
  }

  /** A node whose only directory failed has ended; one that has another lives on, without it. */
  async #fill(victim: ClusterNode): Promise<void> {
    const disk = diskOf(victim);
    fillDisk(disk, this.#chance.below(DISK_LEFT_MAX));
    const hasEnded = await victim.endsWithin(DISK_FULL_MS);
    emptyDisk(disk);
    if (hasEnded) this.seenCount++;
    else await victim.stop();
    await victim.start();
  }

  /** What is lost here must be elsewhere, before and after. */
  async #wipe(victim: ClusterNode): Promise<void> {
    if (!this.#isWhole) await this.#untilWhole();
    wipeDisk(diskOf(victim));
    await victim.endsWithin(this.#chance.below(DISK_FULL_MS));
    await victim.stop();
    // It may have gone on with a folder that was open.
    wipeDisk(diskOf(victim));
    await victim.start();
    return this.#untilWhole();
  }

  /** All ways between it and the others, or one of them. */
  async #spoilt(victim: ClusterNode, fault: Fault): Promise<void> {
    const cluster = this.#cluster;
    if (this.#chance.oneIn(2)) cluster.isolate(victim.id, fault);
    else cluster.spoil(this.#another(victim).id, victim.id, fault);
    if (this.#chance.oneIn(4)) cluster.spoil(null, victim.id, fault);
    await this.#lasts();
    cluster.heal();
  }

  #another({ id }: ClusterNode): ClusterNode {
    return this.#chance.pick(this.#cluster.nodes.filter((node) => node.id !== id));
  }

  /** Others have taken over from it, and clients get on with them. */
  async #untilBuried({ id }: ClusterNode): Promise<void> {
    // Where the round before was not waited for, it may be that nobody else is in sync.
    if (!this.#isWhole) return;
    await this.#view.until(`others lead what ${id} led`, () => this.#view.hasBuried([id]));
    this.seenCount++;
    const { doneCount } = this.#options;
    const wanted = doneCount() + DONE_MIN;
    await this.#view.until("clients get on", async () => doneCount() >= wanted);
  }

  async #untilWhole(): Promise<void> {
    await this.#view.until("all replicas are in sync", () => this.#view.isWhole());
    this.#isWhole = true;
  }

  #lasts(): Promise<void> {
    return this.#sleepBelow(this.#options.lastsMsMax);
  }

  #sleepBelow(limitMs: number): Promise<void> {
    return Bun.sleep(this.#chance.below(Math.max(1, limitMs)));
  }
}

function diskOf({ id, smallDisk }: ClusterNode): string {
  if (smallDisk === null) throw new CompatError(`node ${id} has no disk of its own`);
  return smallDisk;
}
