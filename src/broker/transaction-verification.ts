/**
 * Asks the coordinator of a transaction whether a write belongs to it, or to add it (KIP-890),
 * wherever it is coordinated: on this node directly, elsewhere with AddPartitionsToTxn. Kafka's
 * AddPartitionsToTxnManager.
 *
 *   write ─┬─ coordinated here ──▶ TransactionCoordinator
 *          ├─ by broker 2 ───────▶ [ one for each id ] ─▶ AddPartitionsToTxn ─▶ broker 2
 *          └─ by nobody ─────────▶ COORDINATOR_NOT_AVAILABLE
 *
 * Invariant: of each transactional id one write waits. Whoever comes behind it with the same epoch
 * tries again, since nobody heard of the first; a newer producer shuts an older one out.
 */
import { Histogram } from "../base/histogram.ts";
import type { Logger } from "../base/logger.ts";
import type { Clock } from "../base/world.ts";
import { NodeError } from "../client/node-error.ts";
import type { NodePeer } from "../client/node-peer.ts";
import { coordinatorPartitionFor } from "../coordinator/java-hash.ts";
import {
  errorForWriter,
  type TopicPartition,
  type TransactionalOperation,
  type TransactionalWrite,
  type TransactionVerifier,
} from "../coordinator/transaction/participants.ts";
import type { MetadataImage } from "../metadata/image.ts";
import { TRANSACTION_STATE_TOPIC } from "../metadata/internal-topics.ts";
import { ErrorCode, errorName } from "../protocol/error-code.ts";
import { addPartitionsToTxn } from "../protocol/messages/24-add-partitions-to-txn.ts";
import type { Value } from "../protocol/schema.ts";
import { BrokerGatherers } from "./request-gatherer.ts";

export interface TransactionVerificationOptions {
  readonly nodeId: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly image: () => Pick<MetadataImage, "topics" | "cluster">;
  /** Of this node. */
  readonly coordinator: () => TransactionVerifier;
  readonly peers: { to(brokerId: number): NodePeer | null };
  /** request.timeout.ms */
  readonly timeoutMs: () => number;
}

type Response = Value<typeof addPartitionsToTxn.response>;
type Transaction = Value<typeof addPartitionsToTxn.request>["transactions"][number];

interface Entry {
  readonly write: TransactionalWrite;
  readonly operation: TransactionalOperation;
  readonly answer: (errors: ErrorCode[]) => void;
}

/** Since when it has many transactions, and can be asked for a look alone. */
const BROKER_VERSION = 4;
const US_PER_MS = 1000;

export class TransactionVerification implements TransactionVerifier {
  readonly #options: TransactionVerificationOptions;
  readonly #gatherers: BrokerGatherers<Entry>;
  /** Until the coordinator has answered, wherever it is. */
  readonly answersUs = new Histogram();
  /** Partitions that may not be written. */
  refusedCount = 0;

  constructor(options: TransactionVerificationOptions) {
    this.#options = options;
    this.#gatherers = new BrokerGatherers({
      clock: options.clock,
      partitionCountOf: ({ write }) => write.partitions.length,
      send: (brokerId, entries) => this.#request(brokerId, entries),
    });
  }

  async verify(write: TransactionalWrite, operation: TransactionalOperation): Promise<ErrorCode[]> {
    const { clock } = this.#options;
    const startMs = clock.monotonicMs();
    const errors = await this.#verify(write, operation);
    this.answersUs.record((clock.monotonicMs() - startMs) * US_PER_MS);
    for (const error of errors) if (error !== ErrorCode.NONE) this.refusedCount++;
    return errors;
  }

  #verify(write: TransactionalWrite, operation: TransactionalOperation): Promise<ErrorCode[]> {
    const brokerId = this.#coordinatorOf(write.transactionalId);
    if (brokerId === null) {
      return Promise.resolve(allOf(write, ErrorCode.COORDINATOR_NOT_AVAILABLE));
    }
    const { nodeId, coordinator } = this.#options;
    if (brokerId === nodeId) return coordinator().verify(write, operation);
    const { promise, resolve } = Promise.withResolvers<ErrorCode[]>();
    this.#add(brokerId, { write, operation, answer: resolve });
    return promise;
  }

  /** Whoever waits for a broker that coordinates its transaction no more is to try again. */
  leadersChanged(): void {
    for (const [brokerId, gatherer] of this.#gatherers.all()) {
      const isAstray = ({ write }: Entry) =>
        this.#coordinatorOf(write.transactionalId) !== brokerId;
      for (const { write, answer } of gatherer.giveUp(isAstray)) {
        answer(allOf(write, ErrorCode.NOT_COORDINATOR));
      }
    }
  }

  whenEnded(transactionalId: string): Promise<void> {
    const { nodeId, coordinator } = this.#options;
    if (this.#coordinatorOf(transactionalId) !== nodeId) return new Promise(() => {});
    return coordinator().whenEnded(transactionalId);
  }

  /** Of each id one waits: see above. */
  #add(brokerId: number, entry: Entry): void {
    const gatherer = this.#gatherers.of(brokerId);
    const { transactionalId, producerEpoch } = entry.write;
    const isSameId = ({ write }: Entry) => write.transactionalId === transactionalId;
    const [before] = gatherer.remove(isSameId);
    if (before === undefined) return gatherer.add(entry);
    const isOlder = before.write.producerEpoch < producerEpoch;
    const isNewer = before.write.producerEpoch > producerEpoch;
    const [refused, kept] = isNewer ? [entry, before] : [before, entry];
    gatherer.add(kept);
    const isFenced = isOlder || isNewer;
    const error = isFenced ? ErrorCode.INVALID_PRODUCER_EPOCH : ErrorCode.NETWORK_EXCEPTION;
    refused.answer(allOf(refused.write, error));
  }

  /** Null where there is none that could answer. */
  #coordinatorOf(transactionalId: string): number | null {
    const { topics, cluster } = this.#options.image();
    const topic = topics.byName(TRANSACTION_STATE_TOPIC);
    if (topic === null) return null;
    const { partitions } = topic;
    const leader = partitions[coordinatorPartitionFor(transactionalId, partitions.length)]?.leader;
    const broker = leader === undefined ? null : cluster.broker(leader);
    return broker === null || broker.fenced ? null : broker.id;
  }

  async #request(brokerId: number, entries: readonly Entry[]): Promise<void> {
    const answer = await this.#ask(brokerId, entries);
    for (const { write, operation, answer: tell } of entries) {
      if (typeof answer === "number") tell(allOf(write, answer));
      else tell(errorsFor(write, operation, answer));
    }
  }

  async #ask(
    brokerId: number,
    entries: readonly Entry[],
  ): Promise<Response["resultsByTransaction"] | ErrorCode> {
    const { peers, timeoutMs, logger } = this.#options;
    const peer = peers.to(brokerId);
    if (peer === null) return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    const transactions = entries.map(transactionOf);
    const request = (version: number) => {
      if (version >= BROKER_VERSION) return { transactions };
      throw new NodeError("unsupported", `broker ${brokerId} does not verify transactions`);
    };
    try {
      const response = await peer.ask(addPartitionsToTxn, request, timeoutMs(), (given) => given);
      const errorCode = response.errorCode as ErrorCode;
      if (errorCode === ErrorCode.NONE) return response.resultsByTransaction;
      logger.error(`broker ${brokerId} refuses to verify transactions: ${errorName(errorCode)}`);
      // Producers know nothing of what brokers may ask each other.
      const isRefused = errorCode === ErrorCode.CLUSTER_AUTHORIZATION_FAILED;
      return isRefused ? ErrorCode.INVALID_TXN_STATE : errorCode;
    } catch (error) {
      if (!(error instanceof NodeError)) throw error;
      logger.warn(`transactions are not verified by broker ${brokerId}: ${error.message}`);
      // As Kafka: an older broker cannot be asked, and so is taken not to mind.
      return error.reason === "unsupported" ? ErrorCode.NONE : ErrorCode.NETWORK_EXCEPTION;
    }
  }
}

function transactionOf({ write, operation }: Entry): Transaction {
  const { transactionalId, producerId, producerEpoch, partitions } = write;
  const byTopic = Map.groupBy(partitions, ({ topic }) => topic);
  return {
    transactionalId,
    producerId,
    producerEpoch,
    verifyOnly: operation !== "add",
    topics: [...byTopic].map(([name, own]) => ({
      name,
      partitions: own.map(({ partition }) => partition),
    })),
  };
}

/** What a broker leaves out counts as not heard of. */
function errorsFor(
  { transactionalId, partitions }: TransactionalWrite,
  operation: TransactionalOperation,
  results: Response["resultsByTransaction"],
): ErrorCode[] {
  const result = results.find((each) => each.transactionalId === transactionalId);
  const errors = new Map<string, ErrorCode>();
  for (const { name, resultsByPartition } of result?.topicResults ?? []) {
    for (const { partitionIndex: partition, partitionErrorCode } of resultsByPartition) {
      const error = errorForWriter(partitionErrorCode as ErrorCode, operation);
      errors.set(nameOf({ topic: name, partition }), error);
    }
  }
  return partitions.map((each) => errors.get(nameOf(each)) ?? ErrorCode.NETWORK_EXCEPTION);
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}

function allOf({ partitions }: TransactionalWrite, error: ErrorCode): ErrorCode[] {
  return partitions.map(() => error);
}
