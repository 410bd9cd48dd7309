/**
 * A transaction coordinator on a fake log and a fake clock, with partitions that take its markers
 * as the test says, and producers that ask as clients of one version of transactions do.
 */
import { createLogger, silentLogger } from "../../../src/base/logger.ts";
import type {
  MarkerSender,
  SentMarker,
  TopicPartition,
  TransactionMarker,
  TransactionMarkerResult,
} from "../../../src/coordinator/transaction/participants.ts";
import type { TransactionConfig } from "../../../src/coordinator/transaction/transaction-config.ts";
import {
  type InitProducerIdRequest,
  TransactionCoordinator,
} from "../../../src/coordinator/transaction/transaction-coordinator.ts";
import type { ProducerIdAndEpoch } from "../../../src/coordinator/transaction/transaction-metadata.ts";
import {
  transactionRecordCodec,
  type TransactionRecord,
} from "../../../src/coordinator/transaction/transaction-records.ts";
import { transactionStateName } from "../../../src/coordinator/transaction/transaction-state.ts";
import { ErrorCode, errorName } from "../../../src/protocol/error-code.ts";
import { readRecords } from "../../../src/protocol/record.ts";
import { FakeClock } from "../../sim/fake-clock.ts";
import { FakeCoordinatorLog } from "../fake-coordinator-log.ts";

export const CONFIG: TransactionConfig = {
  transactionMaxTimeoutMs: 900_000,
  transactionAbortTimedOutTransactionCleanupIntervalMs: 10_000,
  transactionRemoveExpiredTransactionCleanupIntervalMs: 3_600_000,
  transactionalIdExpirationMs: 604_800_000,
  transactionTwoPhaseCommitEnable: false,
  transactionStateLogLoadBufferSize: 5_242_880,
  requestTimeoutMs: 30_000,
};

export interface DriverOptions {
  readonly config?: Partial<TransactionConfig>;
  readonly log?: FakeCoordinatorLog;
  readonly clock?: FakeClock;
  readonly partitions?: FakePartitions;
  readonly lines?: string[];
  /** transaction.version. */
  readonly version?: number;
  readonly leaderEpoch?: number;
  readonly nextProducerId?: number;
  readonly partitionCount?: number;
}

export const ID = "tx";
export const T0: TopicPartition = { topic: "t", partition: 0 };
export const T1: TopicPartition = { topic: "t", partition: 1 };
export const U0: TopicPartition = { topic: "u", partition: 0 };

/** Where markers go: each is taken at once, unless the test wants it otherwise. */
export class FakePartitions implements MarkerSender {
  /** "tx commit 5/0 t-0", in the order in which they were written. */
  readonly written: string[] = [];
  readonly sent: { readonly marker: TransactionMarker; readonly isRepeated: boolean }[] = [];
  readonly deleted = new Set<string>();
  /** By "topic-partition"; NONE where it has none. */
  readonly errors = new Map<string, ErrorCode>();
  /** Answers wait until `release`. */
  isHeld = false;
  #held: (() => void)[] = [];

  hasPartition(topic: string, partition: number): boolean {
    return !this.deleted.has(`${topic}-${partition}`);
  }

  async send({ marker, isRepeated }: SentMarker): Promise<TransactionMarkerResult> {
    this.sent.push({ marker, isRepeated });
    if (this.isHeld) await new Promise<void>((resolve) => this.#held.push(resolve));
    return this.#take(marker);
  }

  release(): void {
    this.isHeld = false;
    for (const release of this.#held.splice(0)) release();
  }

  #take(marker: TransactionMarker): TransactionMarkerResult {
    const { producerId, producerEpoch, transactionResult } = marker;
    const topics = marker.topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => {
        const partition = `${name}-${partitionIndex}`;
        const errorCode = this.errors.get(partition) ?? ErrorCode.NONE;
        if (errorCode === ErrorCode.NONE) {
          const what = transactionResult ? "commit" : "abort";
          this.written.push(`${what} ${producerId}/${producerEpoch} ${partition}`);
        }
        return { partitionIndex, errorCode };
      }),
    }));
    return { producerId, topics };
  }
}

export class TransactionDriver {
  readonly clock: FakeClock;
  readonly log: FakeCoordinatorLog;
  readonly partitions: FakePartitions;
  readonly coordinator: TransactionCoordinator;
  readonly options: DriverOptions;
  version: number;
  nextProducerId: number;
  /** Until then, no producer id can be had. */
  producerIdError: ErrorCode = ErrorCode.NONE;

  constructor(options: DriverOptions = {}) {
    this.options = options;
    this.clock = options.clock ?? new FakeClock();
    this.log = options.log ?? new FakeCoordinatorLog();
    this.partitions = options.partitions ?? new FakePartitions();
    this.version = options.version ?? 2;
    this.nextProducerId = options.nextProducerId ?? 100;
    const { lines } = options;
    this.coordinator = new TransactionCoordinator({
      clock: this.clock,
      logger:
        lines === undefined
          ? silentLogger
          : createLogger(this.clock, "debug", (line) => lines.push(line)),
      config: { ...CONFIG, ...options.config },
      sender: this.partitions,
      newProducerId: () => this.#newProducerId(),
      transactionVersion: () => this.version,
      partitionCount: () => options.partitionCount ?? 1,
    });
  }

  start(): this {
    this.coordinator.runtime.elected(0, this.options.leaderEpoch ?? 1, this.log);
    this.clock.settle();
    return this;
  }

  /** The next life, with what the log has; the partitions live on. */
  restarted(options: DriverOptions = {}): TransactionDriver {
    this.coordinator.stop();
    this.clock.settle();
    return new TransactionDriver({
      ...this.options,
      clock: this.clock.fork(),
      partitions: this.partitions,
      version: this.version,
      nextProducerId: this.nextProducerId,
      leaderEpoch: (this.options.leaderEpoch ?? 1) + 1,
      log: this.log.reopened(),
      ...options,
    }).start();
  }

  // ---- Requests ----------------------------------------------------------------------------

  init(
    expected: ProducerIdAndEpoch | null = null,
    request: Partial<InitProducerIdRequest> = {},
  ): Promise<string> {
    return this.#told(
      this.coordinator.initProducerId({
        transactionalId: ID,
        transactionTimeoutMs: 60_000,
        enable2Pc: false,
        keepPreparedTxn: false,
        expected,
        ...request,
      }),
    );
  }

  add(
    producer: string | ProducerIdAndEpoch,
    partitions: readonly TopicPartition[] = [T0],
    clientTransactionVersion = this.version,
    transactionalId = ID,
  ): Promise<string> {
    const request = { ...producerOf(producer), partitions, clientTransactionVersion };
    return this.coordinator.addPartitions(transactionalId, request).then(errorName);
  }

  end(
    producer: string | ProducerIdAndEpoch,
    what: "commit" | "abort" = "commit",
    clientTransactionVersion = this.version,
    transactionalId = ID,
  ): Promise<string> {
    return this.#told(
      this.coordinator.endTransaction({
        transactionalId,
        ...producerOf(producer),
        isCommit: what === "commit",
        clientTransactionVersion,
      }),
    );
  }

  async #told(answer: Promise<ProducerIdAndEpoch & { errorCode: ErrorCode }>): Promise<string> {
    const { errorCode, producerId, producerEpoch } = await answer;
    if (errorCode !== ErrorCode.NONE) return errorName(errorCode);
    return `${producerId}/${producerEpoch}`;
  }

  /** The answer, which must come without time passing. */
  now<T>(promise: Promise<T>): T {
    return this.clock.await(promise, 0);
  }

  /** "waits" while there is no answer. */
  peek<T>(promise: Promise<T>): { value: T | "waits" } {
    const answer: { value: T | "waits" } = { value: "waits" };
    void promise.then((value) => (answer.value = value));
    this.clock.settle();
    return answer;
  }

  // ---- What there is -----------------------------------------------------------------------

  /** "Ongoing 100/0 t-0 t-1": state, producer and partitions, or the error. */
  state(transactionalId = ID): string {
    const described = this.now(this.coordinator.describe(transactionalId));
    if (described.errorCode !== ErrorCode.NONE) return errorName(described.errorCode as ErrorCode);
    const { transactionState, producerId, producerEpoch, topics } = described;
    const partitions = topics.flatMap(({ topic, partitions: indexes }) =>
      indexes.map((index) => ` ${topic}-${index}`),
    );
    return `${transactionState} ${producerId}/${producerEpoch}${partitions.sort().join("")}`;
  }

  get records(): TransactionRecord[] {
    return this.log.batches.flatMap((batch) =>
      readRecords(batch, 0).map(({ key, value }) => {
        const record = transactionRecordCodec.decode(key!, value);
        if (typeof record === "string") throw new Error(`a record that is ${record}`);
        return record;
      }),
    );
  }

  /** The states that the log has seen. */
  get history(): string[] {
    return this.records.map(({ metadata }) =>
      metadata === null
        ? "tombstone"
        : `${transactionStateName(metadata.state)} ${metadata.producerId}/${metadata.producerEpoch}`,
    );
  }

  #newProducerId() {
    const errorCode = this.producerIdError;
    const producerId = errorCode === ErrorCode.NONE ? this.nextProducerId++ : -1;
    return Promise.resolve({ errorCode, producerId });
  }
}

/** "100/0" */
export function producerOf(producer: string | ProducerIdAndEpoch): ProducerIdAndEpoch {
  if (typeof producer !== "string") return producer;
  const [producerId, producerEpoch] = producer.split("/").map(Number);
  return { producerId: producerId!, producerEpoch: producerEpoch! };
}
