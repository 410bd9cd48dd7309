/** A partition as its coordinator sees it: whole batches in, whole batches out. */
import type { Clock } from "../base/world.ts";
import {
  type CoordinatorLog,
  CoordinatorLogError,
  type TransactionalAppend,
} from "../coordinator/coordinator-log.ts";
import type { AppendResult } from "../log/append-result.ts";
import type { Verification } from "../log/verifications.ts";
import type { Partition } from "../partition/partition.ts";
import { ErrorCode, errorName } from "../protocol/error-code.ts";
import { NO_SEQUENCE, wholeBatches } from "../protocol/record-batch.ts";

export class PartitionCoordinatorLog implements CoordinatorLog {
  readonly #partition: Partition;
  readonly #clock: Clock;

  constructor(partition: Partition, clock: Clock) {
    this.#partition = partition;
    this.#clock = clock;
  }

  get logStartOffset(): number {
    return this.#partition.log.logStartOffset;
  }

  get logEndOffset(): number {
    return this.#partition.log.logEndOffset;
  }

  get highWatermark(): number {
    return this.#partition.log.highWatermark;
  }

  get batchSizeMax(): number {
    return this.#partition.log.config.maxMessageBytes;
  }

  refusal(): ErrorCode {
    const error = this.#partition.leaderError();
    return error === ErrorCode.NONE ? this.#partition.minIsrError() : error;
  }

  async read(offset: number, sizeMax: number): Promise<Buffer> {
    const { log } = this.#partition;
    const slice = await log.read(offset, sizeMax, log.logEndOffset, true);
    if (slice.errorCode !== ErrorCode.NONE) throw failure(slice.errorCode);
    try {
      return wholeBatches(await slice.read());
    } finally {
      slice.release();
    }
  }

  append(batch: Buffer, transaction: TransactionalAppend = {}): Promise<void> | ErrorCode {
    // What was taken while enough replicas were in sync waits until there are enough again: to
    // refuse it now would cost all that the coordinator remembers.
    const error = this.#partition.leaderError();
    if (error !== ErrorCode.NONE) return error;
    const nowMs = this.#clock.wallMs();
    const options = { origin: "coordinator", nowMs, ...transaction } as const;
    const result = this.#partition.append(batch, options);
    return result.errorCode === ErrorCode.NONE ? this.#committed(result) : result.errorCode;
  }

  deleteBefore(offset: number): ErrorCode {
    const error = this.#partition.leaderError();
    return error === ErrorCode.NONE ? this.#partition.log.advanceLogStartOffset(offset) : error;
  }

  startVerification(
    producerId: number,
    producerEpoch: number,
    supportsEpochBump: boolean,
  ): Verification | ErrorCode | null {
    const partition = this.#partition;
    return partition.startVerification(producerId, NO_SEQUENCE, producerEpoch, supportsEpochBump);
  }

  /** For as long as it takes: the shard answers its clients in time by itself. */
  async whenCommitted(offset: number): Promise<void> {
    const committed = this.#partition.whenCommitted(offset, Infinity);
    const error = committed === null ? ErrorCode.NONE : await committed;
    if (error !== ErrorCode.NONE) throw failure(error);
  }

  async #committed(result: AppendResult): Promise<void> {
    const error = await this.#partition.flushed(result);
    if (error !== ErrorCode.NONE) throw failure(error);
    await this.whenCommitted(result.lastOffset + 1);
  }
}

function failure(code: ErrorCode): CoordinatorLogError {
  return new CoordinatorLogError(code, errorName(code));
}
