/**
 * The transactional ids of one partition of `__transaction_state`.
 *
 *   request ──▶ an operation here ──▶ { records, response }
 *                                          │ appended by the runtime
 *   log ──▶ apply(record) ◀────────────────┤
 *                                          │ committed
 *                        Prepare* ◀────────┴──▶ markers to the partitions ──▶ Complete*
 *
 * Invariants: what is known of an id is what its last record says; `open` has the ids of Ongoing
 * transactions, and no others; while a shard is active, each id in Prepare* has a delivery, or will
 * have one when its record is committed. A marker is never sent before that.
 */
import type { Logger } from "../../base/logger.ts";
import type { Clock } from "../../base/world.ts";
import { ErrorCode, errorName } from "../../protocol/error-code.ts";
import { answered, NO_EFFECTS, type Effects, type Outcome } from "../outcome.ts";
import type { CoordinatorState, ShardContext } from "../shard.ts";
import { endStep, type EndRequest } from "./end-transaction.ts";
import { initStep, type InitRequest } from "./init-producer-id.ts";
import { MarkerDelivery } from "./marker-delivery.ts";
import type { MarkerSender, TopicPartition } from "./participants.ts";
import * as steps from "./transaction-metadata.ts";
import type { ProducerIdAndEpoch, TransactionMetadata } from "./transaction-metadata.ts";
import { hasPartition, type TransactionPartitions } from "./transaction-partitions.ts";
import type { TransactionRecord } from "./transaction-records.ts";

type Answer<T> = Outcome<TransactionRecord, T>;

export interface TransactionContext extends ShardContext<TransactionRecord> {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly sender: MarkerSender;
  /** transaction.version, as of now. */
  readonly transactionVersion: () => number;
}

/** The operation cannot go on without a producer id that nobody has: run it again with one. */
export const NEEDS_PRODUCER_ID = Symbol("needs a producer id");
export type NeedsProducerId = typeof NEEDS_PRODUCER_ID;

export interface ProducerAnswer extends ProducerIdAndEpoch {
  readonly errorCode: ErrorCode;
}

export interface AddRequest extends ProducerIdAndEpoch {
  readonly partitions: readonly TopicPartition[];
  readonly clientTransactionVersion: number;
}

export interface TimedOut extends ProducerIdAndEpoch {
  readonly transactionalId: string;
}

/** After a log that could not take what completes a transaction. */
const COMPLETE_RETRY_MS = 500;

export class TransactionShard implements CoordinatorState<TransactionRecord> {
  readonly transactions = new Map<string, TransactionMetadata>();
  /** When each open transaction began, on the monotonic clock. */
  readonly #open = new Map<string, number>();
  readonly #deliveries = new Map<string, MarkerDelivery>();
  /** Who waits for the end of a transaction that is decided. */
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();
  readonly #context: TransactionContext;

  constructor(context: TransactionContext) {
    this.#context = context;
  }

  // ---- The log -----------------------------------------------------------------------------

  apply({ transactionalId, metadata }: TransactionRecord): void {
    const before = this.transactions.get(transactionalId);
    if (metadata === null) this.transactions.delete(transactionalId);
    else this.transactions.set(transactionalId, metadata);
    if (metadata === null || !steps.isOpen(metadata)) this.#open.delete(transactionalId);
    else if (before?.startTimestampMs !== metadata.startTimestampMs || !steps.isOpen(before)) {
      this.#open.set(transactionalId, this.#startMsOf(metadata));
    }
    if (this.#waiting.size > 0 && (metadata === null || !steps.isEnding(metadata))) {
      this.#waiting.get(transactionalId)?.resolve();
      this.#waiting.delete(transactionalId);
    }
  }

  /** Nobody writes transactions into the log of transactions. */
  endTransaction(): void {}

  /** What was decided in an earlier life is done now. */
  loaded(): void {
    for (const [transactionalId, metadata] of this.transactions) {
      if (steps.isEnding(metadata)) this.#deliverWhenCommitted(transactionalId, metadata, true);
    }
  }

  unloaded(): void {
    for (const delivery of this.#deliveries.values()) delivery.stop();
    this.#deliveries.clear();
    for (const { resolve } of this.#waiting.values()) resolve();
    this.#waiting.clear();
  }

  /** Partitions have other leaders: markers may find them now. */
  leadersChanged(): void {
    for (const delivery of [...this.#deliveries.values()]) delivery.hurry();
  }

  // ---- Producers ---------------------------------------------------------------------------

  initProducerId(
    transactionalId: string,
    request: InitRequest,
  ): Answer<ProducerAnswer | NeedsProducerId> {
    const from = this.transactions.get(transactionalId);
    const step = initStep(from, request, this.#nowMs());
    switch (step.kind) {
      case "refuse":
        return answered(noProducer(step.errorCode));
      case "needsProducerId":
        return answered(NEEDS_PRODUCER_ID);
      case "initialize":
        return { records: [this.#record(transactionalId, step.next)], response: ready(step.next) };
      case "fence": {
        const aborted = this.#fence(transactionalId, from!, request.newProducerId);
        if (aborted === NEEDS_PRODUCER_ID) return answered(NEEDS_PRODUCER_ID);
        // The client asks again, and gets its epoch when the abort is complete.
        return { ...aborted, response: noProducer(ErrorCode.CONCURRENT_TRANSACTIONS) };
      }
    }
  }

  end(transactionalId: string, request: EndRequest): Answer<ProducerAnswer | NeedsProducerId> {
    const from = this.transactions.get(transactionalId);
    const step = endStep(from, request, this.#nowMs());
    const tellsProducer = request.clientTransactionVersion >= steps.EPOCH_BUMP_VERSION;
    switch (step.kind) {
      case "refuse":
        return answered(noProducer(step.errorCode));
      case "needsProducerId":
        return answered(NEEDS_PRODUCER_ID);
      case "done":
        return answered(tellsProducer ? ready(from!) : noProducer(ErrorCode.NONE));
      case "prepare": {
        if (!this.#canRecord(step.next)) return answered(noProducer(ErrorCode.UNSUPPORTED_VERSION));
        const response = tellsProducer
          ? ready(steps.nextProducer(step.next))
          : noProducer(ErrorCode.NONE);
        return { ...this.#prepare(transactionalId, step.next), response };
      }
    }
  }

  // ---- Partitions --------------------------------------------------------------------------

  add(transactionalId: string, request: AddRequest): Answer<ErrorCode> {
    const from = this.transactions.get(transactionalId);
    if (from === undefined) return answered(ErrorCode.INVALID_PRODUCER_ID_MAPPING);
    // First of all: the producer may be using the id that it gets when the transaction has ended.
    if (steps.isEnding(from)) return answered(ErrorCode.CONCURRENT_TRANSACTIONS);
    const error = producerError(from, request);
    if (error !== ErrorCode.NONE) return answered(error);
    const { partitions, clientTransactionVersion } = request;
    const isIn = (partition: TopicPartition): boolean => hasPartition(from.partitions, partition);
    if (steps.isOpen(from) && partitions.every(isIn)) return answered(ErrorCode.NONE);
    const next = steps.withAdded(from, partitions, clientTransactionVersion, this.#nowMs());
    if (!this.#canRecord(next)) return answered(ErrorCode.UNSUPPORTED_VERSION);
    return { records: [this.#record(transactionalId, next)], response: ErrorCode.NONE };
  }

  /** One error code for each partition. */
  verify(transactionalId: string, request: Omit<AddRequest, "clientTransactionVersion">) {
    const { partitions } = request;
    const all = (error: ErrorCode) => answered(partitions.map(() => error));
    const from = this.transactions.get(transactionalId);
    if (from === undefined) return all(ErrorCode.INVALID_PRODUCER_ID_MAPPING);
    const error = producerError(from, request);
    if (error !== ErrorCode.NONE) return all(error);
    if (steps.isEnding(from)) return all(ErrorCode.CONCURRENT_TRANSACTIONS);
    return answered(
      partitions.map((partition) =>
        hasPartition(from.partitions, partition) ? ErrorCode.NONE : ErrorCode.TRANSACTION_ABORTABLE,
      ),
    );
  }

  /** Resolves when the transaction is not on its way to its end. */
  whenEnded(transactionalId: string): Promise<void> {
    const metadata = this.transactions.get(transactionalId);
    if (metadata === undefined || !steps.isEnding(metadata)) return Promise.resolve();
    let waiting = this.#waiting.get(transactionalId);
    if (waiting === undefined) {
      waiting = Promise.withResolvers<void>();
      this.#waiting.set(transactionalId, waiting);
    }
    return waiting.promise;
  }

  /** Those that have no marker yet, where the transaction is ending. */
  partitionsOf(transactionalId: string): TransactionPartitions {
    const { partitions } = this.transactions.get(transactionalId)!;
    return this.#deliveries.get(transactionalId)?.remaining ?? partitions;
  }

  // ---- Time --------------------------------------------------------------------------------

  /** Open transactions that have taken longer than their producer said. */
  timedOut(): TimedOut[] {
    const found: TimedOut[] = [];
    const nowMs = this.#context.clock.monotonicMs();
    for (const [transactionalId, startMs] of this.#open) {
      const { producerId, producerEpoch, timeoutMs } = this.transactions.get(transactionalId)!;
      if (nowMs - startMs <= timeoutMs || !steps.mayTimeOut(timeoutMs)) continue;
      found.push({ transactionalId, producerId, producerEpoch });
    }
    return found;
  }

  /** Its producer is shut out; unless it has ended by itself meanwhile. */
  abortTimedOut(
    { transactionalId, producerId, producerEpoch }: TimedOut,
    newProducerId: number | null,
  ): Answer<ErrorCode | NeedsProducerId> {
    const from = this.transactions.get(transactionalId);
    if (from === undefined || from.producerId !== producerId) {
      return answered(ErrorCode.INVALID_PRODUCER_ID_MAPPING);
    }
    if (from.producerEpoch !== producerEpoch) return answered(ErrorCode.PRODUCER_FENCED);
    if (!steps.isOpen(from)) return answered(ErrorCode.INVALID_TXN_STATE);
    const aborted = this.#fence(transactionalId, from, newProducerId);
    if (aborted === NEEDS_PRODUCER_ID) return answered(NEEDS_PRODUCER_ID);
    return { ...aborted, response: ErrorCode.NONE };
  }

  /** Ids that nobody has used for so long. */
  expired(expirationMs: number): string[] {
    const untilMs = this.#nowMs() - expirationMs;
    const found: string[] = [];
    for (const [transactionalId, metadata] of this.transactions) {
      if (isExpired(metadata, untilMs)) found.push(transactionalId);
    }
    return found;
  }

  /** Forgets those that are still expired; answers how many. */
  forget(transactionalIds: readonly string[], expirationMs: number): Answer<number> {
    const untilMs = this.#nowMs() - expirationMs;
    const records: TransactionRecord[] = [];
    for (const transactionalId of transactionalIds) {
      const metadata = this.transactions.get(transactionalId);
      if (metadata === undefined || !isExpired(metadata, untilMs)) continue;
      records.push({ transactionalId, metadata: null, version: 0 });
    }
    return { records, isAtomic: false, response: records.length };
  }

  // ---- Helpers -----------------------------------------------------------------------------

  #fence(
    transactionalId: string,
    from: TransactionMetadata,
    newProducerId: number | null,
  ): Effects<TransactionRecord> | NeedsProducerId {
    const version = this.#context.transactionVersion();
    const isExhausted =
      version >= steps.EPOCH_BUMP_VERSION && steps.isEpochExhausted(from.producerEpoch);
    if (isExhausted && newProducerId === null) return NEEDS_PRODUCER_ID;
    const nextProducerId = isExhausted ? newProducerId! : steps.NO_PRODUCER_ID;
    const next = steps.fenced(from, version, nextProducerId, this.#nowMs());
    return this.#prepare(transactionalId, next);
  }

  #prepare(transactionalId: string, next: TransactionMetadata): Effects<TransactionRecord> {
    return {
      records: [this.#record(transactionalId, next)],
      applied: () => this.#deliverWhenCommitted(transactionalId, next, false),
    };
  }

  #deliverWhenCommitted(id: string, prepared: TransactionMetadata, isRepeated: boolean): void {
    this.#context.park((error) => {
      if (error === ErrorCode.NONE) this.#deliver(id, prepared, isRepeated);
      // However long it takes: it is decided.
      else if (error !== ErrorCode.NOT_COORDINATOR) {
        this.#deliverWhenCommitted(id, prepared, isRepeated);
      }
    });
  }

  #deliver(transactionalId: string, metadata: TransactionMetadata, isRepeated: boolean): void {
    const { sender, logger, leaderEpoch, deadline } = this.#context;
    const delivery = new MarkerDelivery(
      {
        transactionalId,
        metadata,
        sender,
        logger,
        coordinatorEpoch: leaderEpoch,
        deadline: (expire) => deadline(() => (expire(), NO_EFFECTS)),
        finished: () => this.#complete(transactionalId, metadata),
      },
      isRepeated,
    );
    this.#deliveries.set(transactionalId, delivery);
    delivery.send();
  }

  #complete(transactionalId: string, prepared: TransactionMetadata): void {
    const { perform, deadline, logger } = this.#context;
    const next = steps.completed(prepared, this.#nowMs());
    const error = perform({
      records: [this.#record(transactionalId, next)],
      applied: () => this.#deliveries.delete(transactionalId),
    });
    if (error === ErrorCode.NONE || error === ErrorCode.NOT_COORDINATOR) return;
    logger.warn(`${transactionalId} is not completed yet: ${errorName(error)}`);
    const again = deadline(() => (this.#complete(transactionalId, prepared), NO_EFFECTS));
    again.set(COMPLETE_RETRY_MS);
  }

  /** While transaction.version is 0, records have no place for what newer clients do. */
  #canRecord({ clientTransactionVersion }: TransactionMetadata): boolean {
    return (
      clientTransactionVersion === 0 ||
      steps.logValueVersion(this.#context.transactionVersion()) > 0
    );
  }

  #record(transactionalId: string, metadata: TransactionMetadata): TransactionRecord {
    const version = steps.logValueVersion(this.#context.transactionVersion());
    return { transactionalId, metadata, version };
  }

  /** Only what began in an earlier life is dated by the wall clock, which may jump. */
  #startMsOf({ startTimestampMs }: TransactionMetadata): number {
    const { clock } = this.#context;
    return clock.monotonicMs() - Math.max(0, clock.wallMs() - startTimestampMs);
  }

  #nowMs(): number {
    return this.#context.clock.wallMs();
  }
}

function isExpired(metadata: TransactionMetadata, untilMs: number): boolean {
  if (steps.isOpen(metadata) || steps.isEnding(metadata)) return false;
  return metadata.lastUpdateTimestampMs <= untilMs;
}

function producerError(from: TransactionMetadata, given: ProducerIdAndEpoch): ErrorCode {
  if (from.producerId !== given.producerId) return ErrorCode.INVALID_PRODUCER_ID_MAPPING;
  return from.producerEpoch === given.producerEpoch ? ErrorCode.NONE : ErrorCode.PRODUCER_FENCED;
}

function ready({ producerId, producerEpoch }: ProducerIdAndEpoch): ProducerAnswer {
  return { errorCode: ErrorCode.NONE, producerId, producerEpoch };
}

function noProducer(errorCode: ErrorCode): ProducerAnswer {
  const { NO_PRODUCER_ID: producerId, NO_PRODUCER_EPOCH: producerEpoch } = steps;
  return { errorCode, producerId, producerEpoch };
}
