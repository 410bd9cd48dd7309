/**
 * The controller of one partition, as far as replication can tell: it knows who is alive, elects
 * leaders from the ISR, and takes or refuses what leaders propose. What it decides reaches each
 * replica later.
 */
import { ClusterImage } from "../../../src/metadata/cluster-image.ts";
import type { PartitionRegistration } from "../../../src/metadata/partition-registration.ts";
import type { IsrAnswer, IsrProposal } from "../../../src/partition/isr-changes.ts";
import { ErrorCode } from "../../../src/protocol/error-code.ts";

export const TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAQ";
export const REPLICAS = [1, 2, 3];
export const MIN_ISR = 2;
const NO_LEADER = -1;

/** What a replica hears of one change. */
export interface MetadataChange {
  readonly registration: PartitionRegistration;
  readonly cluster: ClusterImage;
}

export class FakeController {
  registration: PartitionRegistration;
  readonly cluster = new ClusterImage();
  readonly #tell: (change: MetadataChange) => void;
  #epoch = 100;

  constructor(tell: (change: MetadataChange) => void) {
    this.#tell = tell;
    this.registration = {
      replicas: REPLICAS,
      directories: REPLICAS.map(() => "AAAAAAAAAAAAAAAAAAAAAA"),
      isr: REPLICAS,
      removingReplicas: [],
      addingReplicas: [],
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
      leader: REPLICAS[0]!,
      leaderRecoveryState: 0,
      leaderEpoch: 0,
      partitionEpoch: 0,
    };
    for (const id of REPLICAS) this.#setBroker(id, this.#epoch++, false);
  }

  get now(): MetadataChange {
    return { registration: this.registration, cluster: this.cluster.clone() };
  }

  brokerEpoch(id: number): number {
    return this.cluster.broker(id)!.epoch;
  }

  isActive(id: number): boolean {
    return this.cluster.isActive(id);
  }

  /** A new incarnation. One that may have lost records is no more in sync, nor eligible. */
  register(id: number, hasLost: boolean): void {
    this.#setBroker(id, this.#epoch++, true);
    this.#leave(id, hasLost);
  }

  unfence(id: number): void {
    this.#setBroker(id, this.brokerEpoch(id), false);
    const { leader, isr, eligibleLeaderReplicas } = this.registration;
    const mayLead = isr.includes(id) || (isr.length === 0 && eligibleLeaderReplicas.includes(id));
    if (leader === NO_LEADER && mayLead) this.elect(id, isr.length === 0 ? [id] : isr);
    else this.#tell(this.now);
  }

  /** The broker has not been heard of for too long. */
  fence(id: number): void {
    this.#setBroker(id, this.brokerEpoch(id), true);
    this.#leave(id, false);
  }

  elect(leader: number, isr = this.registration.isr): void {
    const { leaderEpoch } = this.registration;
    this.#change({ leader, isr, leaderEpoch: leaderEpoch + 1 });
  }

  alter(sender: number, { leaderEpoch, partitionEpoch, isr }: IsrProposal): IsrAnswer {
    const { registration } = this;
    if (leaderEpoch !== registration.leaderEpoch || sender !== registration.leader) {
      return { errorCode: ErrorCode.FENCED_LEADER_EPOCH };
    }
    if (partitionEpoch !== registration.partitionEpoch) {
      return { errorCode: ErrorCode.INVALID_UPDATE_VERSION };
    }
    for (const { brokerId, brokerEpoch } of isr) {
      const isKnown = brokerEpoch === -1 || brokerEpoch === this.brokerEpoch(brokerId);
      if (!isKnown || !this.isActive(brokerId)) return { errorCode: ErrorCode.INELIGIBLE_REPLICA };
    }
    this.#change({ isr: isr.map(({ brokerId }) => brokerId) });
    const { leaderRecoveryState } = registration;
    const changed = this.registration;
    return {
      errorCode: ErrorCode.NONE,
      leaderEpoch,
      leaderRecoveryState,
      partitionEpoch: changed.partitionEpoch,
      isr: changed.isr,
    };
  }

  /** The last one in sync stays, without a leader, unless it may have lost records (KIP-966). */
  #leave(id: number, hasLost: boolean): void {
    const { registration } = this;
    const { leader, leaderEpoch } = registration;
    const rest = registration.isr.filter((other) => other !== id);
    const elr = registration.eligibleLeaderReplicas.filter((other) => other !== id || !hasLost);
    const lost = hasLost ? id : null;
    if (rest.length === 0 && !hasLost) {
      if (leader === id) this.#change({ leader: NO_LEADER, leaderEpoch: leaderEpoch + 1 });
      else this.#tell(this.now);
      return;
    }
    if (leader !== id && leader !== NO_LEADER) return this.#change({ isr: rest }, lost);
    const candidates = rest.length > 0 ? rest : elr;
    const next = candidates.find((other) => this.isActive(other)) ?? NO_LEADER;
    const isr = rest.length === 0 && next !== NO_LEADER ? [next] : rest;
    this.#change({ isr, leader: next, leaderEpoch: leaderEpoch + 1 }, lost);
  }

  /** Who leaves while fewer are in sync than are asked for still has all that is committed. */
  #change(change: Partial<PartitionRegistration>, lost: number | null = null): void {
    const old = this.registration;
    const isr = change.isr ?? old.isr;
    const left = [...old.isr, ...old.eligibleLeaderReplicas];
    const elr = new Set(left.filter((id) => !isr.includes(id) && id !== lost));
    const eligibleLeaderReplicas = isr.length >= MIN_ISR ? [] : [...elr];
    const partitionEpoch = old.partitionEpoch + 1;
    this.registration = { ...old, ...change, isr, eligibleLeaderReplicas, partitionEpoch };
    this.#tell(this.now);
  }

  #setBroker(id: number, epoch: number, fenced: boolean): void {
    this.cluster.brokers.set(id, {
      id,
      epoch,
      incarnationId: "AAAAAAAAAAAAAAAAAAAAAA",
      endpoints: [],
      features: new Map(),
      rack: null,
      fenced,
      inControlledShutdown: false,
      directories: [],
      cordonedDirectories: null,
    });
  }
}
