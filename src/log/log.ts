/**
 * One partition's log: Kafka's UnifiedLog.
 *
 *      logStartOffset      recoveryPoint   highWatermark        logEndOffset
 *            |                   |              |                    |
 *   [ deleted | segment | segment | active segment .................. ]
 *            readers get these .................|  replicas get these |
 *
 *   append    checks -> producer state -> roll? -> file -> indexes, epochs        all at once
 *   read      segment -> position -> a `LogSlice` of its file                     usually at once
 *   flush     one sync at a time for all that wait                                later
 *
 * Everything that changes the log runs at once, without an `await`: appends, rolls, truncations
 * and deletions never meet halfway. What is asynchronous (syncs, cold reads, searches) looks at
 * the log anew whenever it goes on.
 *
 * After an error of the disk nothing is appended, acknowledged or synced any more: the host takes
 * the whole directory offline.
 *
 * Invariants: logStartOffset <= highWatermark <= logEndOffset; recoveryPoint <= flushedOffset <=
 * logEndOffset; all before the recovery point is durable, indexes, epochs and snapshots included.
 *
 * USAGE
 *   const result = log.appendAsLeader(bytes, { leaderEpoch, origin: "client", nowMs });
 *   if (result.errorCode === 0) await result.flushed;        // null unless `flush.messages` asks
 *   log.advanceHighWatermark(log.logEndOffset);
 *   const slice = await log.read(offset, sizeMax, log.highWatermark, true);
 *   slice.readInto(target, 0) ... slice.release();
 */
import { assert } from "../base/assert.ts";
import type { DiskError } from "../base/world.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { batchSize, hasProducerId } from "../protocol/record-batch.ts";
import {
  appended,
  type AppendResult,
  type Conversion,
  type RecordError,
  refused,
} from "./append-result.ts";
import { checkGivenBatches, inParts } from "./given-batches.ts";
import type { EpochEnd } from "./leader-epochs.ts";
import { appendRun, type BatchRun, makeRoom, roll } from "./log-append.ts";
import type { HandedWrite } from "./gathered-write.ts";
import { type GivenMarker, hasMarker, refuseProducer, startVerification } from "./log-claims.ts";
import { isFlushed, type LogConfig } from "./log-config.ts";
import { LogFlush } from "./log-flush.ts";
import { abortedTransactions, readLog } from "./log-read.ts";
import { deleteOldSegments, moveLogStart } from "./log-retention.ts";
import type { LogSlice } from "./log-slice.ts";
import type { LogState } from "./log-state.ts";
import { truncateFullyAndStartAt, truncateTo } from "./log-truncate.ts";
import type { AppendOrigin, Refusal } from "./producer-checks.ts";
import type { ProducerEntry } from "./producer-entry.ts";
import type { Examination, InvalidBatch } from "./record-examination.ts";
import {
  acceptExamined,
  type ProducedBatch,
  validateBatch,
  type ValidBatch,
  validateBriefly,
} from "./record-validation.ts";
import { offsetForTimestamp, type TimestampAnswer } from "./timestamp-search.ts";
import type { AbortedTransaction } from "./transaction-index.ts";
import type { Verification } from "./verifications.ts";

export interface LeaderAppend {
  readonly leaderEpoch: number;
  /** "raftLeader": the batches have offsets and epoch already. */
  readonly origin: Exclude<AppendOrigin, "replication">;
  readonly nowMs: number;
  /** KIP-890: what `startVerification` gave, once the coordinator has said yes. */
  readonly verification?: Verification | null;
  /** Of a marker: 2 demands an epoch above that of the records. */
  readonly transactionVersion?: number;
  /** The bytes may lie where they are until `writeGathered`, or until they were handed on. */
  readonly isGathered?: boolean;
}

/** What a thread found in a batch, which goes by the settings of when it came. */
export interface Examined {
  readonly config: LogConfig;
  readonly examination: Examination;
}

/** A segment holds offsets of this span. */
const OFFSETS_MAX = 2 ** 31;

export class Log {
  readonly #state: LogState;
  readonly #flush: LogFlush;

  /** Made by `openLog`, which finds what is on the disk. */
  constructor(state: LogState, flush: LogFlush) {
    this.#state = state;
    this.#flush = flush;
  }

  get topic(): string {
    return this.#state.topic;
  }

  get partition(): number {
    return this.#state.partition;
  }

  get directory(): string {
    return this.#state.place.directory;
  }

  /** Null when partition.metadata does not say. */
  get topicId(): string | null {
    return this.#state.topicId;
  }

  /** False when the log is of another topic of this name. */
  assignTopicId(topicId: string): boolean {
    const { topicId: known } = this.#state;
    if (known !== null) return known === topicId;
    return this.#state.attempt(
      () => {
        this.#state.setTopicId(topicId);
        return true;
      },
      () => false,
    );
  }

  get config(): LogConfig {
    return this.#state.config;
  }

  updateConfig(config: LogConfig): void {
    this.#state.config = config;
  }

  /** What took its directory offline; null while all is well. */
  get failure(): DiskError | null {
    return this.#state.failure;
  }

  get logStartOffset(): number {
    return this.#state.logStartOffset;
  }

  /** Of the record that is appended next. */
  get logEndOffset(): number {
    return this.#state.logEndOffset;
  }

  get highWatermark(): number {
    return this.#state.highWatermark;
  }

  get recoveryPoint(): number {
    return this.#state.recoveryPoint;
  }

  /** All records below are durable. */
  get flushedOffset(): number {
    return this.#state.flushedOffset;
  }

  /** Readers of committed records stop here. */
  get lastStableOffset(): number {
    const { highWatermark, logStartOffset, producers } = this.#state;
    const unstable = producers.state.firstUnstableOffset;
    if (unstable === -1 || unstable >= highWatermark) return highWatermark;
    return Math.max(unstable, logStartOffset);
  }

  /** Bytes of all segments. */
  get size(): number {
    return this.#state.segments.size;
  }

  get segmentCount(): number {
    return this.#state.segments.count;
  }

  get firstSegmentBaseOffset(): number {
    return this.#state.segments.first.baseOffset;
  }

  /** Records of clients and coordinators: they get their offsets, and the bytes are changed. */
  appendAsLeader(bytes: Buffer, options: LeaderAppend): AppendResult {
    const refusal = this.#refuseAny();
    if (refusal !== null) return this.#refused(refusal);
    const { origin, leaderEpoch, nowMs } = options;
    if (origin === "raftLeader") return this.#appendGiven(bytes, leaderEpoch, true, nowMs);
    const batch = validateBatch(bytes, this.#batchOf(options, origin, this.#state.config));
    return this.#appendValid(batch, options);
  }

  /**
   * The same for a client's batch, where it takes no more than a millisecond or so. Null when it
   * does, with nothing changed: then `examine`, and with what that finds `appendExamined`.
   */
  appendBriefly(bytes: Buffer, options: LeaderAppend): AppendResult | null {
    const refusal = this.#refuseAny();
    if (refusal !== null) return this.#refused(refusal);
    const batch = validateBriefly(bytes, this.#batchOf(options, "client", this.#state.config));
    return batch === null ? null : this.#appendValid(batch, options);
  }

  /** A thread looks through the records; what `found` returns is what it resolves with. */
  examine<T>(bytes: Buffer, nowMs: number, found: (examined: Examined) => T): Promise<T> {
    const { config, name, host } = this.#state;
    const batch = { config, topicPartition: name, nowMs };
    return host.examiner.examine(bytes, batchSize(bytes, 0), batch, (examination) => {
      return found({ config, examination });
    });
  }

  appendExamined(bytes: Buffer, examined: Examined, options: LeaderAppend): AppendResult {
    const refusal = this.#refuseAny();
    if (refusal !== null) return this.#refused(refusal);
    const batch = this.#batchOf(options, "client", examined.config);
    return this.#appendValid(acceptExamined(bytes, batch, examined.examination), options);
  }

  #batchOf(
    { leaderEpoch, nowMs }: LeaderAppend,
    origin: ProducedBatch["origin"],
    config: LogConfig,
  ): ProducedBatch {
    const { name, logEndOffset, host } = this.#state;
    return {
      config,
      origin,
      topicPartition: name,
      firstOffset: logEndOffset,
      leaderEpoch,
      nowMs,
      clock: host.clock,
    };
  }

  #appendValid(batch: ValidBatch | InvalidBatch, options: LeaderAppend): AppendResult {
    const state = this.#state;
    if ("errorCode" in batch) {
      if (batch.flaw !== null) state.host.validation.add(batch.flaw);
      return this.#refused(batch, batch.recordErrors);
    }
    const { conversion } = batch;
    const { origin, nowMs } = options;
    return this.#attemptAppend(() => {
      makeRoom(state, this.#flush, batch, nowMs);
      const isOfClient = origin === "client" && hasProducerId(batch.bytes, 0);
      const duplicate = isOfClient ? state.producers.findDuplicate(batch.bytes) : null;
      if (duplicate !== null) {
        const { lastOffset, offsetDelta, timestamp } = duplicate;
        const firstOffset = lastOffset - offsetDelta;
        const { logStartOffset } = state;
        // It may be on its way to the disk yet, and counts no sooner for being sent again.
        const flushed = this.#flush.afterAppend();
        return appended(
          firstOffset,
          lastOffset,
          timestamp,
          logStartOffset,
          true,
          flushed,
          conversion,
        );
      }
      const claim = refuseProducer(state, batch.bytes, origin, options);
      if (claim !== null) return this.#refused(claim);
      return this.#append(batch, batch.appendTimeMs, options.isGathered === true, conversion);
    });
  }

  /** What was only gathered is in the file afterwards; false when the disk has failed. */
  writeGathered(): boolean {
    return this.#state.attempt(
      () => {
        this.#state.segments.active.writeGathered();
        return this.#state.failure === null;
      },
      () => false,
    );
  }

  /** The same by a thread: null when there is nothing to write, or the disk has failed. */
  handGathered(): HandedWrite | null {
    return this.#state.attempt(
      () => this.#state.segments.active.handGathered(),
      () => null,
    );
  }

  /** What was handed is in the file afterwards; false when the disk has failed. */
  settle(handed: HandedWrite): boolean {
    return this.#state.attempt(
      () => {
        handed.settle();
        return this.#state.failure === null;
      },
      () => false,
    );
  }

  /**
   * KIP-890: the coordinator must be asked before this producer's next batch, which is then
   * appended with the verification. Null when the transaction is open here already.
   */
  startVerification(
    producerId: number,
    sequence: number,
    epoch: number,
    supportsEpochBump: boolean,
  ): Verification | Refusal | null {
    return startVerification(this.#state, producerId, sequence, epoch, supportsEpochBump);
  }

  /**
   * Whether the producer's last transaction here was ended by this very marker. Then it need not be
   * written again; what is about to begin is void all the same.
   */
  hasMarker(marker: GivenMarker): boolean {
    return hasMarker(this.#state, marker);
  }

  /** What a leader sent: believed, but for its checksums and order. `leaderEpoch` bounds it. */
  appendAsFollower(bytes: Buffer, leaderEpoch: number, nowMs: number): AppendResult {
    const refusal = this.#refuseAny();
    if (refusal !== null) return this.#refused(refusal);
    return this.#appendGiven(bytes, leaderEpoch, false, nowMs);
  }

  /** Where the records from `offset` on are. At once when that is known or cached. */
  read(
    offset: number,
    sizeMax: number,
    upToOffset: number,
    minOneBatch: boolean,
  ): LogSlice | Promise<LogSlice> {
    return readLog(this.#state, { offset, sizeMax, upToOffset, minOneBatch });
  }

  /** What a reader of committed records must leave out of `slice`; null when the disk fails. */
  abortedTransactions(fromOffset: number, slice: LogSlice): AbortedTransaction[] | null {
    return this.#state.attempt(
      () => abortedTransactions(this.#state, fromOffset, slice),
      () => null,
    );
  }

  /** `timestamp` as in ListOffsets: a time, or -1 to -6. Null when there is no such record. */
  async offsetForTimestamp(timestamp: number): Promise<TimestampAnswer | null> {
    try {
      return await offsetForTimestamp(this.#state, timestamp);
    } catch (error) {
      this.#state.diskFailed(error);
      return null;
    }
  }

  /** False when it was there already: it never goes back. */
  advanceHighWatermark(offset: number): boolean {
    assert(offset <= this.#state.logEndOffset, "the high watermark is within the log");
    if (offset <= this.#state.highWatermark) return false;
    this.#setHighWatermark(offset);
    return true;
  }

  /** From a checkpoint or a leader: taken as near as the log allows. Returns what it is now. */
  setHighWatermark(offset: number): number {
    const { logStartOffset, logEndOffset } = this.#state;
    this.#setHighWatermark(Math.max(logStartOffset, Math.min(offset, logEndOffset)));
    return this.#state.highWatermark;
  }

  /** -1 before the first. */
  get latestEpoch(): number {
    return this.#state.epochs.latestEpoch;
  }

  /** A leader of this epoch starts to write at `startOffset`. */
  assignEpochStart(epoch: number, startOffset: number): void {
    this.#state.epochs.assign(epoch, startOffset);
  }

  /** Where the records of `epoch` and older ones end, as in OffsetForLeaderEpoch. */
  endOffsetFor(epoch: number): EpochEnd {
    return this.#state.epochs.endOffsetFor(epoch, this.#state.logEndOffset);
  }

  /** DeleteRecords: records before `offset` are gone; their segments follow with retention. */
  advanceLogStartOffset(offset: number): ErrorCode {
    if (this.#state.failure !== null) return ErrorCode.KAFKA_STORAGE_ERROR;
    if (offset > this.#state.highWatermark) return ErrorCode.OFFSET_OUT_OF_RANGE;
    moveLogStart(this.#state, offset);
    return ErrorCode.NONE;
  }

  /**
   * Drops records of `offset` and above; false when there are none. A log whose recovery point is
   * in a checkpoint is cut through `LogManager.truncateTo`, which corrects that first.
   */
  truncateTo(offset: number): boolean {
    return this.#state.attempt(
      () => truncateTo(this.#state, offset),
      () => false,
    );
  }

  /** Drops everything; the next record gets `offset`. */
  truncateFullyAndStartAt(offset: number, logStartOffset = offset): void {
    this.#state.attempt(
      () => truncateFullyAndStartAt(this.#state, offset, logStartOffset),
      () => undefined,
    );
  }

  /** Leaves the active segment, unless it is empty. */
  roll(): void {
    this.#state.attempt(
      () => void roll(this.#state, this.#flush, this.#state.logEndOffset),
      () => undefined,
    );
  }

  /**
   * What recovery read may never have been on the disk: no reader shall see it vanish again. To be
   * waited for where the settings promise that.
   */
  flushRecovered(): Promise<void> | null {
    const { logEndOffset, recoveryPoint } = this.#state;
    if (logEndOffset <= recoveryPoint) return null;
    const flushed = this.#flush.flushInBackground(logEndOffset);
    return isFlushed(this.#state.config) ? flushed : null;
  }

  /** Everything appended so far is durable when it resolves. */
  flush(): Promise<void> {
    return this.#flush.flushUpTo(this.#state.logEndOffset);
  }

  /** To be waited for after a cut, before anything is appended; `LogManager` does. */
  syncCut(): Promise<void> {
    return this.#flush.syncCut();
  }

  /** No sync is under way; nor does any begin in this turn unless somebody appends. */
  get isFlushIdle(): boolean {
    return this.#flush.isIdle;
  }

  whenFlushed(): Promise<void> {
    return this.#flush.whenIdle();
  }

  /** Returns how many segments went. */
  deleteOldSegments(): number {
    if (this.#state.failure !== null || this.#state.isClosed) return 0;
    return this.#state.attempt(
      () => deleteOldSegments(this.#state, this.#flush),
      () => 0,
    );
  }

  /** For DescribeProducers. */
  activeProducers(): ProducerEntry[] {
    return [...this.#state.producers.state.producers.values()];
  }

  removeExpiredProducers(nowMs: number): void {
    const { producers, host, verifications } = this.#state;
    verifications.removeExpired(nowMs, host.producerIdExpirationMs);
    if (!producers.isUnloaded) producers.state.removeExpired(nowMs, host.producerIdExpirationMs);
  }

  /** The state, for whoever looks after all logs of a node. */
  get state(): LogState {
    return this.#state;
  }

  /** Nothing is appended any more, and all that was is durable when it resolves. */
  async close(): Promise<void> {
    if (await this.closeUnsynced()) await this.syncClosed();
  }

  /** The first half of it: false when there is nothing to make durable. */
  async closeUnsynced(): Promise<boolean> {
    const state = this.#state;
    if (state.isClosed || state.failure !== null) return false;
    try {
      await this.#flush.whenIdle();
      state.isClosed = true;
      // A log that nobody wrote to is as it was when it was opened.
      const isDone = !state.isChanged && state.recoveryPoint === state.logEndOffset;
      if (!isDone) state.producers.takeSnapshot();
      if (!isDone) state.segments.active.close();
      for (const segment of state.segments.all) segment.coolDown();
      return !isDone;
    } catch (error) {
      state.diskFailed(error);
      return false;
    }
  }

  /** The second half, where the first found something. `isDurable`: so are its files already. */
  async syncClosed(isDurable = false): Promise<void> {
    const state = this.#state;
    if (state.failure !== null) return;
    try {
      await this.#flush.syncAtClose(isDurable);
    } catch (error) {
      state.diskFailed(error);
    }
  }

  #setHighWatermark(offset: number): void {
    this.#state.highWatermark = offset;
    this.#state.producers.highWatermarkMoved(offset);
  }

  #refuseAny(): Refusal | null {
    if (this.#state.failure === null && !this.#state.isClosed) return null;
    return { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, message: "The log directory is offline" };
  }

  #refused(refusal: Refusal, recordErrors: readonly RecordError[] = []): AppendResult {
    const { logStartOffset } = this.#state;
    return refused(refusal.errorCode, refusal.message, logStartOffset, recordErrors);
  }

  #appendGiven(bytes: Buffer, leaderEpoch: number, isLeader: boolean, nowMs: number): AppendResult {
    const given = checkGivenBatches(bytes, this.#state.logEndOffset, leaderEpoch, isLeader);
    if ("errorCode" in given) return this.#refused(given);
    if (given.size === 0) {
      const { logEndOffset, logStartOffset } = this.#state;
      return appended(logEndOffset, logEndOffset - 1, -1, logStartOffset, false, null);
    }
    const { segmentBytes } = this.#state.config;
    if (given.size <= segmentBytes && given.lastOffset - given.firstOffset < OFFSETS_MAX) {
      return this.#attemptAppend(() => this.#appendGivenRun({ bytes, ...given }, nowMs));
    }
    if (isLeader) {
      return this.#refused({
        errorCode: ErrorCode.RECORD_LIST_TOO_LARGE,
        message: `${given.size} bytes of batches are more than a segment may have`,
      });
    }
    // The leader's segments may be larger, and a fetch may bring more than one of them.
    return this.#attemptAppend(() => {
      let result: AppendResult | null = null;
      for (const run of inParts(bytes, given.size, segmentBytes)) {
        result = this.#appendGivenRun(run, nowMs);
      }
      return { ...result!, firstOffset: given.firstOffset };
    });
  }

  #appendGivenRun(run: BatchRun, nowMs: number): AppendResult {
    makeRoom(this.#state, this.#flush, run, nowMs);
    return this.#append(run, -1, false, null);
  }

  #append(
    run: BatchRun,
    appendTimeMs: number,
    isGathered: boolean,
    conversion: Conversion | null,
  ): AppendResult {
    const { firstOffset, lastOffset } = run;
    appendRun(this.#state, this.#flush, run, isGathered);
    const flushed = this.#flush.afterAppend();
    const { logStartOffset } = this.#state;
    return appended(
      firstOffset,
      lastOffset,
      appendTimeMs,
      logStartOffset,
      false,
      flushed,
      conversion,
    );
  }

  #attemptAppend(work: () => AppendResult): AppendResult {
    return this.#state.attempt(work, (error) => {
      return this.#refused({ errorCode: ErrorCode.KAFKA_STORAGE_ERROR, message: error.message });
    });
  }
}
