/**
 * One partition of a topic on this node: its log, and what the metadata log says of it.
 *
 *   produce -> append -> [log ........ | high watermark ..... log end] -> fetch up to it
 *                                        `-- every replica in sync has all below
 *
 * It leads (leader-state.ts), it follows (follower-state.ts), or nobody leads: `update` says which.
 *
 *   leader    append -> followers fetch -> high watermark -> committed; ISR by AlterPartition
 *   follower  position -> (fetch) -> appendAsFollower | truncateTo | alignWith
 *
 * A produce has two stages. `append` is the ordered one: when it returns, the records have their
 * offsets and lie in the log. What it returns says what the answer must wait for: nothing, a flush
 * (flush.messages), or the high watermark (acks=all). Only records that a thread has to look
 * through keep the first stage waiting, and those behind them in this partition (append-queue.ts).
 *
 * Invariants: only the leader appends what clients send, and it never truncates; the high watermark
 * goes back only where the log is cut; `readable` moves whenever a waiting fetch may find something
 * new.
 */
import { later } from "../base/later.ts";
import { Signal, waitUntil } from "../base/signal.ts";
import { type AppendResult, refused } from "../log/append-result.ts";
import type { EpochEnd } from "../log/leader-epochs.ts";
import type { HandedWrite } from "../log/gathered-write.ts";
import type { Examined, LeaderAppend, Log } from "../log/log.ts";
import { NEVER } from "../log/log-config.ts";
import type { Verification } from "../log/verifications.ts";
import { NO_LEADER, type PartitionRegistration } from "../metadata/partition-registration.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { AppendQueue } from "./append-queue.ts";
import { CommitQueue } from "./commit-queue.ts";
import { type FollowerProgress, NO_BROKER_EPOCH } from "./follower-progress.ts";
import type {
  FetchedRecords,
  FollowerAppend,
  FollowerPosition,
  FollowerState,
} from "./follower-state.ts";
import type { GatheredAppends } from "./gathered-appends.ts";
import type { IsrAnswer, IsrProposal } from "./isr-changes.ts";
import { LeaderState } from "./leader-state.ts";
import type { PartitionHost } from "./partition-host.ts";
import { UNCOUNTED } from "./topic-stats.ts";

/** KIP-320: what a client believes of the leader's epoch; -1 when it does not say. */
const NO_EPOCH = -1;
/** As an end of what is committed. */
const NOTHING = -1;

/** A node alone does without. */
const following = later(
  () => require("./follower-state.ts") as typeof import("./follower-state.ts"),
);
const NOT_FOLLOWING: FollowerAppend = {
  errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER,
  message: null,
  flushed: null,
};

const GATHERED_SIZE_MAX = 64 * 1024;

/** What a client's batch comes with. */
export interface Produce {
  readonly nowMs: number;
  readonly verification: Verification | null;
  /** acks=all */
  readonly isForAll: boolean;
  /** Where the records may be written with others of this turn; null where they may not. */
  readonly gathered: GatheredAppends | null;
}

interface Handed {
  readonly log: Log;
  readonly write: HandedWrite;
  readonly endOffset: number;
}

export interface PartitionOptions {
  readonly topic: string;
  readonly topicId: string;
  readonly index: number;
  readonly log: Log;
  /** As the metadata log has it now. */
  readonly registration: PartitionRegistration;
  readonly host: PartitionHost;
}

export class Partition {
  /**
   * Moves when records become readable, the log begins elsewhere, the leader changes, or the
   * partition goes away: with whatever a fetch has to tell.
   */
  readonly readable = new Signal();
  readonly topic: string;
  readonly topicId: string;
  readonly index: number;
  /** Of all its topic's partitions. */
  stats = UNCOUNTED;
  readonly #commits: CommitQueue;
  readonly #host: PartitionHost;
  #queue: AppendQueue | null = null;
  #registration: PartitionRegistration;
  /** Null unless this node leads. */
  #leader: LeaderState | null = null;
  /** Null unless another one does. */
  #follower: FollowerState | null = null;
  #log: Log;
  #isRemoved = false;
  #hasGathered = false;
  /** What a thread writes, and where the log ends with it. */
  #handed: Handed | null = null;

  constructor(options: PartitionOptions) {
    this.topic = options.topic;
    this.topicId = options.topicId;
    this.index = options.index;
    this.#log = options.log;
    this.#registration = options.registration;
    this.#host = options.host;
    this.#commits = new CommitQueue(options.host.clock);
    this.#watchStart();
  }

  get log(): Log {
    return this.#log;
  }

  /** The log was moved to another directory: this one is equal to it, and goes on from there. */
  replaceLog(log: Log): void {
    this.settleHanded();
    this.#log = log;
    this.#watchStart();
    this.readable.move();
  }

  get isLeader(): boolean {
    return this.#leader !== null;
  }

  get leaderEpoch(): number {
    return this.#registration.leaderEpoch;
  }

  get registration(): PartitionRegistration {
    return this.#registration;
  }

  /** NONE when this node leads and the client's epoch, if it gave one, is the leader's. */
  leaderError(currentLeaderEpoch = NO_EPOCH): ErrorCode {
    return this.readError(currentLeaderEpoch, false);
  }

  /** The same for one who may read from any replica (KIP-392), or from the leader alone. */
  readError(currentLeaderEpoch: number, mayFollow: boolean): ErrorCode {
    if (this.#isRemoved) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    if (currentLeaderEpoch !== NO_EPOCH) {
      if (currentLeaderEpoch < this.leaderEpoch) return ErrorCode.FENCED_LEADER_EPOCH;
      if (currentLeaderEpoch > this.leaderEpoch) return ErrorCode.UNKNOWN_LEADER_EPOCH;
    }
    if (this.#leader === null && !mayFollow) return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    return this.log.failure !== null ? ErrorCode.KAFKA_STORAGE_ERROR : ErrorCode.NONE;
  }

  /** Takes what the metadata log says now. The controller's own answer may have said it before. */
  update(registration: PartitionRegistration): void {
    const old = this.#registration;
    if (this.#isRemoved || registration.partitionEpoch < old.partitionEpoch) return;
    // Whoever gathered was told what it would take to commit these records.
    if (this.#hasGathered || this.#handed !== null) this.writeGathered();
    this.#registration = registration;
    this.#takeRole(old.leaderEpoch);
    this.readable.move();
  }

  /** The first thing a new partition does, once it is known who leads it. */
  start(): void {
    this.#takeRole(NO_EPOCH);
  }

  /** The topic is deleted, or this replica is: nobody waits any longer. */
  remove(): void {
    this.#isRemoved = true;
    this.#leader = null;
    this.#follow(null);
    this.#commits.fail(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    this.readable.move();
  }

  /**
   * NOT_ENOUGH_REPLICAS where acks=all could not be kept; asked before anything is written. Kafka's
   * NOT_ENOUGH_REPLICAS_AFTER_APPEND has no place here: while too few are in sync nothing is
   * committed (KIP-966), and there only a race of threads finds it after the commit.
   */
  minIsrError(): ErrorCode {
    return this.isUnderMinIsr ? ErrorCode.NOT_ENOUGH_REPLICAS : ErrorCode.NONE;
  }

  /** Whether a client may produce here, and with acks=all; asked before anything is written. */
  produceError(isForAll: boolean): ErrorCode {
    const errorCode = this.leaderError();
    return errorCode === ErrorCode.NONE && isForAll ? this.minIsrError() : errorCode;
  }

  /** See `Log.startVerification`. A number is why this node cannot say. */
  startVerification(
    producerId: number,
    sequence: number,
    epoch: number,
    supportsEpochBump: boolean,
  ): Verification | ErrorCode | null {
    if (this.#isRemoved) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    if (!this.isLeader) return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    const started = this.log.startVerification(producerId, sequence, epoch, supportsEpochBump);
    return started !== null && "errorCode" in started ? started.errorCode : started;
  }

  /**
   * Appends whole batches. The caller has asked `leaderError`, and for acks=all `minIsrError`. With
   * a result that has `flushed`, it goes on with `flushed(result)`.
   */
  append(records: Buffer, options: Omit<LeaderAppend, "leaderEpoch" | "isGathered">): AppendResult {
    const { leaderEpoch } = this;
    const { origin, nowMs, verification = null, transactionVersion = -1 } = options;
    const isGathered = false;
    const given = { leaderEpoch, origin, nowMs, verification, transactionVersion, isGathered };
    return this.#appended(this.log.appendAsLeader(records, given), records.length);
  }

  /**
   * The same for one batch of a client, which has asked `produceError`. A promise where a thread
   * has to look through the records, or where an earlier batch waits for that. With `gathered` the
   * result counts when that has been written, if `log.failure` is null then.
   */
  produce(records: Buffer, options: Produce): AppendResult | Promise<AppendResult> {
    if (this.#queue === null || this.#queue.isIdle) {
      const result = this.#appendBriefly(records, options, options.gathered);
      if (result !== null) return result;
      return this.#waitForTurn(records, options, true);
    }
    return this.#waitForTurn(records, options, false);
  }

  /** For `GatheredAppends`, as what follows: what a thread shall write, if there is anything. */
  handGathered(): HandedWrite | null {
    this.#hasGathered = false;
    this.settleHanded();
    const { log } = this;
    const { logEndOffset } = log;
    const write = log.handGathered();
    if (write !== null) this.#handed = { log, write, endOffset: logEndOffset };
    else if (log.failure !== null) this.#commits.fail(ErrorCode.KAFKA_STORAGE_ERROR);
    // Somebody has looked for them in the file: there they are.
    else this.#advanceTo(logEndOffset);
    return write;
  }

  /** Waits for the thread, if it is not done. */
  settleHanded(): void {
    const handed = this.#handed;
    if (handed === null) return;
    this.#handed = null;
    if (handed.log.settle(handed.write)) this.#advanceTo(handed.endOffset);
    else this.#commits.fail(ErrorCode.KAFKA_STORAGE_ERROR);
  }

  writeGathered(): void {
    this.#hasGathered = false;
    this.settleHanded();
    if (this.log.writeGathered()) this.#advanceTo(this.log.logEndOffset);
    else this.#commits.fail(ErrorCode.KAFKA_STORAGE_ERROR);
  }

  /** Whether all that is written here is committed at once. */
  get commitsAlone(): boolean {
    const leader = this.#leader;
    return leader !== null && leader.followers.length === 0;
  }

  /**
   * Right after the append: waits for the flush that `flush.messages` asks for, before which nobody
   * may read the records. Whoever leads by then may have others at their offsets: so this resolves
   * with NONE only when this node has led all the time.
   */
  async flushed(result: AppendResult): Promise<ErrorCode> {
    const leader = this.#leader;
    if (result.flushed === null) return ErrorCode.NONE;
    await result.flushed;
    if (leader === null || leader !== this.#leader) return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    this.#advanceTo(Math.min(result.lastOffset + 1, this.log.logEndOffset));
    return ErrorCode.NONE;
  }

  /**
   * Resolves with NONE when all below `offset` is committed, or with why it is not known to be.
   * Null when it is committed already.
   */
  whenCommitted(offset: number, timeoutMs: number): Promise<ErrorCode> | null {
    if (this.log.highWatermark >= offset) return null;
    return this.#commits.wait(offset, timeoutMs);
  }

  /** Who wait for the high watermark. */
  get waitingCount(): number {
    return this.#commits.length;
  }

  /** Of a leader. */
  get isUnderMinIsr(): boolean {
    return this.#leader?.isUnderMinIsr(this.log.config.minInsyncReplicas) === true;
  }

  get isAtMinIsr(): boolean {
    const leader = this.#leader;
    if (leader === null) return false;
    return leader.isr.length === leader.effectiveMinIsr(this.log.config.minInsyncReplicas);
  }

  /** All that may be in sync by now, as far as the leader knows. */
  get maximalIsr(): readonly number[] {
    return this.#leader?.maximalIsr ?? this.#registration.isr;
  }

  /** Moves on what a change of min.insync.replicas was holding back. */
  maybeAdvance(): void {
    if (this.#leader !== null) this.#advanceTo(this.#leader.ownEndOffset);
  }

  /** Whether a replica may fetch, under the leadership that it believes in. */
  followerError(replicaId: number, currentLeaderEpoch: number): ErrorCode {
    const error = this.leaderError(currentLeaderEpoch);
    if (error !== ErrorCode.NONE || this.#leader!.follower(replicaId) !== null) return error;
    // With the right epoch it may know more than this node: it shall ask again.
    if (currentLeaderEpoch === NO_EPOCH) return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    return ErrorCode.UNKNOWN_LEADER_EPOCH;
  }

  /**
   * A replica fetched from `fetchOffset` on, which nothing spoke against: it has all below.
   * `leaderEndOffset` is of when its request was read, `nowMs` (monotonic) of when it came.
   */
  followerFetched(
    replicaId: number,
    brokerEpoch: number,
    fetchOffset: number,
    logStartOffset: number,
    nowMs: number,
    leaderEndOffset = this.log.logEndOffset,
  ): ErrorCode {
    const leader = this.#leader;
    if (leader === null) return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    const follower = leader.follower(replicaId);
    if (follower === null) return ErrorCode.UNKNOWN_LEADER_EPOCH;
    if (this.#isStale(replicaId, brokerEpoch)) return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    const { logEndOffset: oldEnd, logStartOffset: oldStart } = follower;
    follower.fetched(fetchOffset, logStartOffset, brokerEpoch, leaderEndOffset, nowMs);
    const proposal = leader.expand(follower, this.log, this.#registration);
    if (proposal !== null) this.#propose(leader, proposal);
    if (fetchOffset !== oldEnd) this.maybeAdvance();
    if (logStartOffset !== oldStart) this.readable.move();
    return ErrorCode.NONE;
  }

  /**
   * Records have come since: until then all of a replica's fetches, the last one at `atMs`, asked
   * for what is behind `fetchOffset`, the end of the log.
   */
  followerWasCaughtUp(replicaId: number, fetchOffset: number, atMs: number): void {
    const follower = this.#leader?.follower(replicaId) ?? null;
    if (follower?.logEndOffset === fetchOffset) follower.wasCaughtUp(atMs);
  }

  /** What a leader knows of its followers. */
  get followers(): readonly FollowerProgress[] {
    return this.#leader?.followers ?? [];
  }

  /** To be asked now and then: takes out of the ISR who has not kept up. */
  maybeShrinkIsr(nowMs: number): void {
    const leader = this.#leader;
    if (leader === null || leader.followers.length === 0) return;
    const proposal = leader.shrink(this.log, nowMs, this.#registration);
    if (proposal !== null) this.#propose(leader, proposal);
    // Whoever was about to join may have given up.
    this.maybeAdvance();
  }

  /** Of a leader: the least start of the log on all replicas that are alive. */
  get lowWatermark(): number {
    const { logStartOffset } = this.log;
    return this.#leader?.lowWatermark(logStartOffset) ?? logStartOffset;
  }

  /** DeleteRecords: NONE when no replica that is alive has records below `offset` any more. */
  async whenDeleted(offset: number, timeoutMs: number): Promise<ErrorCode> {
    const isOver = (): boolean => this.#leader === null || this.lowWatermark >= offset;
    const isInTime = await waitUntil(this.#host.clock, [this.readable], timeoutMs, isOver);
    const error = this.leaderError();
    if (error !== ErrorCode.NONE) return error;
    return isInTime ? ErrorCode.NONE : ErrorCode.REQUEST_TIMED_OUT;
  }

  /** Null when there is nothing to fetch, or nowhere. */
  followerPosition(): FollowerPosition | null {
    return this.#follower?.position() ?? null;
  }

  /** Before the first fetch of a leadership. Null when there is nothing to do. */
  beginFollowing(leaderEpoch: number): Promise<ErrorCode> | null {
    return this.#follower?.begin(leaderEpoch) ?? null;
  }

  /** Takes what the leader sent, as it is: see `FollowerState.append`. */
  appendAsFollower(fetched: FetchedRecords): FollowerAppend | Promise<FollowerAppend> {
    this.stats.replicationBytesIn += fetched.records.length;
    return this.#follower?.append(fetched) ?? NOT_FOLLOWING;
  }

  /** The leader has other records where this log has its last ones. */
  async truncateTo(leaderEpoch: number, diverging: EpochEnd): Promise<ErrorCode> {
    return this.#follower?.truncate(leaderEpoch, diverging) ?? ErrorCode.NOT_LEADER_OR_FOLLOWER;
  }

  /** The leader has nothing at the end of this log: it begins later, or ends before. */
  async alignWith(leaderEpoch: number, leaderStart: number, leaderEnd: number): Promise<ErrorCode> {
    const aligned = this.#follower?.align(leaderEpoch, leaderStart, leaderEnd);
    return aligned ?? ErrorCode.NOT_LEADER_OR_FOLLOWER;
  }

  /** Null when it takes long. */
  #appendBriefly(
    records: Buffer,
    options: Produce,
    gathered: GatheredAppends | null,
  ): AppendResult | null {
    const isGathered = gathered !== null && this.#mayGather(records.length);
    const result = this.log.appendBriefly(records, this.#asLeader(options, isGathered));
    if (result === null) return null;
    if (!isGathered) return this.#appended(result, records.length);
    this.#count(result, records.length);
    if (result.errorCode === ErrorCode.NONE && !result.isDuplicate) {
      const isFirst = !this.#hasGathered;
      this.#hasGathered = true;
      gathered.add(this, isFirst, records.length);
    }
    return result;
  }

  /** Large batches gain nothing by it, and flushes by number of messages count each append. */
  #mayGather(size: number): boolean {
    return size < GATHERED_SIZE_MAX && this.log.config.flushMessages === NEVER;
  }

  /** Who leads, and which log it is, may have changed when the turn comes. */
  #waitForTurn(records: Buffer, options: Produce, isLong: boolean): Promise<AppendResult> {
    this.#queue ??= new AppendQueue(this.#host.clock);
    const briefly = () => this.#refusal(options) ?? this.#appendBriefly(records, options, null);
    const examined = () => {
      return this.log.examine(records, options.nowMs, (found) => {
        return this.#refusal(options) ?? this.#appendExamined(records, options, found);
      });
    };
    return this.#queue.push({ briefly, examined }, isLong);
  }

  #refusal({ isForAll }: Produce): AppendResult | null {
    const errorCode = this.produceError(isForAll);
    return errorCode === ErrorCode.NONE ? null : refused(errorCode, null, -1);
  }

  #appendExamined(records: Buffer, options: Produce, examined: Examined): AppendResult {
    const given = this.#asLeader(options, false);
    return this.#appended(this.log.appendExamined(records, examined, given), records.length);
  }

  #asLeader({ nowMs, verification }: Produce, isGathered: boolean): LeaderAppend {
    const { leaderEpoch } = this;
    const origin = "client";
    return { leaderEpoch, origin, nowMs, verification, transactionVersion: -1, isGathered };
  }

  #appended(result: AppendResult, size: number): AppendResult {
    this.#count(result, size);
    if (result.errorCode === ErrorCode.NONE && result.flushed === null) {
      this.#advanceTo(this.log.logEndOffset);
    }
    return result;
  }

  #count({ errorCode, firstOffset, lastOffset, conversion }: AppendResult, size: number): void {
    this.stats.appended(errorCode, lastOffset - firstOffset + 1, size);
    if (conversion !== null) this.stats.produceMessageConversions += conversion.recordCount;
  }

  /**
   * All before `offset` counts on this node. It is committed when it counts on all that may be in
   * sync; with one replica that is now.
   */
  #advanceTo(offset: number): void {
    const leader = this.#leader;
    if (leader === null) return;
    const { log } = this;
    const hasGrown = offset > leader.ownEndOffset;
    if (hasGrown) leader.ownEndOffset = offset;
    const isAlone = leader.followers.length === 0;
    let end = leader.ownEndOffset;
    if (!isAlone) {
      // KIP-966: while fewer are in sync than the topic asks for, nothing more is committed.
      if (this.isUnderMinIsr) end = NOTHING;
      else end = leader.committedEnd(log, this.#host.clock.monotonicMs());
    }
    const hasAdvanced = log.advanceHighWatermark(end);
    if (hasAdvanced) this.#commits.advance(log.highWatermark);
    // Followers fetch what is not committed yet.
    if (hasAdvanced || (hasGrown && !isAlone)) this.readable.move();
  }

  #watchStart(): void {
    this.#log.state.startMoved = () => this.readable.move();
  }

  #takeRole(oldEpoch: number): void {
    const { leader, leaderEpoch } = this.#registration;
    if (leader === this.#host.nodeId) return this.#lead(oldEpoch);
    if (this.#leader !== null) this.#commits.fail(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    this.#leader = null;
    if (leader === NO_LEADER) this.#follow(null);
    else if (this.#follower === null || leaderEpoch !== oldEpoch) {
      const { FollowerState } = following();
      this.#follow(new FollowerState(this.#host, this, leader, leaderEpoch));
    }
  }

  #follow(follower: FollowerState | null): void {
    if (this.#follower !== null) this.#follower.isOver = true;
    this.#follower = follower;
  }

  #lead(oldEpoch: number): void {
    const { log } = this;
    const registration = this.#registration;
    const { leaderEpoch } = registration;
    const { logEndOffset } = log;
    const nowMs = this.#host.clock.monotonicMs();
    this.#follow(null);
    if (this.#leader === null) {
      this.#leader = new LeaderState(this.#host, this, registration, logEndOffset, nowMs);
    } else if (leaderEpoch === oldEpoch) {
      this.#leader.update(registration);
      return this.maybeAdvance();
    } else {
      // With an epoch between, others may have led meanwhile.
      this.#leader.restart(registration, logEndOffset, nowMs, leaderEpoch === oldEpoch + 1);
    }
    // Followers that come with an epoch of nobody's records find the end of theirs (KAFKA-7128).
    log.assignEpochStart(leaderEpoch, logEndOffset);
    this.maybeAdvance();
  }

  #propose(leader: LeaderState, proposal: IsrProposal): void {
    const sizeBefore = this.#registration.isr.length;
    void this.#host.isrChanges.propose(proposal).then((answer) => {
      this.stats.isrProposed(answer.errorCode, sizeBefore, proposal.isr.length);
      this.#isrAnswered(leader, proposal, answer);
    });
  }

  #isrAnswered(leader: LeaderState, proposal: IsrProposal, answer: IsrAnswer): void {
    if (this.#leader !== leader) return;
    const outcome = leader.answered(proposal, answer, this.#registration);
    if (outcome === "again") return this.#propose(leader, proposal);
    if (outcome === "wait") return;
    if (answer.errorCode === ErrorCode.NONE) {
      const { isr, partitionEpoch, leaderRecoveryState } = answer;
      this.#registration = { ...this.#registration, isr, partitionEpoch, leaderRecoveryState };
    }
    this.maybeAdvance();
  }

  /** A request of an incarnation that is gone, on a connection that outlived it. */
  #isStale(replicaId: number, brokerEpoch: number): boolean {
    if (brokerEpoch === NO_BROKER_EPOCH) return false;
    const broker = this.#host.cluster().broker(replicaId);
    return broker !== null && !broker.fenced && broker.epoch > brokerEpoch;
  }
}
