/**
 * A coordinator's log in memory. It commits at once, or when the test says so, and fails as told.
 */
import {
  CoordinatorLogError,
  type CoordinatorLog,
  type TransactionalAppend,
} from "../../src/coordinator/coordinator-log.ts";
import type { Verification } from "../../src/log/verifications.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { readRecords } from "../../src/protocol/record.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import {
  baseOffset,
  batchSize,
  lastOffset,
  nextBatchSize,
  setBaseOffset,
} from "../../src/protocol/record-batch.ts";

interface Waiting {
  readonly offset: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class FakeCoordinatorLog implements CoordinatorLog {
  readonly batches: Buffer[] = [];
  logStartOffset = 0;
  logEndOffset = 0;
  highWatermark = 0;
  batchSizeMax = 1_048_588;
  /** False: nothing is committed until `commit`. */
  commitsAtOnce = true;
  refused: ErrorCode = ErrorCode.NONE;
  /** What only the append itself finds, as the epoch of a producer. */
  appendRefused: ErrorCode = ErrorCode.NONE;
  /** Of each append that was taken. */
  readonly appended: TransactionalAppend[] = [];
  /** Of `startVerification`: null where the transaction is open. */
  verification: Verification | ErrorCode | null = null;
  /** Reads wait until `releaseReads`. */
  holdsReads = false;
  readCount = 0;
  readError: ErrorCode | null = null;
  #waiting: Waiting[] = [];
  #heldReads: (() => void)[] = [];

  /** A file of a Kafka. */
  static of(bytes: Buffer): FakeCoordinatorLog {
    const log = new FakeCoordinatorLog();
    for (let at = 0; at < bytes.length;) {
      const size = nextBatchSize(bytes, at, bytes.length);
      log.write(bytes.subarray(at, at + size));
      at += size;
    }
    return log;
  }

  /** The same bytes, as a restarted broker finds them. */
  reopened(): FakeCoordinatorLog {
    const log = new FakeCoordinatorLog();
    log.batches.push(...this.batches.map((batch) => Buffer.from(batch)));
    log.logStartOffset = this.logStartOffset;
    log.logEndOffset = this.logEndOffset;
    log.highWatermark = this.logEndOffset;
    log.batchSizeMax = this.batchSizeMax;
    return log;
  }

  /**
   * As the log cleaner leaves it that has come so far: of each key only the newest record, where it
   * was, and no tombstones.
   */
  compacted(upTo = this.logEndOffset): FakeCoordinatorLog {
    const newest = new Map<string, number>();
    const all = this.batches.flatMap((batch) => readRecords(batch, 0));
    for (const { key, value, offset } of all) {
      if (offset < upTo) newest.set(key?.toString("hex") ?? "", value === null ? -1 : offset);
    }
    const log = this.reopened();
    log.batches.length = 0;
    for (const { key, value, timestamp, offset } of all) {
      if (offset < upTo && newest.get(key?.toString("hex") ?? "") !== offset) continue;
      const batch = buildBatch({ records: [{ key, value, timestamp }] });
      setBaseOffset(batch, 0, offset);
      log.batches.push(batch);
    }
    return log;
  }

  refusal(): ErrorCode {
    return this.refused;
  }

  append(batch: Buffer, transaction: TransactionalAppend = {}): Promise<void> | ErrorCode {
    if (this.appendRefused !== ErrorCode.NONE) return this.appendRefused;
    this.appended.push(transaction);
    this.write(batch);
    return this.whenCommitted(this.logEndOffset);
  }

  deleteBefore(offset: number): ErrorCode {
    if (offset > this.highWatermark) return ErrorCode.OFFSET_OUT_OF_RANGE;
    this.logStartOffset = offset;
    return ErrorCode.NONE;
  }

  startVerification(): Verification | ErrorCode | null {
    return this.verification;
  }

  /** Appends without anybody waiting, as replication or a transaction's marker does. */
  write(batch: Buffer): void {
    const own = Buffer.from(batch);
    setBaseOffset(own, 0, this.logEndOffset);
    this.batches.push(own);
    this.logEndOffset = lastOffset(own, 0) + 1;
    if (this.commitsAtOnce) this.commit();
  }

  whenCommitted(offset: number): Promise<void> {
    if (offset <= this.highWatermark) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiting.push({ offset, resolve, reject }));
  }

  commit(upTo = this.logEndOffset): void {
    this.highWatermark = upTo;
    const ready = this.#waiting.filter(({ offset }) => offset <= upTo);
    this.#waiting = this.#waiting.filter(({ offset }) => offset > upTo);
    for (const { resolve } of ready) resolve();
  }

  /** What is not committed is gone, and whoever waits for it is told. */
  loseUncommitted(code: ErrorCode): void {
    while (this.logEndOffset > this.highWatermark) {
      this.logEndOffset = baseOffset(this.batches.pop()!, 0);
    }
    this.failWaiting(code);
  }

  /** The log stays as it is: what was written may be committed all the same. */
  failWaiting(code: ErrorCode): void {
    this.throwAtWaiting(new CoordinatorLogError(code, "as the test wants it"));
  }

  throwAtWaiting(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  async read(offset: number, sizeMax: number): Promise<Buffer> {
    this.readCount += 1;
    if (this.holdsReads) await new Promise<void>((resolve) => this.#heldReads.push(resolve));
    if (this.readError !== null) throw new CoordinatorLogError(this.readError, "cannot be read");
    const wanted: Buffer[] = [];
    let size = 0;
    for (const batch of this.batches) {
      if (lastOffset(batch, 0) < offset) continue;
      if (size > 0 && size + batch.length > sizeMax) break;
      wanted.push(batch);
      size += batchSize(batch, 0);
    }
    return Buffer.concat(wanted);
  }

  releaseReads(): void {
    this.holdsReads = false;
    for (const release of this.#heldReads.splice(0)) release();
  }
}
