/**
 * What must hold of the quorum at every moment:
 *
 * - an epoch has one leader at most, whoever says so, and a node's epoch never falls;
 * - who leads in the newest epoch has all that was ever committed;
 * - what a node knows to be committed never becomes less.
 */
import type { SimulatedNode } from "./simulated-node.ts";
import { Violation } from "./violation.ts";

const NOBODY = -1;

interface Seen {
  readonly life: number;
  readonly epoch: number;
  readonly highWatermark: number;
}

export class QuorumRules {
  /** By epoch. */
  readonly #leaders = new Map<number, number>();
  readonly #seen = new Map<number, Seen>();
  #newestEpoch = 0;

  /** `committedEnd`: of what any node ever had as committed. */
  check(nodes: readonly SimulatedNode[], committedEnd: number): void {
    const running = nodes.filter(({ life }) => life?.node != null);
    for (const node of running) this.#look(node);
    for (const { id, life } of running) {
      const { raft } = life!.node!.broker.metadata;
      if (!raft.isLeader || raft.epoch < this.#newestEpoch || raft.endOffset >= committedEnd) {
        continue;
      }
      const detail = `node ${id} leads in ${raft.epoch} up to ${raft.endOffset}`;
      throw new Violation("metadata-lost", `${detail}, and ${committedEnd} was committed`);
    }
  }

  #look({ id, life }: SimulatedNode): void {
    const { raft } = life!.node!.broker.metadata;
    const { epoch, leaderId, highWatermark } = raft;
    this.#newestEpoch = Math.max(this.#newestEpoch, epoch);
    if (leaderId !== NOBODY) {
      const known = this.#leaders.get(epoch) ?? leaderId;
      if (known !== leaderId) {
        const both = `${known} and, as node ${id} has it, ${leaderId}`;
        throw new Violation("two-quorum-leaders", `${both} in epoch ${epoch}`);
      }
      this.#leaders.set(epoch, leaderId);
    }
    const before = this.#seen.get(id);
    this.#seen.set(id, { life: life!.number, epoch, highWatermark });
    if (before?.life !== life!.number) return;
    if (epoch < before.epoch || highWatermark < before.highWatermark) {
      const [from, to] = [before, { epoch, highWatermark }].map((at) => JSON.stringify(at));
      throw new Violation("quorum-went-back", `node ${id}: from ${from} to ${to}`);
    }
  }
}
