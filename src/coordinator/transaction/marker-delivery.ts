/**
 * Brings the end of one transaction to every partition that it touched.
 *
 *   remaining ──┬─ send ──▶ marker written      -> done
 *     ▲         │           partition deleted   -> done
 *     └─ later ─┴───────── not now              -> again, after a while, or with a new leader
 *                           coordinator fenced  -> given up: another one does it
 *
 * Invariants: only what is prepared, and committed in the coordinator's log, is sent; `finished` is
 * called once, when nothing remains.
 */
import type { Logger } from "../../base/logger.ts";
import { ErrorCode, errorName } from "../../protocol/error-code.ts";
import type { Deadline } from "../deadlines.ts";
import type { MarkerSender, TransactionMarker, TransactionMarkerResult } from "./participants.ts";
import { EPOCH_BUMP_VERSION, type TransactionMetadata } from "./transaction-metadata.ts";
import type { TransactionPartitions } from "./transaction-partitions.ts";
import { TransactionState } from "./transaction-state.ts";

export interface DeliveryOptions {
  readonly transactionalId: string;
  readonly metadata: TransactionMetadata;
  readonly sender: MarkerSender;
  readonly logger: Logger;
  readonly coordinatorEpoch: () => number;
  readonly deadline: (expire: () => void) => Deadline;
  readonly finished: () => void;
}

interface Failed {
  readonly count: number;
  readonly last: string;
}

const RETRY_MS_MIN = 20;
const RETRY_MS_MAX = 1_000;

export class MarkerDelivery {
  readonly #options: DeliveryOptions;
  readonly #remaining: Map<string, Set<number>>;
  readonly #retry: Deadline;
  #retryMs = RETRY_MS_MIN;
  #isRepeated: boolean;
  #isStopped = false;

  /** `isRepeated`: another coordinator, or this one in an earlier life, may have sent some. */
  constructor(options: DeliveryOptions, isRepeated: boolean) {
    this.#options = options;
    this.#isRepeated = isRepeated;
    const { partitions } = options.metadata;
    this.#remaining = new Map([...partitions].map(([topic, indexes]) => [topic, new Set(indexes)]));
    this.#retry = options.deadline(() => this.send());
  }

  /** Partitions that wait for their marker. */
  get remaining(): TransactionPartitions {
    return this.#remaining;
  }

  send(): void {
    this.#forgetDeleted();
    if (this.#remaining.size === 0) return this.#options.finished();
    // A marker with an epoch of its own can be told from all others: it is never written twice.
    const isTellable = this.#options.metadata.clientTransactionVersion >= EPOCH_BUMP_VERSION;
    const isRepeated = this.#isRepeated || isTellable;
    this.#isRepeated = true;
    const isWanted = () => !this.#isStopped;
    const sent = { marker: this.#marker(), isRepeated, isWanted };
    void this.#options.sender.send(sent).then((result) => {
      if (isWanted()) this.#take(result);
    });
  }

  /** Leaders have changed: what waits for its next attempt need not any longer. */
  hurry(): void {
    if (!this.#retry.isSet) return;
    this.#retry.cancel();
    this.#retryMs = RETRY_MS_MIN;
    this.send();
  }

  /** Nothing comes of what is under way. */
  stop(): void {
    this.#isStopped = true;
    this.#retry.cancel();
  }

  #marker(): TransactionMarker {
    const { metadata, coordinatorEpoch } = this.#options;
    return {
      producerId: metadata.producerId,
      producerEpoch: metadata.producerEpoch,
      transactionResult: metadata.state === TransactionState.PREPARE_COMMIT,
      topics: [...this.#remaining].map(([name, indexes]) => ({
        name,
        partitionIndexes: [...indexes],
      })),
      coordinatorEpoch: coordinatorEpoch(),
      transactionVersion: metadata.clientTransactionVersion,
    };
  }

  #take({ topics }: TransactionMarkerResult): void {
    const failed = new Map<ErrorCode, Failed>();
    for (const { name, partitions } of topics) {
      for (const { partitionIndex, errorCode } of partitions) {
        const error = errorCode as ErrorCode;
        if (isSettled(error)) this.#forget(name, partitionIndex);
        if (error === ErrorCode.NONE) continue;
        const count = (failed.get(error)?.count ?? 0) + 1;
        failed.set(error, { count, last: `${name}-${partitionIndex}` });
      }
    }
    for (const [error, { count, last }] of failed) this.#tell(error, count, last);
    if (failed.has(ErrorCode.TRANSACTION_COORDINATOR_FENCED)) return this.stop();
    if (this.#remaining.size === 0) return this.#options.finished();
    this.#retry.set(this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS_MAX);
  }

  /** One line, however many partitions there are. */
  #tell(error: ErrorCode, count: number, last: string): void {
    const { logger, transactionalId } = this.#options;
    const markers = `${count} markers of ${transactionalId}, the last for ${last},`;
    switch (error) {
      case ErrorCode.TRANSACTION_COORDINATOR_FENCED:
        return logger.warn(`${markers} were refused: another coordinator has written there`);
      case ErrorCode.INVALID_PRODUCER_EPOCH:
        return logger.warn(`${markers} were refused: the producer is past that epoch there`);
      default:
        logger.info(
          isSettled(error)
            ? `${markers} cannot be written: ${errorName(error)}`
            : `${markers} are sent again: ${errorName(error)}`,
        );
    }
  }

  #forgetDeleted(): void {
    const { sender, logger, transactionalId } = this.#options;
    let count = 0;
    for (const [topic, indexes] of this.#remaining) {
      for (const partition of indexes) {
        if (sender.hasPartition(topic, partition)) continue;
        this.#forget(topic, partition);
        count++;
      }
    }
    if (count > 0) logger.info(`${count} partitions of ${transactionalId} are deleted meanwhile`);
  }

  #forget(topic: string, partition: number): void {
    const indexes = this.#remaining.get(topic);
    indexes?.delete(partition);
    if (indexes?.size === 0) this.#remaining.delete(topic);
  }
}

/** The partition needs no marker any more. */
function isSettled(error: ErrorCode): boolean {
  switch (error) {
    case ErrorCode.NONE:
    // It has gone beyond this transaction: nothing of it is open there.
    case ErrorCode.INVALID_PRODUCER_EPOCH:
    // It can have no markers, so nothing of a transaction was written there either.
    case ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT:
    case ErrorCode.UNSUPPORTED_VERSION:
      return true;
    default:
      return false;
  }
}
