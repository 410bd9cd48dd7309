/**
 * One partition of a topic on this node: its log, and what the metadata log says of it.
 *
 *   produce -> append -> [log ........ | high watermark ..... log end] -> fetch up to it
 *                                        `-- every replica in sync has all below
 *
 * A produce has two stages. `append` is the ordered one: when it returns, the records have their
 * offsets and lie in the log. What it returns says what the answer must wait for: nothing, a flush
 * (flush.messages), or the high watermark (acks=all). Only records that a thread has to look
 * through keep the first stage waiting, and those behind them in this partition (append-queue.ts).
 *
 * Invariants: only the leader appends; the high watermark never goes back while this node leads;
 * `readable` moves whenever a waiting fetch may find something new.
 */
import { Signal } from "../base/signal.ts";
import type { Clock } from "../base/world.ts";
import { type AppendResult, refused } from "../log/append-result.ts";
import type { Examined, LeaderAppend, Log } from "../log/log.ts";
import { NEVER } from "../log/log-config.ts";
import type { Verification } from "../log/verifications.ts";
import type { PartitionRegistration } from "../metadata/partition-registration.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { AppendQueue } from "./append-queue.ts";
import { CommitQueue } from "./commit-queue.ts";
import type { GatheredAppends } from "./gathered-appends.ts";
import { UNCOUNTED } from "./topic-stats.ts";

/** KIP-320: what a client believes of the leader's epoch; -1 when it does not say. */
const NO_EPOCH = -1;

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

export interface PartitionOptions {
  readonly topic: string;
  readonly topicId: string;
  readonly index: number;
  readonly log: Log;
  /** As the metadata log has it now. */
  readonly registration: PartitionRegistration;
  /** Of this node. */
  readonly nodeId: number;
  readonly clock: Clock;
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
  readonly #clock: Clock;
  #queue: AppendQueue | null = null;
  readonly #nodeId: number;
  #registration: PartitionRegistration;
  #log: Log;
  #isRemoved = false;
  #hasGathered = false;

  constructor(options: PartitionOptions) {
    this.topic = options.topic;
    this.topicId = options.topicId;
    this.index = options.index;
    this.#log = options.log;
    this.#registration = options.registration;
    this.#nodeId = options.nodeId;
    this.#commits = new CommitQueue(options.clock);
    this.#clock = options.clock;
    this.#watchStart();
  }

  get log(): Log {
    return this.#log;
  }

  /** The log was moved to another directory: this one is equal to it, and goes on from there. */
  replaceLog(log: Log): void {
    this.#log = log;
    this.#watchStart();
    this.readable.move();
  }

  get isLeader(): boolean {
    return !this.#isRemoved && this.#registration.leader === this.#nodeId;
  }

  get leaderEpoch(): number {
    return this.#registration.leaderEpoch;
  }

  get registration(): PartitionRegistration {
    return this.#registration;
  }

  /** NONE when this node leads and the client's epoch, if it gave one, is the leader's. */
  leaderError(currentLeaderEpoch = NO_EPOCH): ErrorCode {
    if (this.#isRemoved) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    if (currentLeaderEpoch !== NO_EPOCH) {
      if (currentLeaderEpoch < this.leaderEpoch) return ErrorCode.FENCED_LEADER_EPOCH;
      if (currentLeaderEpoch > this.leaderEpoch) return ErrorCode.UNKNOWN_LEADER_EPOCH;
    }
    if (!this.isLeader) return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    return this.log.failure !== null ? ErrorCode.KAFKA_STORAGE_ERROR : ErrorCode.NONE;
  }

  /** Takes what the metadata log says now. */
  update(registration: PartitionRegistration): void {
    const wasLeader = this.isLeader;
    const oldEpoch = this.leaderEpoch;
    this.#registration = registration;
    if (this.isLeader && (!wasLeader || oldEpoch !== this.leaderEpoch)) this.#becomeLeader();
    if (wasLeader && !this.isLeader) this.#commits.fail(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    this.readable.move();
  }

  /** The first thing a new partition does, once it is known who leads it. */
  start(): void {
    if (this.isLeader) this.#becomeLeader();
  }

  /** The topic is deleted: nobody waits any longer. */
  remove(): void {
    this.#isRemoved = true;
    this.#commits.fail(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    this.readable.move();
  }

  /** NOT_ENOUGH_REPLICAS where acks=all could not be kept; asked before anything is written. */
  minIsrError(): ErrorCode {
    return this.#isUnderMinIsr() ? ErrorCode.NOT_ENOUGH_REPLICAS : ErrorCode.NONE;
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

  /** For `GatheredAppends`. */
  writeGathered(): void {
    this.#hasGathered = false;
    if (this.log.writeGathered()) this.#advanceTo(this.log.logEndOffset);
    else this.#commits.fail(ErrorCode.KAFKA_STORAGE_ERROR);
  }

  /** Whether all that is written here is committed at once. */
  get commitsAlone(): boolean {
    // KIP-966: while fewer are in sync than the topic asks for, nothing more is committed.
    return this.isLeader && this.#registration.isr.length <= 1 && !this.#isUnderMinIsr();
  }

  /** Waits for the flush that `flush.messages` asks for; only then the records may be read. */
  async flushed(result: AppendResult): Promise<void> {
    if (result.flushed === null) return;
    await result.flushed;
    this.#advanceTo(Math.min(result.lastOffset + 1, this.log.logEndOffset));
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

  get isUnderMinIsr(): boolean {
    return this.#isUnderMinIsr();
  }

  get isAtMinIsr(): boolean {
    const { isr, replicas } = this.#registration;
    return isr.length === Math.min(this.log.config.minInsyncReplicas, replicas.length);
  }

  /** Moves on what a change of the ISR or of min.insync.replicas was holding back. */
  maybeAdvance(): void {
    this.#advanceTo(this.log.logEndOffset);
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
    this.#queue ??= new AppendQueue(this.#clock);
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

  /** With this node as the only one in sync, all that is in the log is committed. */
  #advanceTo(offset: number): void {
    if (!this.commitsAlone) return;
    if (!this.log.advanceHighWatermark(offset)) return;
    this.#commits.advance(this.log.highWatermark);
    this.readable.move();
  }

  /** The ISR is counted against what the topic asks for, but never for more than its replicas. */
  #isUnderMinIsr(): boolean {
    const { isr, replicas } = this.#registration;
    return isr.length < Math.min(this.log.config.minInsyncReplicas, replicas.length);
  }

  #watchStart(): void {
    this.#log.state.startMoved = () => this.readable.move();
  }

  #becomeLeader(): void {
    this.log.assignEpochStart(this.leaderEpoch, this.log.logEndOffset);
    this.#advanceTo(this.log.logEndOffset);
  }
}
