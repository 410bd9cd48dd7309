/**
 * Runs a coordinator that keeps its state in the partitions of a topic: groups in
 * `__consumer_offsets`, transactions in `__transaction_state`. A shard for each partition that this
 * node leads.
 *
 *   partition layer ── elected, resigned ──▶ runtime ── one shard a partition ──▶ CoordinatorLog
 *   request ── run(partition, operation) ──────┘
 *
 * A coordinator is a `CoordinatorState` (what is remembered, and how a record changes it) with
 * operations on it that give back records and a response (outcome.ts).
 */
import type { Verification } from "../log/verifications.ts";
import { ErrorCode, errorName } from "../protocol/error-code.ts";
import { coordinatorErrorOf } from "./coordinator-error.ts";
import type { CoordinatorLog } from "./coordinator-log.ts";
import { coordinatorPartitionFor } from "./java-hash.ts";
import { answered, type Outcome } from "./outcome.ts";
import { type CoordinatorState, Shard, type ShardOptions, type TransactionEnd } from "./shard.ts";

export interface RuntimeOptions<S extends CoordinatorState<R>, R> extends Omit<
  ShardOptions<S, R>,
  "name" | "leaderEpoch" | "inLoadQueue"
> {
  readonly topic: string;
  /** Partitions of the topic: as it is, or as it will be made. */
  readonly partitionCount: () => number;
  /** What is answered when the node stops. */
  readonly stoppedError: ErrorCode;
}

/** Who leads partitions of the topic, as the partition layer tells it. */
export interface Leadership {
  elected(partition: number, leaderEpoch: number, log: CoordinatorLog): void;
  resigned(partition: number, leaderEpoch: number | null): void;
}

export interface TransactionalOperation {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly supportsEpochBump: boolean;
  readonly verify: (() => Promise<ErrorCode>) | null;
}

interface Led<S extends CoordinatorState<R>, R> {
  readonly shard: Shard<S, R>;
  readonly log: CoordinatorLog;
  leaderEpoch: number;
}

export class CoordinatorRuntime<S extends CoordinatorState<R>, R> implements Leadership {
  readonly #options: RuntimeOptions<S, R>;
  readonly #led = new Map<number, Led<S, R>>();
  /** Ends with the last load that was asked for. */
  #loads: Promise<void> = Promise.resolve();
  #isActive = true;

  constructor(options: RuntimeOptions<S, R>) {
    this.#options = options;
  }

  /** False once the node stops. */
  get isActive(): boolean {
    return this.#isActive;
  }

  /** The partition whose leader coordinates what has this id. */
  partitionFor(id: string): number {
    return coordinatorPartitionFor(id, this.#options.partitionCount());
  }

  /** This node leads the partition: its log is read, and then its shard answers. */
  elected(partition: number, leaderEpoch: number, log: CoordinatorLog): void {
    if (!this.#isActive) return;
    const led = this.#led.get(partition);
    if (led !== undefined) {
      if (leaderEpoch <= led.leaderEpoch) return;
      if (led.log === log && led.shard.error !== ErrorCode.NOT_COORDINATOR) {
        // It has led all the while, so nobody else can have written.
        led.leaderEpoch = leaderEpoch;
        return;
      }
      led.shard.close();
    }
    const { topic } = this.#options;
    const shard = new Shard<S, R>(log, {
      ...this.#options,
      name: `${topic}-${partition}`,
      leaderEpoch: () => this.#led.get(partition)?.leaderEpoch ?? leaderEpoch,
      inLoadQueue: (load) => this.#queueLoad(load),
    });
    this.#led.set(partition, { shard, log, leaderEpoch });
  }

  /** Another node leads the partition, as of this epoch; null: it is gone from here altogether. */
  resigned(partition: number, leaderEpoch: number | null): void {
    const led = this.#led.get(partition);
    if (led === undefined) return;
    if (leaderEpoch !== null && leaderEpoch < led.leaderEpoch) return;
    this.#led.delete(partition);
    led.shard.close();
  }

  /** Runs an operation now, where `id` is coordinated. */
  runFor<T>(
    id: string,
    operation: (state: S) => Outcome<R, T>,
    failure: (error: ErrorCode) => T,
  ): Promise<T> {
    if (!this.#isActive) return Promise.resolve(failure(this.#options.stoppedError));
    return this.run(this.partitionFor(id), operation, failure);
  }

  /** What the operation answers comes when its records are committed. */
  run<T>(
    partition: number,
    operation: (state: S) => Outcome<R, T>,
    failure: (error: ErrorCode) => T,
  ): Promise<T> {
    const led = this.#led.get(partition);
    if (led === undefined) return Promise.resolve(failure(ErrorCode.NOT_COORDINATOR));
    return led.shard.run(operation, failure);
  }

  /**
   * Runs an operation whose records belong to a transaction. Where none of it is in this partition
   * yet, `verify` asks the transaction's coordinator first (KIP-890); null: nobody is asked.
   */
  async runInTransaction<T>(
    partition: number,
    write: TransactionalOperation,
    operation: (state: S) => Outcome<R, T>,
    failure: (error: ErrorCode) => T,
  ): Promise<T> {
    const { producerId, producerEpoch, supportsEpochBump, verify } = write;
    const log = this.#led.get(partition)?.log;
    if (log === undefined) return failure(ErrorCode.NOT_COORDINATOR);
    let verification: Verification | null = null;
    if (verify !== null) {
      const started = log.startVerification(producerId, producerEpoch, supportsEpochBump);
      if (typeof started === "number") return failure(coordinatorErrorOf(started));
      const error = started === null ? ErrorCode.NONE : await verify();
      if (error !== ErrorCode.NONE) return failure(coordinatorErrorOf(error));
      verification = started;
    }
    const shard = this.#led.get(partition)?.shard;
    if (shard === undefined) return failure(ErrorCode.NOT_COORDINATOR);
    return shard.runInTransaction({ producerId, producerEpoch, verification }, operation, failure);
  }

  /** Writes the marker that ends a transaction in this partition. Resolves when it is committed. */
  endTransaction(partition: number, marker: TransactionEnd): Promise<ErrorCode> {
    if (!this.#isActive) return Promise.resolve(this.#options.stoppedError);
    const led = this.#led.get(partition);
    if (led === undefined) return Promise.resolve(ErrorCode.NOT_COORDINATOR);
    return led.shard.endTransaction(marker);
  }

  /** Runs an operation on every shard that there is. */
  runAll<T>(
    operation: (state: S) => Outcome<R, T>,
    failure: (error: ErrorCode) => T,
  ): Promise<T[]> {
    const shards = [...this.#led.values()].map(({ shard }) => shard);
    return Promise.all(shards.map((shard) => shard.run(operation, failure)));
  }

  /** Looks at what memory holds of every shard that is ready; nothing is written. */
  forEach(look: (state: S) => void): void {
    for (const { shard } of this.#led.values()) shard.look(look);
  }

  /** Deletes of each log what its state says is not needed any more, once that is committed. */
  async prune(redundantOffset: (state: S) => number | null): Promise<void> {
    const { logger, topic } = this.#options;
    const pruned = [...this.#led].map(async ([partition, { shard, log }]) => {
      const offset = await shard.run<number | null>(
        (state) => answered(redundantOffset(state)),
        () => null,
      );
      if (offset === null || offset <= log.logStartOffset) return;
      const error = log.deleteBefore(offset);
      if (error === ErrorCode.NONE) return;
      logger.warn(`${topic}-${partition}: not deleted before ${offset}: ${errorName(error)}`);
    });
    await Promise.all(pruned);
  }

  /** Whoever waits is told to look for another coordinator. */
  stop(): void {
    this.#isActive = false;
    for (const { shard } of this.#led.values()) shard.close();
    this.#led.clear();
  }

  #queueLoad(load: () => Promise<void>): Promise<void> {
    const loaded = this.#loads.then(load);
    this.#loads = loaded.catch(() => undefined);
    return loaded;
  }
}
