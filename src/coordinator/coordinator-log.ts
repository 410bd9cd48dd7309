/**
 * What a coordinator needs of its partition. The partition layer implements it for the leader of a
 * partition of `__consumer_offsets` or `__transaction_state`.
 */
import { DiskError } from "../base/world.ts";
import type { Verification } from "../log/verifications.ts";
import { ErrorCode } from "../protocol/error-code.ts";

export interface CoordinatorLog {
  readonly logStartOffset: number;
  /** Offset that the next appended record gets. */
  readonly logEndOffset: number;
  /** All below is committed. */
  readonly highWatermark: number;
  /** Largest batch, in bytes, that `append` takes: `max.message.bytes` of the topic. */
  readonly batchSizeMax: number;

  /**
   * Why an append would be refused now, before anything is written: NOT_LEADER_OR_FOLLOWER,
   * NOT_ENOUGH_REPLICAS, KAFKA_STORAGE_ERROR. NONE when it would be taken.
   */
  refusal(): ErrorCode;

  /**
   * Whole batches from the one that holds `offset` on, at least one and as many as fit into
   * `sizeMax`; empty at the end of the log. Rejects with a `CoordinatorLogError`.
   */
  read(offset: number, sizeMax: number): Promise<Buffer>;

  /**
   * Appends one batch, in the order of the calls: when the call returns, `logEndOffset` counts it.
   * Whoever made it has asked `refusal`, maybe a little while ago.
   * A number is why it was refused: then nothing was written. Resolves when it is committed,
   * however long that takes: the caller has a time limit of its own. Rejects with a
   * `CoordinatorLogError` when it is lost, or may be: then the caller reads the log again from its
   * start.
   */
  append(batch: Buffer, transaction?: TransactionalAppend): Promise<void> | ErrorCode;

  /** What is committed below `offset` is gone from now on, or the error is why it is not. */
  deleteBefore(offset: number): ErrorCode;

  /** KIP-890: see `Log.startVerification`. A number is why this node cannot say. */
  startVerification(
    producerId: number,
    producerEpoch: number,
    supportsEpochBump: boolean,
  ): Verification | ErrorCode | null;

  /** Resolves when everything below `offset` is committed; rejects as `append` does. */
  whenCommitted(offset: number): Promise<void>;
}

/** Of a batch that belongs to a transaction, or ends one. */
export interface TransactionalAppend {
  /** What lets its first batch in; null where the transaction is open here. */
  readonly verification?: Verification | null;
  /** Of a marker. */
  readonly transactionVersion?: number;
}

export class CoordinatorLogError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** Null for anything else, which is a bug. */
export function asLogError(error: unknown): CoordinatorLogError | null {
  if (error instanceof CoordinatorLogError) return error;
  if (!(error instanceof DiskError)) return null;
  return new CoordinatorLogError(ErrorCode.KAFKA_STORAGE_ERROR, error.message);
}
