/**
 * One partition's coordinator: its state, the batch that is being filled, and answers that wait.
 *
 *            elected            end of the log reached
 *   (none) ──────────▶ loading ────────────────────────▶ active
 *                        ▲  └─ log cannot be read ─▶ failed │ append failed, or lost
 *                        └──────────────── again ──────┴────┘
 *
 * An operation runs at once, and its records are applied at once. What is written in one turn of
 * the event loop goes to the log as one batch at its end, or when it has lingered for more; answers
 * wait until that is committed. So
 * when an append fails, the state is ahead of the log: it is dropped and read from the log again.
 *
 * Invariants: while active, the state is what the log up to `nextOffset` says; `open` holds what is
 * applied and not yet appended, and is empty at the end of each turn, or after the linger.
 */
import { assert } from "../base/assert.ts";
import type { Logger } from "../base/logger.ts";
import type { Clock } from "../base/world.ts";
import type { Verification } from "../log/verifications.ts";
import { ErrorCode, errorName } from "../protocol/error-code.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { CompressionType } from "../protocol/compression.ts";
import { buildEndTransactionMarker, isOfProducer } from "../protocol/control-record.ts";
import { BATCH_HEADER_SIZE, NO_PRODUCER_EPOCH, NO_PRODUCER_ID } from "../protocol/record-batch.ts";
import { buildBatch, type NewRecord } from "../protocol/record-batch-builder.ts";
import { coordinatorErrorOf } from "./coordinator-error.ts";
import { asLogError, CoordinatorLogError, type CoordinatorLog } from "./coordinator-log.ts";
import { Deadlines, type Deadline } from "./deadlines.ts";
import { replayLog, type Replayed } from "./loader.ts";
import type { Effects, Outcome } from "./outcome.ts";
import type { EncodedRecord, RecordCodec } from "./record-codec.ts";
import { Unsettled, type ParkedAnswer, type UnsettledBatch } from "./unsettled.ts";

/** What the state of a shard may ask of it. */
export interface ShardContext<R> {
  /** A deadline of the shard; what it gives back is written as an operation's effects are. */
  deadline(expire: () => Effects<R>): Deadline;
  /**
   * Answers when all that has been written is committed: at once, if it is. Where that takes too
   * long it says COORDINATOR_NOT_AVAILABLE; when the state was dropped, NOT_COORDINATOR.
   */
  park(answer: ParkedAnswer): void;
  /** Writes and applies what follows from something outside; the error is why it could not be. */
  perform(effects: Effects<R>): ErrorCode;
  /** Of the partition, as of now. */
  leaderEpoch(): number;
}

/** The state of a shard: it changes what it records in `apply` and `endTransaction` alone. */
export interface CoordinatorState<R> {
  /** `producerId` is NO_PRODUCER_ID where the record belongs to no transaction. */
  apply(record: R, offset: number, producerId: number): void;
  endTransaction(producerId: number, isCommitted: boolean): void;
  /** The whole log is applied. */
  loaded(): void;
  /** The state is dropped: whoever still waits must be answered. */
  unloaded(): void;
}

export interface ShardOptions<S extends CoordinatorState<R>, R> {
  /** For log lines: "__consumer_offsets-3". */
  readonly name: string;
  readonly leaderEpoch: () => number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly codec: RecordCodec<R>;
  readonly createState: (context: ShardContext<R>) => S;
  /** How long an answer waits for its records to be committed. */
  readonly commitTimeoutMs: number;
  readonly loadSizeMax: number;
  readonly compression: CompressionType;
  /** Of every batch: Kafka's group coordinator writes 0, and its transaction coordinator none. */
  readonly baseSequence: number;
  /** How long a batch is left open for more; where it is not positive, for this turn alone. */
  readonly appendLingerMs: () => number;
  /** One load at a time: a turn in the queue of all shards. */
  readonly inLoadQueue: (load: () => Promise<void>) => Promise<void>;
}

export interface TransactionalProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** See `TransactionalAppend`. */
  readonly verification: Verification | null;
}

export interface TransactionEnd {
  readonly isCommit: boolean;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
  readonly transactionVersion: number;
}

type Status = "loading" | "active" | "failed" | "closed";

interface OpenBatch {
  readonly records: NewRecord[];
  readonly unsettled: UnsettledBatch;
  readonly baseOffset: number;
  size: number;
}

/** What a record takes beside its key and value: at most, in an uncompressed batch. */
const RECORD_OVERHEAD_MAX = 32;
/** After a load that failed. */
const LOAD_RETRY_MS = 5_000;

export class Shard<S extends CoordinatorState<R>, R> {
  readonly #options: ShardOptions<S, R>;
  readonly log: CoordinatorLog;
  #status: Status = "loading";
  #state!: S;
  #deadlines!: Deadlines;
  #unsettled!: Unsettled;
  #open: OpenBatch | null = null;
  /** Offset of the next record that is applied. */
  #nextOffset = 0;
  /** The state is not what the log says; it is about to be dropped. */
  #isAstray = false;
  /** Counts states: what belongs to an earlier one is of no interest any more. */
  #attempt = 0;

  constructor(log: CoordinatorLog, options: ShardOptions<S, R>) {
    this.#options = options;
    this.log = log;
    this.#load();
  }

  /** Why no operation can run now; NONE when it can. */
  get error(): ErrorCode {
    if (this.#status === "active") return ErrorCode.NONE;
    const isLoading = this.#status === "loading";
    return isLoading ? ErrorCode.COORDINATOR_LOAD_IN_PROGRESS : ErrorCode.NOT_COORDINATOR;
  }

  /** Runs the operation now; its answer comes later, and is `failure`'s where it fails. */
  run<T>(operation: (state: S) => Outcome<R, T>, failure: (error: ErrorCode) => T): Promise<T> {
    const { error } = this;
    if (error !== ErrorCode.NONE) return Promise.resolve(failure(error));
    const outcome = operation(this.#state);
    const refusal = this.#perform(outcome);
    if (refusal !== ErrorCode.NONE) return Promise.resolve(failure(refusal));
    return new Promise((resolve) =>
      this.#park((lost) => resolve(lost === ErrorCode.NONE ? outcome.response : failure(lost))),
    );
  }

  /** As `run`, of records that belong to a producer's transaction: one batch, by itself. */
  runInTransaction<T>(
    producer: TransactionalProducer,
    operation: (state: S) => Outcome<R, T>,
    failure: (error: ErrorCode) => T,
  ): Promise<T> {
    if (producer.producerId === NO_PRODUCER_ID) return this.run(operation, failure);
    const { error } = this;
    if (error !== ErrorCode.NONE) return Promise.resolve(failure(error));
    const outcome = operation(this.#state);
    const refusal = this.#writeInTransaction(outcome.records, producer);
    if (refusal !== ErrorCode.NONE) return Promise.resolve(failure(coordinatorErrorOf(refusal)));
    return new Promise((resolve) =>
      this.#park((lost) => resolve(lost === ErrorCode.NONE ? outcome.response : failure(lost))),
    );
  }

  /** Writes the marker that ends a transaction. Resolves when it is committed. */
  endTransaction(marker: TransactionEnd): Promise<ErrorCode> {
    const error = this.error === ErrorCode.NONE ? this.#flush() : this.error;
    if (error !== ErrorCode.NONE) return Promise.resolve(error);
    const { isCommit, producerId, transactionVersion } = marker;
    if (!isOfProducer(marker)) return Promise.resolve(ErrorCode.UNKNOWN_SERVER_ERROR);
    const timestamp = this.#options.clock.wallMs();
    const batch = buildEndTransactionMarker({ ...marker, timestamp });
    const appended = this.log.append(batch, { transactionVersion });
    if (typeof appended === "number") return Promise.resolve(appended);
    this.#state.endTransaction(producerId, isCommit);
    this.#nextOffset += 1;
    this.#settleWith(this.#unsettled.add(), appended);
    return new Promise((resolve) => this.#unsettled.park(resolve));
  }

  /** For what is in no record. A state that is still being loaded learns of it when it is ready. */
  look(look: (state: S) => void): void {
    if (this.#status === "active") look(this.#state);
  }

  /** This node leads the partition no longer, or stops. */
  close(): void {
    if (this.#status === "closed") return;
    this.#drop(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    this.#status = "closed";
  }

  /** Writes and applies. The error is why the log refused: then nothing has happened. */
  #perform(effects: Effects<R>): ErrorCode {
    const { records, isAtomic = true } = effects;
    const error = records.length === 0 ? ErrorCode.NONE : this.#write(records, isAtomic);
    if (error === ErrorCode.NONE) effects.applied?.();
    else effects.refused?.(error);
    return error;
  }

  #writeInTransaction(records: readonly R[], producer: TransactionalProducer): ErrorCode {
    if (records.length === 0) return ErrorCode.NONE;
    const refusal = this.#flush();
    if (refusal !== ErrorCode.NONE) return refusal;
    const { clock, codec, compression, baseSequence } = this.#options;
    const { producerId, producerEpoch, verification } = producer;
    // Kafka fails over it, too.
    if (producerEpoch === NO_PRODUCER_EPOCH) return ErrorCode.UNKNOWN_SERVER_ERROR;
    const timestamp = clock.wallMs();
    const batch = buildBatch({
      records: records.map((record) => plainRecord(codec.encode(record), timestamp)),
      compression,
      producerId,
      producerEpoch,
      baseSequence,
      isTransactional: true,
    });
    if (batch.length > this.log.batchSizeMax) return ErrorCode.MESSAGE_TOO_LARGE;
    const appended = this.log.append(batch, { verification });
    if (typeof appended === "number") return appended;
    for (const record of records) this.#state.apply(record, this.#nextOffset++, producerId);
    this.#settleWith(this.#unsettled.add(), appended);
    return ErrorCode.NONE;
  }

  /** What was applied so far is in the log, or the error is why nothing can be added to it. */
  #flush(): ErrorCode {
    const refusal = this.log.refusal();
    if (refusal !== ErrorCode.NONE) return refusal;
    if (this.#open !== null) this.#append();
    if (!this.#isAstray && this.log.logEndOffset === this.#nextOffset) return ErrorCode.NONE;
    this.#goAstray(this.#unsettled.add());
    return ErrorCode.NOT_COORDINATOR;
  }

  #write(records: readonly R[], isAtomic: boolean): ErrorCode {
    const refusal = this.log.refusal();
    if (refusal !== ErrorCode.NONE) return coordinatorErrorOf(refusal);
    const timestamp = this.#options.clock.wallMs();
    const plain = this.#encode(records, timestamp);
    if (plain === null) return coordinatorErrorOf(ErrorCode.MESSAGE_TOO_LARGE);
    const sizes = plain.map(sizeOfRecord);
    const size = sizes.reduce((sum, each) => sum + each, 0);
    const isWhole = this.#fits(plain, size);
    if (isWhole) this.#makeRoom(size);
    else if (isAtomic || plain.some((each, index) => !this.#fits([each], sizes[index]!))) {
      return coordinatorErrorOf(ErrorCode.MESSAGE_TOO_LARGE);
    }
    records.forEach((record, index) => {
      if (!isWhole) this.#makeRoom(sizes[index]!);
      const open = (this.#open ??= this.#openBatch());
      open.records.push(plain[index]!);
      open.size += sizes[index]!;
      this.#state.apply(record, this.#nextOffset++, NO_PRODUCER_ID);
    });
    return ErrorCode.NONE;
  }

  /** Null where a client's text has no room in its field. */
  #encode(records: readonly R[], timestamp: number): NewRecord[] | null {
    try {
      return records.map((record) => plainRecord(this.#options.codec.encode(record), timestamp));
    } catch (error) {
      if (error instanceof ProtocolError) return null;
      throw error;
    }
  }

  /** Whether the log takes these records as one batch; many only when they are compressed. */
  #fits(records: readonly NewRecord[], size: number): boolean {
    if (BATCH_HEADER_SIZE + size <= this.log.batchSizeMax) return true;
    const { compression } = this.#options;
    if (compression === CompressionType.NONE) return false;
    return buildBatch({ records, compression }).length <= this.log.batchSizeMax;
  }

  /** Appends the open batch where `size` more would make it larger than the log takes. */
  #makeRoom(size: number): void {
    if (this.#open !== null && this.#open.size + size > this.log.batchSizeMax) this.#append();
  }

  #openBatch(): OpenBatch {
    const open: OpenBatch = {
      records: [],
      unsettled: this.#unsettled.add(),
      baseOffset: this.#nextOffset,
      size: BATCH_HEADER_SIZE,
    };
    const close = (): void => {
      if (this.#open === open) this.#append();
    };
    const { clock, appendLingerMs } = this.#options;
    const lingerMs = appendLingerMs();
    if (lingerMs > 0) clock.schedule(lingerMs, close);
    else clock.afterTurn(close);
    return open;
  }

  #append(): void {
    const open = this.#open;
    assert(open !== null, "a batch to append");
    this.#open = null;
    if (this.log.logEndOffset !== open.baseOffset || this.#isAstray) {
      return this.#goAstray(open.unsettled);
    }
    const { records } = open;
    const { compression, baseSequence } = this.#options;
    const batch = buildBatch({ records, compression, baseSequence });
    const appended = this.log.append(batch);
    const isRefused = typeof appended === "number";
    const error = (code: ErrorCode) => new CoordinatorLogError(code, errorName(code));
    this.#settleWith(open.unsettled, isRefused ? Promise.reject(error(appended)) : appended);
  }

  /** Somebody else has written: the offsets that were applied are not those in the log. */
  #goAstray(unsettled: UnsettledBatch): void {
    this.#isAstray = true;
    const error = new CoordinatorLogError(ErrorCode.NOT_COORDINATOR, "others write to the log");
    this.#settleWith(unsettled, Promise.reject(error));
  }

  #settleWith(unsettled: UnsettledBatch, committed: Promise<void>): void {
    committed.then(
      () => this.#unsettled.settle(unsettled),
      (error: unknown) => this.#lose(unsettled, error),
    );
  }

  #lose(unsettled: UnsettledBatch, error: unknown): void {
    const lost = asLogError(error);
    if (lost === null) throw error;
    if (!this.#unsettled.has(unsettled)) return;
    const { logger, name } = this.#options;
    logger.warn(`${name}: append failed (${errorName(lost.code)}: ${lost.message}), reloading`);
    this.#drop(lost.code);
    // Whoever is not leader any more is told so, and closes this shard.
    if (lost.code !== ErrorCode.NOT_LEADER_OR_FOLLOWER) this.#load();
  }

  #park(answer: ParkedAnswer): void {
    this.#unsettled.park((error) => answer(coordinatorErrorOf(error)));
  }

  #drop(error: ErrorCode): void {
    this.#status = "failed";
    this.#attempt += 1;
    this.#open = null;
    this.#unsettled.giveUp(error);
    this.#state.unloaded();
    this.#deadlines.close();
  }

  #load(): void {
    const { clock, commitTimeoutMs, createState, inLoadQueue, leaderEpoch } = this.#options;
    const attempt = ++this.#attempt;
    this.#status = "loading";
    this.#isAstray = false;
    this.#deadlines = new Deadlines(clock);
    this.#unsettled = new Unsettled(this.#deadlines, () => clock.monotonicMs(), commitTimeoutMs);
    this.#state = createState({
      deadline: (expire) => this.#deadlines.create(() => void this.#perform(expire())),
      park: (answer) =>
        attempt === this.#attempt ? this.#park(answer) : answer(ErrorCode.NOT_COORDINATOR),
      perform: (effects) =>
        attempt === this.#attempt ? this.#perform(effects) : ErrorCode.NOT_COORDINATOR,
      leaderEpoch,
    });
    inLoadQueue(() => this.#replay(attempt)).catch((error: unknown) => {
      const cause = error instanceof ProtocolError ? error : asLogError(error);
      if (cause === null) throw error;
      if (attempt === this.#attempt) this.#loadFailed(attempt, cause);
    });
  }

  async #replay(attempt: number): Promise<void> {
    const { clock, codec, loadSizeMax, logger, name } = this.#options;
    const isWanted = (): boolean => attempt === this.#attempt;
    if (!isWanted()) return;
    const startMs = clock.monotonicMs();
    const warn = (message: string): void => logger.warn(`${name}: ${message}`);
    const target = { state: this.#state, codec, warn };
    const replayed = await replayLog(this.log, target, { clock, sizeMax: loadSizeMax, isWanted });
    if (!isWanted()) return;
    this.#activate();
    const tookMs = Math.round(clock.monotonicMs() - startMs);
    logger.info(`${name}: loaded ${describe(replayed)} in ${tookMs} ms`);
  }

  #activate(): void {
    this.#status = "active";
    this.#nextOffset = this.log.logEndOffset;
    if (this.log.highWatermark < this.log.logEndOffset) {
      // A leader before this one wrote it; until followers have it, it may yet be lost.
      this.#settleWith(this.#unsettled.add(), this.log.whenCommitted(this.log.logEndOffset));
    }
    this.#state.loaded();
  }

  #loadFailed(attempt: number, error: Error): void {
    const { clock, logger, name } = this.#options;
    logger.error(`${name}: cannot be loaded: ${error.message}`);
    this.#drop(ErrorCode.NOT_COORDINATOR);
    clock.schedule(LOAD_RETRY_MS, () => {
      if (this.#attempt === attempt + 1 && this.#status === "failed") this.#load();
    });
  }
}

function plainRecord({ key, value }: EncodedRecord, timestamp: number): NewRecord {
  return { key, value, timestamp };
}

function sizeOfRecord({ key, value }: NewRecord): number {
  return (key?.length ?? 0) + (value?.length ?? 0) + RECORD_OVERHEAD_MAX;
}

function describe({ recordCount, byteCount }: Replayed): string {
  return `${recordCount} records, ${byteCount} bytes`;
}
