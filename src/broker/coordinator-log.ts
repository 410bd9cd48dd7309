/** A partition as its coordinator sees it: whole batches in, whole batches out. */
import { type CoordinatorLog, CoordinatorLogError } from "../coordinator/coordinator-log.ts";
import type { Clock } from "../base/world.ts";
import type { Partition } from "../partition/partition.ts";
import { ErrorCode, errorName } from "../protocol/error-code.ts";

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
      return await slice.read();
    } finally {
      slice.release();
    }
  }

  async append(batch: Buffer): Promise<void> {
    const partition = this.#partition;
    const error = this.refusal();
    if (error !== ErrorCode.NONE) throw failure(error);
    const nowMs = this.#clock.wallMs();
    const result = partition.append(batch, { origin: "coordinator", nowMs });
    if (result.errorCode !== ErrorCode.NONE) throw failure(result.errorCode);
    await partition.flushed(result);
    await this.whenCommitted(result.lastOffset + 1);
  }

  /** For as long as it takes: the shard answers its clients in time by itself. */
  async whenCommitted(offset: number): Promise<void> {
    const committed = this.#partition.whenCommitted(offset, Infinity);
    const error = committed === null ? ErrorCode.NONE : await committed;
    if (error !== ErrorCode.NONE) throw failure(error);
  }
}

function failure(code: ErrorCode): CoordinatorLogError {
  return new CoordinatorLogError(code, errorName(code));
}
