/**
 * The transaction coordinator as request handlers see it: one method for each request, which
 * resolves with what to answer. It never rejects.
 *
 * Here requests are checked before any transactional id is looked at, and time is kept; the ids
 * themselves live in the shards (transaction-shard.ts).
 */
import type { Logger } from "../../base/logger.ts";
import type { Clock } from "../../base/world.ts";
import { CompressionType } from "../../protocol/compression.ts";
import { TRANSACTION_STATE_TOPIC } from "../../metadata/internal-topics.ts";
import { ErrorCode, errorName } from "../../protocol/error-code.ts";
import { NO_SEQUENCE } from "../../protocol/record-batch.ts";
import { answered, type Outcome } from "../outcome.ts";
import { Periodic } from "../periodic.ts";
import { CoordinatorRuntime } from "../runtime.ts";
import {
  errorForWriter,
  type MarkerSender,
  type TransactionalOperation,
  type TransactionalWrite,
  type TransactionVerifier,
} from "./participants.ts";
import type { TransactionConfig } from "./transaction-config.ts";
import {
  describeTransaction,
  listed,
  type ListTransactionsRequest,
  matching,
  type TransactionDescription,
  transactionFilter,
  type TransactionListing,
  undescribed,
} from "./transaction-listing.ts";
import {
  EPOCH_BUMP_VERSION,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  type ProducerIdAndEpoch,
  UNBOUNDED_TIMEOUT_MS,
} from "./transaction-metadata.ts";
import { type TransactionRecord, transactionRecordCodec } from "./transaction-records.ts";
import {
  type AddRequest,
  NEEDS_PRODUCER_ID,
  type NeedsProducerId,
  type ProducerAnswer,
  type TimedOut,
  TransactionShard,
} from "./transaction-shard.ts";

export interface TransactionCoordinatorOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config: TransactionConfig;
  readonly sender: MarkerSender;
  /** One that no producer of the cluster has. */
  readonly newProducerId: () => Promise<{
    readonly errorCode: ErrorCode;
    readonly producerId: number;
  }>;
  /** transaction.version, as of now. */
  readonly transactionVersion: () => number;
  /** Partitions of `__transaction_state`: as it is, or as it will be made. */
  readonly partitionCount: () => number;
}

export interface InitProducerIdRequest {
  readonly transactionalId: string;
  readonly transactionTimeoutMs: number;
  readonly enable2Pc: boolean;
  readonly keepPreparedTxn: boolean;
  /** What the producer had; null when it begins. */
  readonly expected: ProducerIdAndEpoch | null;
}

export interface EndTransactionRequest extends ProducerIdAndEpoch {
  readonly transactionalId: string;
  readonly isCommit: boolean;
  readonly clientTransactionVersion: number;
}

export interface TransactionList {
  readonly errorCode: ErrorCode;
  readonly unknownStateFilters: string[];
  readonly transactionStates: TransactionListing[];
}

/** Transactions that are aborted in one go: others have their turn in between. */
const ABORTED_COUNT_MAX = 200;
/** Ids that are forgotten in one go. */
const EXPIRED_COUNT_MAX = 1_000;

export class TransactionCoordinator implements TransactionVerifier {
  readonly #options: TransactionCoordinatorOptions;
  /** Whose partition is whose. */
  readonly runtime: CoordinatorRuntime<TransactionShard, TransactionRecord>;
  readonly #periodic: Periodic;

  constructor(options: TransactionCoordinatorOptions) {
    const { clock, logger, config, sender, transactionVersion, partitionCount } = options;
    this.#options = options;
    this.runtime = new CoordinatorRuntime({
      topic: TRANSACTION_STATE_TOPIC,
      clock,
      logger,
      codec: transactionRecordCodec,
      createState: (context) =>
        new TransactionShard({ ...context, clock, logger, sender, transactionVersion }),
      commitTimeoutMs: config.requestTimeoutMs,
      loadSizeMax: config.transactionStateLogLoadBufferSize,
      compression: CompressionType.NONE,
      baseSequence: NO_SEQUENCE,
      appendLingerMs: () => 0,
      partitionCount,
      stoppedError: ErrorCode.NOT_COORDINATOR,
    });
    this.#periodic = new Periodic(clock);
    this.#periodic.every(
      () => config.transactionAbortTimedOutTransactionCleanupIntervalMs,
      () => this.#abortTimedOut(),
    );
    this.#periodic.every(
      () => config.transactionRemoveExpiredTransactionCleanupIntervalMs,
      () => this.#removeExpired(),
    );
  }

  // ---- Life --------------------------------------------------------------------------------

  /** Looks at the shards that are here and loaded. */
  forEachShard(look: (shard: TransactionShard) => void): void {
    this.runtime.forEach(look);
  }

  leadersChanged(): void {
    this.runtime.forEach((shard) => shard.leadersChanged());
  }

  stop(): void {
    this.#periodic.stop();
    this.runtime.stop();
  }

  // ---- Producers ---------------------------------------------------------------------------

  async initProducerId(request: InitProducerIdRequest): Promise<ProducerAnswer> {
    const { transactionalId, enable2Pc, expected } = request;
    const error = this.#checkInit(request);
    if (error !== ErrorCode.NONE) return refusedProducer(error);
    const timeoutMs = enable2Pc ? UNBOUNDED_TIMEOUT_MS : request.transactionTimeoutMs;
    return this.#runWithId(
      transactionalId,
      (shard, newProducerId) =>
        shard.initProducerId(transactionalId, { timeoutMs, expected, newProducerId }),
      refusedProducer,
    );
  }

  async endTransaction(request: EndTransactionRequest): Promise<ProducerAnswer> {
    const { transactionalId } = request;
    if (transactionalId === "") return refusedProducer(ErrorCode.INVALID_REQUEST);
    return this.#runWithId(
      transactionalId,
      (shard, newProducerId) => shard.end(transactionalId, { ...request, newProducerId }),
      refusedProducer,
    );
  }

  // ---- Partitions --------------------------------------------------------------------------

  /** One answer for all of them: they belong to the transaction, or none was added. */
  async addPartitions(transactionalId: string, request: AddRequest): Promise<ErrorCode> {
    if (transactionalId === "") return ErrorCode.INVALID_REQUEST;
    return this.#run<ErrorCode>(
      transactionalId,
      (shard) => shard.add(transactionalId, request),
      (error) => error,
    );
  }

  /** One error code for each partition: whether it belongs to the transaction. */
  async verifyPartitions(
    transactionalId: string,
    request: Omit<AddRequest, "clientTransactionVersion">,
  ): Promise<ErrorCode[]> {
    const all = (error: ErrorCode): ErrorCode[] => request.partitions.map(() => error);
    if (transactionalId === "") return all(ErrorCode.INVALID_REQUEST);
    return this.#run(transactionalId, (shard) => shard.verify(transactionalId, request), all);
  }

  async verify(
    { transactionalId, ...write }: TransactionalWrite,
    operation: TransactionalOperation,
  ): Promise<ErrorCode[]> {
    if (operation !== "add") {
      const errors = await this.verifyPartitions(transactionalId, write);
      return errors.map((error) => errorForWriter(error, operation));
    }
    const request = { ...write, clientTransactionVersion: EPOCH_BUMP_VERSION };
    const error = await this.addPartitions(transactionalId, request);
    return write.partitions.map(() => errorForWriter(error, operation));
  }

  whenEnded(transactionalId: string): Promise<void> {
    return this.#run<void>(
      transactionalId,
      (shard) => answered(shard.whenEnded(transactionalId)),
      () => undefined,
    );
  }

  // ---- Tools -------------------------------------------------------------------------------

  async describe(transactionalId: string): Promise<TransactionDescription> {
    const failure = (error: ErrorCode): TransactionDescription =>
      undescribed(transactionalId, error);
    if (!this.runtime.isActive) return failure(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    if (transactionalId === "") return failure(ErrorCode.INVALID_REQUEST);
    return this.#run(
      transactionalId,
      (shard) => answered(describeTransaction(shard, transactionalId)),
      failure,
    );
  }

  async list(request: ListTransactionsRequest): Promise<TransactionList> {
    if (!this.runtime.isActive) return emptyList(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    const filter = transactionFilter(request);
    if (filter === null) return emptyList(ErrorCode.INVALID_REGULAR_EXPRESSION);
    const { clock } = this.#options;
    const nowMs = clock.wallMs();
    const lists = await this.runtime.runAll<TransactionListing[] | ErrorCode>(
      (shard) => answered(listed(shard, filter, nowMs)),
      // A partition that has just left this node is another node's to list.
      (error) => (error === ErrorCode.NOT_COORDINATOR ? [] : error),
    );
    const all: TransactionListing[] = [];
    for (const list of lists) {
      if (typeof list === "number") return emptyList(list);
      for (const listing of list) all.push(listing);
    }
    const { pattern, unknownStates } = filter;
    return {
      errorCode: ErrorCode.NONE,
      unknownStateFilters: [...unknownStates],
      transactionStates: pattern === null ? all : await matching(all, pattern, clock),
    };
  }

  // ---- Time --------------------------------------------------------------------------------

  async #abortTimedOut(): Promise<void> {
    const found = await this.runtime.runAll<TimedOut[]>(
      (shard) => answered(shard.timedOut()),
      () => [],
    );
    const all = found.flat();
    while (all.length > 0) {
      const some = all.splice(-ABORTED_COUNT_MAX);
      await Promise.all(some.map((timedOut) => this.#abort(timedOut)));
    }
  }

  async #abort(timedOut: TimedOut): Promise<void> {
    const { transactionalId } = timedOut;
    const error = await this.#runWithId<ErrorCode>(
      transactionalId,
      (shard, newProducerId) => shard.abortTimedOut(timedOut, newProducerId),
      (failure) => failure,
    );
    const outcome = error === ErrorCode.NONE ? "aborted" : `not aborted: ${errorName(error)}`;
    this.#options.logger.info(`the transaction of ${transactionalId} timed out and is ${outcome}`);
  }

  async #removeExpired(): Promise<void> {
    const { logger, config } = this.#options;
    const expirationMs = config.transactionalIdExpirationMs;
    const found = await this.runtime.runAll<string[]>(
      (shard) => answered(shard.expired(expirationMs)),
      () => [],
    );
    let count = 0;
    for (const ids of found) {
      while (ids.length > 0) {
        const some = ids.splice(-EXPIRED_COUNT_MAX);
        count += await this.#run(
          some[0]!,
          (shard) => shard.forget(some, expirationMs),
          () => 0,
        );
      }
    }
    if (count > 0) logger.info(`${count} transactional ids have expired`);
  }

  // ---- Helpers -----------------------------------------------------------------------------

  #checkInit(request: InitProducerIdRequest): ErrorCode {
    const { transactionMaxTimeoutMs, transactionTwoPhaseCommitEnable } = this.#options.config;
    const { enable2Pc, transactionTimeoutMs } = request;
    if (request.transactionalId === "") return ErrorCode.INVALID_REQUEST;
    if (enable2Pc && !transactionTwoPhaseCommitEnable) {
      return ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    }
    // KIP-939: Kafka 4.3 takes the flag, and does not keep anything yet.
    if (request.keepPreparedTxn) return ErrorCode.UNSUPPORTED_VERSION;
    const isWithin = transactionTimeoutMs > 0 && transactionTimeoutMs <= transactionMaxTimeoutMs;
    return enable2Pc || isWithin ? ErrorCode.NONE : ErrorCode.INVALID_TRANSACTION_TIMEOUT;
  }

  /** Runs the operation again with a new producer id where it cannot go on without. */
  async #runWithId<T>(
    transactionalId: string,
    operation: (
      shard: TransactionShard,
      newProducerId: number | null,
    ) => Outcome<TransactionRecord, T | NeedsProducerId>,
    failure: (error: ErrorCode) => T,
  ): Promise<T> {
    let newProducerId: number | null = null;
    for (;;) {
      const given: number | null = newProducerId;
      const answer = await this.#run<T | NeedsProducerId>(
        transactionalId,
        (shard) => operation(shard, given),
        failure,
      );
      if (answer !== NEEDS_PRODUCER_ID) return answer;
      const made = await this.#options.newProducerId();
      if (made.errorCode !== ErrorCode.NONE) return failure(made.errorCode);
      newProducerId = made.producerId;
    }
  }

  #run<T>(
    transactionalId: string,
    operation: (shard: TransactionShard) => Outcome<TransactionRecord, T>,
    failure: (error: ErrorCode) => T,
  ): Promise<T> {
    return this.runtime.runFor(transactionalId, operation, failure);
  }
}

function refusedProducer(errorCode: ErrorCode): ProducerAnswer {
  return { errorCode, producerId: NO_PRODUCER_ID, producerEpoch: NO_PRODUCER_EPOCH };
}

function emptyList(errorCode: ErrorCode): TransactionList {
  return { errorCode, unknownStateFilters: [], transactionStates: [] };
}
