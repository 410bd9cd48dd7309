/**
 * Copies a log to its future log until both are equal, and puts that in its place: see
 * future-logs.ts for the steps.
 *
 * Batches go over as they are, so the copy has the offsets, epochs and producers of the original.
 * The last of them are copied and the swap is made within one turn, in which nobody appends.
 *
 * USAGE
 *   const move = new LogMove({ logs, log, future, ... });
 *   await move.run();           // moved, stopped, or a directory is offline
 *   move.stop();
 */
import { endOfTurn } from "../base/slices.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import type { Log } from "./log.ts";
import type { LogManager } from "./log-manager.ts";
import type { LogSlice } from "./log-slice.ts";

export interface LogMoveOptions {
  readonly logs: LogManager;
  readonly log: Log;
  readonly future: Log;
  readonly chunkSizeMax: () => number;
  /** Holds the copying back, and is told what was copied. */
  readonly throttle: CopyThrottle;
  /** Tells the controller where the log is going; false when it will not have it. */
  readonly assign: () => Promise<boolean>;
  /** The future log is the partition's from now on. */
  readonly swapped: () => void;
}

export interface CopyThrottle {
  /** Resolves when more may be copied. */
  admit(): Promise<void>;
  spend(byteCount: number): void;
}

/** Batches of any leader that the original took. */
const ANY_EPOCH = 2 ** 31 - 1;

export class LogMove {
  readonly #options: LogMoveOptions;
  #isStopped = false;
  #emptyReads = 0;
  /** Of the log, as far as the copy has been cut too; at first it is not known to fit at all. */
  #cutCount = -1;

  constructor(options: LogMoveOptions) {
    this.#options = options;
  }

  get future(): Log {
    return this.#options.future;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** True when the log was moved. Rejects with `DiskError`; its directory is offline then. */
  async run(): Promise<boolean> {
    const { logs, log, future, assign, swapped } = this.#options;
    await this.#copy();
    if (!this.#isOver && !(await assign())) return false;
    while (!this.#isOver) {
      await this.#copy();
      await future.flush();
      await future.whenFlushed();
      // In this turn nobody appends, and no sync is under way that knows the old name.
      if (this.#isOver || !this.#copyNow() || !future.isFlushIdle) continue;
      logs.swap(log, future);
      swapped();
      await logs.endSwap(log, future);
      return true;
    }
    return false;
  }

  get #isOver(): boolean {
    const { log, future } = this.#options;
    return this.#isStopped || log.failure !== null || future.failure !== null;
  }

  /** A follower's log may be cut, and go on with other records: the copy has to be, too. */
  get #wasCut(): boolean {
    return this.#options.log.state.cutCount !== this.#cutCount;
  }

  get #isEqual(): boolean {
    const { log, future } = this.#options;
    return future.logEndOffset === log.logEndOffset;
  }

  /** After a crash the copy may have what the original lost, or what other leaders wrote. */
  async #cutToCommonPart(): Promise<void> {
    const { logs, log, future } = this.#options;
    this.#cutCount = log.state.cutCount;
    while (!this.#isOver && future.latestEpoch !== -1) {
      const { epoch, endOffset } = log.endOffsetFor(future.latestEpoch);
      if (epoch === -1) return this.#beginAnew();
      const own =
        epoch === future.latestEpoch ? future.logEndOffset : future.endOffsetFor(epoch).endOffset;
      const common = Math.min(own, endOffset, log.logEndOffset);
      if (common < future.logStartOffset) return this.#beginAnew();
      const wasCut = common < future.logEndOffset && (await logs.truncateTo(future, common));
      if (!wasCut || epoch === future.latestEpoch) break;
    }
    if (future.logEndOffset > log.logEndOffset) await logs.truncateTo(future, log.logEndOffset);
  }

  async #beginAnew(): Promise<void> {
    const { logs, log, future } = this.#options;
    await logs.truncateFullyAndStartAt(future, log.logStartOffset);
  }

  async #copy(): Promise<void> {
    const { logs, log, future, throttle } = this.#options;
    while (!this.#isOver && (!this.#isEqual || this.#wasCut)) {
      if (this.#wasCut) await this.#cutToCommonPart();
      if (future.logEndOffset < log.logStartOffset) await this.#beginAnew();
      await throttle.admit();
      if (this.#isOver) return;
      const slice = await this.#read();
      const bytes = await this.#bytesOf(slice);
      if (this.#isOver) return;
      // What was read may have been cut off meanwhile.
      if (!this.#wasCut) this.#append(bytes);
      await endOfTurn(logs.clock);
    }
    this.#followOffsets();
  }

  /** What is left, if it is little and need not be waited for; true when both are equal. */
  #copyNow(): boolean {
    if (this.#wasCut) return false;
    for (let count = 0; count < CHUNKS_AT_ONCE_MAX && !this.#isEqual; count++) {
      const slice = this.#read();
      if (slice instanceof Promise) {
        void slice.then((later) => later.release());
        return false;
      }
      const bytes = this.#bytesOf(slice);
      if (bytes instanceof Promise) return false;
      this.#append(bytes);
    }
    this.#followOffsets();
    return this.#isEqual && !this.#isOver;
  }

  #read(): LogSlice | Promise<LogSlice> {
    const { log, future, chunkSizeMax } = this.#options;
    const sizeMax = Math.min(chunkSizeMax(), log.config.segmentBytes);
    return log.read(future.logEndOffset, sizeMax, log.logEndOffset, true);
  }

  /** Releases the slice. */
  #bytesOf(slice: LogSlice): Buffer | Promise<Buffer> {
    if (slice.errorCode !== ErrorCode.NONE) {
      const { errorCode } = slice;
      slice.release();
      // Retention was faster, or the directory is offline: both show when it is asked anew.
      if (errorCode !== ErrorCode.CORRUPT_MESSAGE) return Buffer.alloc(0);
      throw new LogMoveError(`${this.#options.log.directory} is damaged`);
    }
    const bytes = slice.read();
    if (bytes instanceof Promise) return bytes.finally(() => slice.release());
    slice.release();
    return bytes;
  }

  #append(bytes: Buffer): void {
    const { logs, log, future, throttle } = this.#options;
    this.#emptyReads = bytes.length === 0 ? this.#emptyReads + 1 : 0;
    if (this.#emptyReads > EMPTY_READS_MAX) {
      throw new LogMoveError(`${log.directory} has nothing at offset ${future.logEndOffset}`);
    }
    if (bytes.length === 0) return;
    throttle.spend(bytes.length);
    future.updateConfig({ ...log.config, ...UNHURRIED });
    const { errorCode, message } = future.appendAsFollower(bytes, ANY_EPOCH, logs.clock.wallMs());
    if (errorCode === ErrorCode.NONE || future.failure !== null) return;
    throw new LogMoveError(`${future.directory} does not take its records: ${message}`);
  }

  #followOffsets(): void {
    const { log, future } = this.#options;
    if (this.#isOver) return;
    future.setHighWatermark(log.highWatermark);
    const { logStartOffset } = log;
    if (logStartOffset > future.logStartOffset && logStartOffset <= future.highWatermark) {
      future.advanceLogStartOffset(logStartOffset);
    }
  }
}

/** The move cannot go on; the original is as it was. */
export class LogMoveError extends Error {}

const CHUNKS_AT_ONCE_MAX = 4;
/** One after the other, of a log that has more records. */
const EMPTY_READS_MAX = 100;
/** It is flushed by the move, before anybody relies on it. */
const UNHURRIED = {
  flushMessages: Number.MAX_SAFE_INTEGER,
  flushMs: Number.MAX_SAFE_INTEGER,
} as const;
