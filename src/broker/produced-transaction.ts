/**
 * The transaction that a produce request writes to (KIP-890), as far as its coordinator must be
 * asked: of each partition where the transaction is not open yet.
 *
 *   add each partition ── start ── false: nobody need be asked, the records are appended at once
 *                           `──── true: verify ── then the records of those that are not refused
 *
 * With Produce v12 and later the question is a request to add the partition to the transaction.
 * The transaction before it may still be ending then: that is waited for, a little, since a produce
 * is expensive to send again.
 */
import type { Clock } from "../base/world.ts";
import type {
  TransactionalOperation,
  TransactionVerifier,
} from "../coordinator/transaction/participants.ts";
import type { Verification } from "../log/verifications.ts";
import type { Partition } from "../partition/partition.ts";
import { ErrorCode, errorName } from "../protocol/error-code.ts";

export interface ProducedTransactionOptions {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly operation: TransactionalOperation;
  /** transaction.partition.verification.enable */
  readonly isVerified: boolean;
  /** add.partitions.to.txn.retry.backoff.ms, and for how long. */
  readonly retryBackoffMs: number;
  readonly retryMaxMs: number;
  readonly verifier: TransactionVerifier;
  readonly clock: Clock;
}

/** What is to be said of one partition. */
export interface ProducedPart {
  readonly partition: Partition;
  readonly sequence: number;
  verification: Verification | null;
  /** Not NONE: nothing may be appended. */
  errorCode: ErrorCode;
  message: string | null;
}

export class ProducedTransaction {
  readonly #options: ProducedTransactionOptions;
  readonly #parts = new Map<Partition, ProducedPart>();

  constructor(options: ProducedTransactionOptions) {
    this.#options = options;
  }

  /** `sequence`: of the first record. */
  add(partition: Partition, sequence: number): void {
    const part = { partition, sequence, verification: null, message: null };
    this.#parts.set(partition, { ...part, errorCode: ErrorCode.NONE });
  }

  partOf(partition: Partition): ProducedPart | null {
    return this.#parts.get(partition) ?? null;
  }

  /** True when the coordinator must be asked before anything is appended. */
  start(): boolean {
    const { operation, isVerified, producerId, producerEpoch } = this.#options;
    const isAdded = operation === "add";
    if (!isAdded && !isVerified) return false;
    let mustVerify = false;
    for (const part of this.#parts.values()) {
      const { partition, sequence } = part;
      const started = partition.startVerification(producerId, sequence, producerEpoch, isAdded);
      part.errorCode = typeof started === "number" ? started : ErrorCode.NONE;
      part.verification = typeof started === "number" ? null : started;
      mustVerify ||= part.verification !== null;
    }
    return mustVerify;
  }

  async verify(): Promise<void> {
    const { clock, operation, retryMaxMs } = this.#options;
    const startMs = clock.monotonicMs();
    await this.#ask();
    while (operation === "add" && this.#isConcurrent()) {
      if (clock.monotonicMs() - startMs >= retryMaxMs) break;
      await this.#backOff();
      if (this.start()) await this.#ask();
    }
    for (const part of this.#parts.values()) tellProducer(part, operation);
  }

  /** Until the transaction before has ended, and not longer than Kafka would wait. */
  async #backOff(): Promise<void> {
    const { clock, retryBackoffMs, transactionalId, verifier } = this.#options;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = clock.schedule(retryBackoffMs, resolve);
    void verifier.whenEnded(transactionalId).then(() => clock.afterTurn(resolve));
    await promise;
    timer.cancel();
  }

  async #ask(): Promise<void> {
    const { transactionalId, producerId, producerEpoch, verifier, operation } = this.#options;
    const asked = [...this.#parts.values()].filter(({ verification }) => verification !== null);
    const partitions = asked.map(({ partition }) => ({
      topic: partition.topic,
      partition: partition.index,
    }));
    const write = { transactionalId, producerId, producerEpoch, partitions };
    const errors = await verifier.verify(write, operation);
    asked.forEach((part, index) => (part.errorCode = errors[index] ?? ErrorCode.NONE));
  }

  #isConcurrent(): boolean {
    for (const { errorCode } of this.#parts.values()) {
      if (errorCode === ErrorCode.CONCURRENT_TRANSACTIONS) return true;
    }
    return false;
  }
}

/** Older producers do not know what coordinators say, and know how to retry this. */
function tellProducer(part: ProducedPart, operation: TransactionalOperation): void {
  switch (part.errorCode) {
    case ErrorCode.INVALID_TXN_STATE:
      part.message = "Partition was not added to the transaction";
      return;
    case ErrorCode.CONCURRENT_TRANSACTIONS:
      if (operation === "add") return;
      break;
    case ErrorCode.NETWORK_EXCEPTION:
    case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
    case ErrorCode.COORDINATOR_NOT_AVAILABLE:
    case ErrorCode.NOT_COORDINATOR:
      break;
    default:
      return;
  }
  part.message =
    "Unable to verify the partition has been added to the transaction. " +
    `Underlying error: ${errorName(part.errorCode)}`;
  part.errorCode = ErrorCode.NOT_ENOUGH_REPLICAS;
}
