/**
 * Voters that have to leave the quorum while it works (KIP-853). Each joins again by itself
 * (controller.quorum.auto.join.enable), so that there are ever other voters than before.
 *
 * Not beside machines that lose their disks: a quorum of two that loses one is lost, as in Kafka.
 */
import { removeRaftVoter } from "../../../src/protocol/messages/81-remove-raft-voter.ts";
import { Unanswered, type Wire } from "../../consistency/wire.ts";
import { type Cluster, CLUSTER_ID } from "./cluster.ts";
import type { SimulatedNode } from "./simulated-node.ts";

const VOTERS_MIN = 3;

export class VoterTroubles {
  #wire: Wire | null = null;

  constructor(private readonly cluster: Cluster) {}

  /** False where it cannot be. */
  remove(node: SimulatedNode): boolean {
    const { cluster } = this;
    const voters = node.running?.broker.metadata.raft.voters;
    const directoryId = voters?.get(node.id)?.directoryId;
    if (cluster.shape.firstVoters === null || directoryId === undefined) return false;
    if (voters!.size < VOTERS_MIN) return false;
    cluster.note(`voter ${node.id} has to leave the quorum`);
    this.#wire ??= cluster.newWire("quorum admin");
    void this.#ask(this.#wire, node.id, directoryId);
    return true;
  }

  async #ask(wire: Wire, voterId: number, voterDirectoryId: string): Promise<void> {
    try {
      await wire.ask(removeRaftVoter, 0, { clusterId: CLUSTER_ID, voterId, voterDirectoryId });
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
    }
  }
}
