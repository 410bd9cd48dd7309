/**
 * Works out the one record that changes a partition: who leads, who is in sync, and which replicas
 * out of sync may still be elected (KIP-966). Every change of a partition goes through here, so
 * that the rules hold whatever the reason for it.
 */
import {
  partitionRecordVersion,
  DIRECTORIES_LEVEL,
  NO_EPOCH_BUMP_ON_SHRINK_LEVEL,
} from "../features.ts";
import {
  LeaderRecoveryState,
  NO_LEADER,
  NO_LEADER_CHANGE,
  type PartitionRegistration,
  directoryOf,
} from "../partition-registration.ts";
import type { NewRecord } from "../record.ts";
import type { PartitionOfTopic } from "../topics-image.ts";
import { type ControllerState, effectiveMinIsr, isUncleanElectionAllowed } from "./command.ts";

export type Election =
  /** The first replica, where it can lead. */
  | "preferred"
  /** The leader stays where it can; else any replica that is in sync. */
  | "online"
  /** The same, and in the end any replica that is alive: records may be lost. */
  | "unclean";

export interface PartitionTarget {
  readonly isr?: readonly number[];
  readonly leaderRecoveryState?: number;
  readonly election?: Election;
  /** Replicas whose broker stopped without writing everything to disk. */
  readonly uncleanShutdown?: readonly number[];
  /** Brokers that can lead; left out: those neither fenced nor stopping. */
  readonly isActive?: (brokerId: number) => boolean;
  /** The topic's, where the caller knows it. */
  readonly minIsr?: number;
  /** A replica's directory, by broker. */
  readonly directory?: { readonly brokerId: number; readonly directory: string };
  /** KIP-455: where the partition is to go; left out: where it is already going. */
  readonly reassignment?: Reassignment;
}

export interface Reassignment {
  /** Those that are to stay or come, then those that are to go. */
  readonly replicas: readonly number[];
  readonly removing: readonly number[];
  readonly adding: readonly number[];
}

type PartitionChangeRecord = Extract<NewRecord, { readonly name: "PartitionChangeRecord" }>;

/** Null when nothing changes. */
export function changePartition(
  state: ControllerState,
  partition: PartitionOfTopic,
  target: PartitionTarget,
): PartitionChangeRecord | null {
  const builder = new PartitionChangeBuilder(state, partition, target);
  const change = builder.build();
  if (change === null) return null;
  return {
    name: "PartitionChangeRecord",
    version: partitionRecordVersion(state.image.metadataVersion),
    value: { topicId: partition.topic.id, partitionId: partition.partitionId, ...change },
  };
}

/** The election that the topic's settings allow. */
export function allowedElection(state: ControllerState, topicName: string): Election {
  return isUncleanElectionAllowed(state, topicName) ? "unclean" : "online";
}

type Change = Partial<{ -readonly [K in ChangeField]: PartitionRegistration[K] }>;
type ChangeField =
  | "replicas"
  | "removingReplicas"
  | "addingReplicas"
  | "isr"
  | "leader"
  | "leaderRecoveryState"
  | "directories"
  | "eligibleLeaderReplicas"
  | "lastKnownElr";

class PartitionChangeBuilder {
  readonly #state: ControllerState;
  readonly #old: PartitionRegistration;
  readonly #target: PartitionTarget;
  readonly #topicName: string;
  readonly #isElrEnabled: boolean;
  readonly #isActive: (brokerId: number) => boolean;
  #isr: readonly number[];
  #elr: readonly number[];
  #move: Reassignment;
  readonly #change: Change = {};

  constructor(state: ControllerState, partition: PartitionOfTopic, target: PartitionTarget) {
    const { image } = state;
    this.#state = state;
    this.#old = partition.registration;
    this.#target = target;
    this.#topicName = partition.topic.name;
    this.#isElrEnabled = image.isElrEnabled;
    this.#isActive = target.isActive ?? ((brokerId) => image.cluster.isActive(brokerId));
    this.#isr = target.isr ?? this.#old.isr;
    this.#elr = this.#old.eligibleLeaderReplicas;
    this.#move = target.reassignment ?? {
      replicas: this.#old.replicas,
      removing: this.#old.removingReplicas,
      adding: this.#old.addingReplicas,
    };
  }

  build(): Change | null {
    const isElrEnabled = this.#isElrEnabled;
    this.#endReassignment();
    if (isElrEnabled) this.#populateElr();
    this.#elect();
    this.#bumpEpochOnRemoval();
    this.#recordElr();
    const mayBeEmpty = isElrEnabled || this.#isr.length > 0;
    if (this.#change.isr === undefined && mayBeEmpty && !same(this.#isr, this.#old.isr)) {
      this.#change.isr = this.#isr;
    }
    this.#bumpEpochOnShrink();
    if (isElrEnabled) this.#recordLastKnownLeader();
    this.#recordDirectories();
    this.#recordReassignment();
    const recoveryState = this.#target.leaderRecoveryState ?? this.#old.leaderRecoveryState;
    if (recoveryState !== this.#old.leaderRecoveryState) {
      this.#change.leaderRecoveryState = recoveryState;
    }
    return Object.keys(this.#change).length === 0 ? null : this.#change;
  }

  /**
   * KIP-455: once all that were to come are in sync, those that were to go are gone. Where there
   * are to be fewer replicas than before, all that stay must be in sync, too.
   */
  #endReassignment(): void {
    const { replicas, removing, adding } = this.#move;
    if (removing.length === 0 && adding.length === 0) return;
    const stays = (id: number) => !removing.includes(id);
    const isr = this.#isr.filter(stays);
    const rest = replicas.filter(stays);
    if (removing.length > 0 && (isr.length === 0 || rest.length === 0)) return;
    const areInSync = (ids: readonly number[]) => ids.every((id) => isr.includes(id));
    if (!areInSync(adding)) return;
    if (adding.length < removing.length && !areInSync(rest)) return;
    this.#isr = isr;
    this.#move = { replicas: rest, removing: [], adding: [] };
  }

  /** Who leaves the in-sync replicas stays eligible while these are fewer than they should be. */
  #populateElr(): void {
    const minIsr = this.#target.minIsr ?? effectiveMinIsr(this.#state, this.#topicName);
    if (this.#isr.length >= minIsr) {
      this.#elr = [];
      return;
    }
    const unclean = this.#target.uncleanShutdown ?? [];
    const { replicas } = this.#move;
    const candidates = [...new Set([...this.#elr, ...this.#old.isr])].sort((a, b) => a - b);
    // Apache Kafka keeps those that a reassignment has just taken the partition from: added again
    // later, such a one could be elected with nothing in its log.
    this.#elr = candidates.filter(
      (replica) =>
        replicas.includes(replica) && !this.#isr.includes(replica) && !unclean.includes(replica),
    );
  }

  #elect(): void {
    const { leader, isUnclean } = this.#electedLeader();
    if (leader === this.#old.leader) return;
    if (this.#elr.includes(leader)) {
      this.#isr = [leader];
      this.#elr = this.#elr.filter((replica) => replica !== leader);
    }
    this.#change.leader = leader;
    if (!isUnclean) return;
    this.#change.isr = [leader];
    if (this.#old.leaderRecoveryState !== LeaderRecoveryState.RECOVERING) {
      this.#change.leaderRecoveryState = LeaderRecoveryState.RECOVERING;
    }
  }

  #electedLeader(): { readonly leader: number; readonly isUnclean: boolean } {
    const { leader, lastKnownElr } = this.#old;
    const { replicas } = this.#move;
    const election = this.#target.election ?? "online";
    const preferred = election === "preferred" ? replicas.slice(0, 1) : [];
    const clean = [...preferred, leader, ...replicas].find((replica) => this.#canLead(replica));
    if (clean !== undefined) return { leader: clean, isUnclean: false };
    if (this.#canElectLastKnownLeader()) return { leader: lastKnownElr[0]!, isUnclean: true };
    if (election === "unclean") {
      const alive = replicas.find((replica) => this.#isAcceptable(replica));
      if (alive !== undefined) return { leader: alive, isUnclean: true };
    }
    return { leader: NO_LEADER, isUnclean: false };
  }

  #canLead(replica: number): boolean {
    const isEligible = this.#isr.length === 0 && this.#elr.includes(replica);
    return (this.#isr.includes(replica) || isEligible) && this.#isAcceptable(replica);
  }

  /** Alive, with the directory of its replica online. */
  #isAcceptable(replica: number): boolean {
    if (!this.#isActive(replica)) return false;
    const directory = directoryOf(this.#old, replica);
    return directory !== null && this.#state.image.cluster.hasOnlineDirectory(replica, directory);
  }

  /** When nobody is left, the one that led last loses the least. */
  #canElectLastKnownLeader(): boolean {
    const { lastKnownElr } = this.#old;
    if (!this.#isElrEnabled) return false;
    if (this.#elr.length > 0 || this.#isr.length > 0 || lastKnownElr.length !== 1) return false;
    return this.#isAcceptable(lastKnownElr[0]!);
  }

  #recordElr(): void {
    const isCleanElection = this.#change.isr === undefined;
    if (!isCleanElection || !this.#isElrEnabled) this.#elr = [];
    if (!same(this.#elr, this.#old.eligibleLeaderReplicas)) {
      this.#change.eligibleLeaderReplicas = this.#elr;
    }
  }

  /** Where there is no leader, its predecessor is remembered; with a leader, forgotten. */
  #recordLastKnownLeader(): void {
    const leader = this.#change.leader ?? NO_LEADER_CHANGE;
    const isKnown = this.#old.lastKnownElr.length > 0;
    if (leader === NO_LEADER && !isKnown) this.#change.lastKnownElr = [this.#old.leader];
    else if (leader >= 0 && isKnown) this.#change.lastKnownElr = [];
  }

  /** A replica that is gone must not be taken for one of the new leader epoch. */
  #bumpEpochOnRemoval(): void {
    if (this.#change.leader !== undefined) return;
    const { replicas } = this.#move;
    const isSmaller = this.#old.replicas.some((replica) => !replicas.includes(replica));
    if (isSmaller) this.#change.leader = this.#old.leader;
  }

  /** Before 3.6 a leader learnt of a smaller ISR only by a new epoch. */
  #bumpEpochOnShrink(): void {
    if (this.#state.image.metadataVersion >= NO_EPOCH_BUMP_ON_SHRINK_LEVEL) return;
    const { isr, leader } = this.#change;
    if (leader !== undefined || isr === undefined) return;
    const isShrunk = this.#old.isr.some((replica) => !isr.includes(replica));
    if (isShrunk) this.#change.leader = this.#old.leader;
  }

  #recordDirectories(): void {
    const { directory } = this.#target;
    const { replicas } = this.#move;
    if (directory === undefined && replicas === this.#old.replicas) return;
    if (this.#state.image.metadataVersion < DIRECTORIES_LEVEL) return;
    const { cluster } = this.#state.image;
    const directories = replicas.map((replica) =>
      replica === directory?.brokerId
        ? directory.directory
        : (directoryOf(this.#old, replica) ?? cluster.defaultDirectory(replica)),
    );
    if (!same(directories, this.#old.directories)) this.#change.directories = directories;
  }

  #recordReassignment(): void {
    const { replicas, removing, adding } = this.#move;
    const { removingReplicas, addingReplicas } = this.#old;
    if (!same(replicas, this.#old.replicas)) this.#change.replicas = replicas;
    if (!same(removing, removingReplicas)) this.#change.removingReplicas = removing;
    if (!same(adding, addingReplicas)) this.#change.addingReplicas = adding;
  }
}

function same<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
