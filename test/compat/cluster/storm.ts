/**
 * What happens to a cluster of real processes while clients work: nodes are killed, stopped and
 * frozen, ways between them are cut, held up and slow. A majority is left alone unless told
 * otherwise, so that clients get on with it.
 */
import type { Chance } from "../../fuzz/chance.ts";
import type { Cluster, ClusterNode } from "./cluster.ts";
import type { Fault } from "./fault-proxy.ts";

export type Trouble =
  | "kill"
  /** One is stopped and started again; "roll": all are, one after the other. */
  | "restart"
  | "roll"
  | "freeze"
  | "cut"
  | "hold"
  | "slow"
  | "kill-all";

export interface StormOptions {
  readonly troubles: readonly Trouble[];
  /** How long a node is away, or a way is bad. */
  readonly lastsMsMax: number;
  /** How long there is peace between two troubles. */
  readonly peaceMsMax: number;
  readonly say?: (line: string) => void;
}

export class Storm {
  readonly counts = new Map<Trouble, number>();
  readonly #cluster: Cluster;
  readonly #chance: Chance;
  readonly #options: StormOptions;

  constructor(cluster: Cluster, chance: Chance, options: StormOptions) {
    this.#cluster = cluster;
    this.#chance = chance;
    this.#options = options;
  }

  /** One trouble after the other; all is well again when it resolves. */
  async rage(rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      const trouble = this.#chance.pick(this.#options.troubles);
      const victim = this.#chance.pick(this.#cluster.nodes);
      this.#options.say?.(`${round}: ${trouble} ${victim.id}`);
      this.counts.set(trouble, (this.counts.get(trouble) ?? 0) + 1);
      await this.#strike(trouble, victim);
      await Bun.sleep(this.#chance.below(this.#options.peaceMsMax));
    }
  }

  async #strike(trouble: Trouble, victim: ClusterNode): Promise<void> {
    const cluster = this.#cluster;
    switch (trouble) {
      case "kill":
        await victim.kill();
        await this.#lasts();
        return victim.start();
      case "restart":
        await victim.stop();
        return victim.start();
      case "roll":
        for (const node of cluster.nodes) {
          await node.stop();
          await node.start();
        }
        return;
      case "kill-all":
        await Promise.all(cluster.nodes.map((node) => node.kill()));
        return cluster.start();
      case "freeze":
        victim.freeze();
        await this.#lasts();
        return victim.thaw();
      case "cut":
        return this.#spoilt(victim, { isCut: true });
      case "hold":
        return this.#spoilt(victim, this.#holding());
      case "slow":
        return this.#spoilt(victim, { delayMs: 20 + this.#chance.below(300) });
    }
  }

  /** All ways between it and the others, or one of them. */
  async #spoilt(victim: ClusterNode, fault: Fault): Promise<void> {
    const cluster = this.#cluster;
    if (this.#chance.oneIn(2)) cluster.isolate(victim.id, fault);
    else {
      const others = cluster.nodes.filter(({ id }) => id !== victim.id);
      cluster.spoil(this.#chance.pick(others).id, victim.id, fault);
    }
    if (this.#chance.oneIn(4)) cluster.spoil(null, victim.id, fault);
    await this.#lasts();
    cluster.heal();
  }

  #holding(): Fault {
    return this.#chance.pick([
      { holdsRequests: true },
      { holdsAnswers: true },
      { holdsRequests: true, holdsAnswers: true },
    ]);
  }

  #lasts(): Promise<void> {
    return Bun.sleep(this.#chance.below(this.#options.lastsMsMax));
  }
}
