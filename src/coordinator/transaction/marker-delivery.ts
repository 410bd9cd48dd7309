/**
 * Brings the end of one transaction to every partition that it touched.
 *
 *   remaining ──┬─ send ──▶ marker written      -> done
 *     ▲         │           partition deleted   -> done
 *     └─ later ─┴───────── not now              -> again, after a while
 *                           coordinator fenced  -> given up: another one does it
 *
 * Invariants: only what is prepared, and committed in the coordinator's log, is sent; `finished` is
 * called once, when nothing remains.
 */
import type { Logger } from "../../base/logger.ts";
import { ErrorCode, errorName } from "../../protocol/error-code.ts";
import type { Deadline } from "../deadlines.ts";
import type { MarkerSender, TransactionMarker, TransactionMarkerResult } from "./participants.ts";
import type { TransactionMetadata } from "./transaction-metadata.ts";
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
    const isRepeated = this.#isRepeated;
    this.#isRepeated = true;
    void this.#options.sender.send([this.#marker()], isRepeated).then(([result]) => {
      if (!this.#isStopped) this.#take(result);
    });
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

  #take(result: TransactionMarkerResult | undefined): void {
    for (const { name, partitions } of result?.topics ?? []) {
      for (const { partitionIndex, errorCode } of partitions) {
        if (this.#isSettled(name, partitionIndex, errorCode as ErrorCode)) {
          this.#forget(name, partitionIndex);
        }
        if (this.#isStopped) return;
      }
    }
    if (this.#remaining.size === 0) return this.#options.finished();
    this.#retry.set(this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS_MAX);
  }

  #isSettled(topic: string, partition: number, errorCode: ErrorCode): boolean {
    const { logger, transactionalId } = this.#options;
    if (errorCode === ErrorCode.NONE) return true;
    const marker = `the marker of ${transactionalId} for ${topic}-${partition}`;
    switch (errorCode) {
      case ErrorCode.TRANSACTION_COORDINATOR_FENCED:
        logger.warn(`${marker} was refused: another coordinator has written there`);
        this.stop();
        return false;
      case ErrorCode.INVALID_PRODUCER_EPOCH:
        // The partition has gone beyond this transaction: nothing of it is open there.
        logger.warn(`${marker} was refused: its producer is past that epoch`);
        return true;
      case ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT:
      case ErrorCode.UNSUPPORTED_VERSION:
        // So nothing of a transaction can have been written there either.
        logger.warn(`${marker} was refused: ${errorName(errorCode)}`);
        return true;
      default:
        logger.info(`${marker} is sent again: ${errorName(errorCode)}`);
        return false;
    }
  }

  #forgetDeleted(): void {
    const { sender, logger, transactionalId } = this.#options;
    for (const [topic, indexes] of this.#remaining) {
      for (const partition of indexes) {
        if (sender.hasPartition(topic, partition)) continue;
        logger.info(`${transactionalId} has no marker for ${topic}-${partition}: it is deleted`);
        this.#forget(topic, partition);
      }
    }
  }

  #forget(topic: string, partition: number): void {
    const indexes = this.#remaining.get(topic);
    indexes?.delete(partition);
    if (indexes?.size === 0) this.#remaining.delete(topic);
  }
}
