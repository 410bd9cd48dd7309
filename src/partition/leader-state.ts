/**
 * What the leader of a partition knows of its replicas, and how far all that matter have come.
 *
 *   own end   [....................................]
 *   follower  [.............................]            in sync
 *   follower  [........]                                 not in sync: does not count
 *                                           `-- high watermark: the least end of the maximal ISR
 *
 * The ISR changes by proposals to the controller (isr-state.ts) and by what the metadata log says;
 * the newer partition epoch wins. A partition with one replica has no followers here, and nothing
 * is done for it.
 *
 * Invariants: this node is in the ISR; the high watermark counts all that may be in the ISR by now;
 * one proposal at a time, and only its own answer settles it.
 */
import { assert } from "../base/assert.ts";
import {
  LeaderRecoveryState,
  type PartitionRegistration,
} from "../metadata/partition-registration.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { FollowerProgress, NO_BROKER_EPOCH } from "./follower-progress.ts";
import type { IsrAnswer, IsrMember, IsrProposal } from "./isr-changes.ts";
import { committedIsr, expandingIsr, type IsrState, shrinkingIsr } from "./isr-state.ts";
import type { PartitionHost } from "./partition-host.ts";

/** Of the partition's log. */
export interface LeaderLog {
  readonly logEndOffset: number;
  readonly highWatermark: number;
}

interface PartitionIdentity {
  readonly topicId: string;
  readonly index: number;
}

const NOBODY: readonly FollowerProgress[] = [];

export class LeaderState {
  /** Of this leadership; the log ended here when it began. */
  epochStartOffset: number;
  /** All before it counts on this node: it is written, and flushed where it has to be. */
  ownEndOffset: number;
  readonly #host: PartitionHost;
  readonly #partition: PartitionIdentity;
  #followers: readonly FollowerProgress[] = NOBODY;
  #isr: IsrState;

  constructor(
    host: PartitionHost,
    partition: PartitionIdentity,
    registration: PartitionRegistration,
    logEndOffset: number,
    nowMs: number,
  ) {
    this.#host = host;
    this.#partition = partition;
    this.epochStartOffset = logEndOffset;
    this.ownEndOffset = logEndOffset;
    this.#isr = committedIsr(registration.isr);
    this.#setFollowers(registration);
    for (const follower of this.#followers) {
      follower.restart(nowMs, logEndOffset, true, registration.isr.includes(follower.brokerId));
    }
  }

  get followers(): readonly FollowerProgress[] {
    return this.#followers;
  }

  get isr(): readonly number[] {
    return this.#isr.isr;
  }

  get maximalIsr(): readonly number[] {
    return this.#isr.maximal;
  }

  /** What the controller has been asked for and has not answered yet. */
  get proposal(): IsrProposal | null {
    return this.#isr.proposal;
  }

  follower(brokerId: number): FollowerProgress | null {
    if (this.#followers.length === 0) return null;
    return this.#followers.find((each) => each.brokerId === brokerId) ?? null;
  }

  /**
   * What the metadata log says is newer than a proposal, or is what came of it; or it is what the
   * proposal is based upon, known by the controller's answer before: then that still stands.
   */
  update(registration: PartitionRegistration): void {
    const { leaderEpoch, partitionEpoch } = registration;
    this.#setFollowers(registration);
    const { proposal } = this.#isr;
    const isBase =
      proposal?.leaderEpoch === leaderEpoch && proposal.partitionEpoch === partitionEpoch;
    if (!isBase) this.#isr = committedIsr(registration.isr);
  }

  /** The same node is elected once more. */
  restart(
    registration: PartitionRegistration,
    logEndOffset: number,
    nowMs: number,
    wasAlwaysLeader: boolean,
  ): void {
    this.update(registration);
    this.epochStartOffset = logEndOffset;
    for (const follower of this.#followers) {
      const isInSync = registration.isr.includes(follower.brokerId);
      follower.restart(nowMs, logEndOffset, !wasAlwaysLeader, isInSync);
    }
  }

  /**
   * The least end of all that count; -1 when one of them has not been heard of. Asked at each
   * append: nothing is made here.
   */
  committedEnd(log: LeaderLog, nowMs: number): number {
    const { logEndOffset } = log;
    let end = this.ownEndOffset;
    for (const follower of this.#followers) {
      if (follower.logEndOffset >= end) continue;
      if (this.#counts(follower, logEndOffset, nowMs)) end = follower.logEndOffset;
    }
    return end;
  }

  isUnderMinIsr(minInsyncReplicas: number): boolean {
    return this.#isr.isr.length < this.effectiveMinIsr(minInsyncReplicas);
  }

  /** What a topic asks for, but never more than there are replicas. */
  effectiveMinIsr(minInsyncReplicas: number): number {
    return Math.min(minInsyncReplicas, this.#followers.length + 1);
  }

  /** The start of the log on all replicas that are alive. */
  lowWatermark(logStartOffset: number): number {
    let low = logStartOffset;
    for (const { brokerId, logStartOffset: start } of this.#followers) {
      if (start < low && this.#isAlive(brokerId)) low = start;
    }
    return low;
  }

  /** A proposal that takes the follower into the ISR; null while it does not belong there. */
  expand(
    follower: FollowerProgress,
    log: LeaderLog,
    registration: PartitionRegistration,
  ): IsrProposal | null {
    const { isr, proposal } = this.#isr;
    if (proposal !== null || isr.includes(follower.brokerId)) return null;
    if (!this.#isInSync(follower, log) || !this.#isEligible(follower)) return null;
    const wanted = [...isr, follower.brokerId];
    const made = this.#proposalOf(wanted, registration);
    this.#isr = expandingIsr(isr, follower.brokerId, made);
    return made;
  }

  /** A proposal without those who have not caught up for too long; null when all have. */
  shrink(log: LeaderLog, nowMs: number, registration: PartitionRegistration): IsrProposal | null {
    const { isr, proposal } = this.#isr;
    if (proposal !== null || this.#followers.length === 0) return null;
    const lagMaxMs = this.#host.replicaLagTimeMaxMs();
    const kept = isr.filter((brokerId) => {
      if (brokerId === this.#host.nodeId) return true;
      return this.follower(brokerId)?.isCaughtUp(log.logEndOffset, nowMs, lagMaxMs) ?? false;
    });
    if (kept.length === isr.length) return null;
    const made = this.#proposalOf(kept, registration);
    this.#isr = shrinkingIsr(isr, made);
    return made;
  }

  /**
   * What the controller answered. "again": it said nothing of the proposal, which stands. "wait":
   * the metadata log will tell. "none": the ISR is what it was before. Or the new ISR.
   */
  answered(
    proposal: IsrProposal,
    answer: IsrAnswer,
    known: { readonly leaderEpoch: number; readonly partitionEpoch: number },
  ): IsrOutcome {
    // Something newer has come meanwhile; this says nothing about that.
    if (this.#isr.proposal !== proposal) return "wait";
    if (answer.errorCode !== ErrorCode.NONE) return this.#refused(answer.errorCode);
    if (answer.leaderEpoch !== known.leaderEpoch) return "wait";
    if (answer.partitionEpoch < known.partitionEpoch) return "wait";
    this.#isr = committedIsr(answer.isr);
    return "changed";
  }

  #refused(errorCode: ErrorCode): IsrOutcome {
    switch (errorCode) {
      // The controller knows the partition epoch, and has not done it; nobody else can have.
      case ErrorCode.OPERATION_NOT_ATTEMPTED:
      case ErrorCode.INELIGIBLE_REPLICA:
        this.#isr = committedIsr(this.#isr.isr);
        return "none";
      // It may have been done, or something else. Until that is known all stay counted.
      case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
      case ErrorCode.UNKNOWN_TOPIC_ID:
      case ErrorCode.FENCED_LEADER_EPOCH:
      case ErrorCode.INVALID_UPDATE_VERSION:
      case ErrorCode.INVALID_REQUEST:
      case ErrorCode.NEW_LEADER_ELECTED:
        return "wait";
      default:
        return "again";
    }
  }

  #setFollowers({ replicas }: PartitionRegistration): void {
    const { nodeId } = this.#host;
    if (replicas.length === 1 && replicas[0] === nodeId) {
      this.#followers = NOBODY;
      return;
    }
    this.#followers = replicas
      .filter((brokerId) => brokerId !== nodeId)
      .map((brokerId) => this.follower(brokerId) ?? new FollowerProgress(brokerId));
  }

  /** In the ISR, or about to be: it would never get there if the end always moved on before it. */
  #counts(follower: FollowerProgress, logEndOffset: number, nowMs: number): boolean {
    if (this.#isr.maximal.includes(follower.brokerId)) return true;
    const lagMaxMs = this.#host.replicaLagTimeMaxMs();
    return follower.isCaughtUp(logEndOffset, nowMs, lagMaxMs) && this.#isEligible(follower);
  }

  /** It has all that is committed, also what was before this leadership and is not known to be. */
  #isInSync({ logEndOffset }: FollowerProgress, { highWatermark }: LeaderLog): boolean {
    if (logEndOffset < highWatermark) return false;
    // KIP-320: what an earlier leader committed may lie behind the high watermark known here.
    return logEndOffset >= this.epochStartOffset;
  }

  /** Neither fenced nor about to stop, and still the incarnation that fetched. */
  #isEligible({ brokerId, brokerEpoch }: FollowerProgress): boolean {
    const cluster = this.#host.cluster();
    if (brokerEpoch === null || !cluster.isActive(brokerId)) return false;
    if (brokerEpoch === NO_BROKER_EPOCH) return true;
    // KIP-903: what fetched may be gone, and what came up in its place may have lost records.
    return cluster.broker(brokerId)?.epoch === brokerEpoch;
  }

  #isAlive(brokerId: number): boolean {
    return this.#host.cluster().broker(brokerId)?.fenced === false;
  }

  #proposalOf(isr: readonly number[], registration: PartitionRegistration): IsrProposal {
    const { leaderEpoch, partitionEpoch } = registration;
    return {
      topicId: this.#partition.topicId,
      partition: this.#partition.index,
      leaderEpoch,
      partitionEpoch,
      // Once elected, a leader has recovered.
      leaderRecoveryState: LeaderRecoveryState.RECOVERED,
      isr: this.#members(isr),
    };
  }

  #members(isr: readonly number[]): IsrMember[] {
    assert(isr.includes(this.#host.nodeId), "the leader is in sync");
    return isr.map((brokerId) => {
      if (brokerId === this.#host.nodeId)
        return { brokerId, brokerEpoch: this.#host.brokerEpoch() };
      return { brokerId, brokerEpoch: this.follower(brokerId)?.brokerEpoch ?? NO_BROKER_EPOCH };
    });
  }
}

export type IsrOutcome = "changed" | "none" | "wait" | "again";
