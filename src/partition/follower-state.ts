/**
 * A replica that follows: where it fetches from, and where its log parts from its leader's.
 *
 *   own     [epoch 1 ......][epoch 2 ...........]
 *   leader  [epoch 1 ......][epoch 2 ....][epoch 4 ......]
 *                                         `-- the leader answers: epoch 2 ends here
 *
 * A fetch names the epoch of the last record here. A leader whose log has no such record there
 * answers with the latest epoch up to that one which it knows, and where that ends. What is behind
 * is cut off, and the fetch goes on; where this log does not know that epoch either, it is cut
 * where its own older epochs end, and the leader is asked once more (KIP-279).
 *
 * A leader whose records are deleted up to some offset says of older epochs that they end there. A
 * log that ends there too may have other records than the leader ever had: it begins anew, unless
 * all in it is committed, or this leader has sent the last of it. (Kafka keeps it, with what it
 * says of producers and of open transactions.)
 *
 * Invariants: what an answer brings is taken only under the leadership that it was asked under, and
 * only at the end of the log; nothing is taken while the log is being cut.
 */
import type { Signal } from "../base/signal.ts";
import type { EpochEnd } from "../log/leader-epochs.ts";
import type { Log } from "../log/log.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { baseOffset, BATCH_HEADER_SIZE, lastOffset } from "../protocol/record-batch.ts";
import type { PartitionHost } from "./partition-host.ts";

/** What the next fetch of a partition says. */
export interface FollowerPosition {
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly fetchOffset: number;
  /** Epoch of the last record; -1 when it is not known. */
  readonly lastFetchedEpoch: number;
  readonly logStartOffset: number;
}

/** What a leader answered to it. */
export interface FetchedRecords {
  /** Of the fetch. */
  readonly leaderEpoch: number;
  readonly fetchOffset: number;
  /**
   * Whole batches; the last one may be cut. They lie in the receive buffer, and are gone when the
   * append has returned.
   */
  readonly records: Buffer;
  /** Of the leader. */
  readonly highWatermark: number;
  readonly logStartOffset: number;
}

export interface FollowerAppend {
  readonly errorCode: ErrorCode;
  readonly message: string | null;
  /**
   * With `flush.messages`: the leader may hear of the records when it has resolved. Never rejects:
   * of a disk that has failed there is no position any more.
   */
  readonly flushed: Promise<void> | null;
}

const UNDEFINED = -1;

/** The partition that follows. */
interface Replica {
  readonly log: Log;
  readonly readable: Signal;
}

export class FollowerState {
  readonly leaderId: number;
  readonly leaderEpoch: number;
  /** This node leads now, or follows another leader. */
  isOver = false;
  /** The log is being cut: meanwhile nothing is fetched. */
  #isCutting = false;
  readonly #host: PartitionHost;
  readonly #replica: Replica;

  constructor(host: PartitionHost, replica: Replica, leaderId: number, leaderEpoch: number) {
    this.#host = host;
    this.#replica = replica;
    this.leaderId = leaderId;
    this.leaderEpoch = leaderEpoch;
  }

  /** Null while there is nothing to fetch. */
  position(): FollowerPosition | null {
    const { log } = this.#replica;
    if (this.#isCutting || log.failure !== null) return null;
    return {
      leaderId: this.leaderId,
      leaderEpoch: this.leaderEpoch,
      fetchOffset: log.logEndOffset,
      // KIP-101: the leader finds with it where the logs part.
      lastFetchedEpoch: log.latestEpoch,
      logStartOffset: log.logStartOffset,
    };
  }

  /**
   * A log without epochs cannot be compared with the leader's, so nothing stays but what is
   * committed. Null when there is nothing to do.
   */
  begin(leaderEpoch: number): Promise<ErrorCode> | null {
    const { log } = this.#replica;
    if (log.latestEpoch !== UNDEFINED) return null;
    return log.logEndOffset > log.highWatermark ? this.#cut(leaderEpoch, log.highWatermark) : null;
  }

  /**
   * Takes what the leader sent, as it is. NONE, FENCED_LEADER_EPOCH (of another leadership),
   * OFFSET_OUT_OF_RANGE (the log ends elsewhere by now): both mean that the answer is void; or why
   * the records are no good. A promise only where the log has to begin anew for them.
   */
  append(fetched: FetchedRecords): FollowerAppend | Promise<FollowerAppend> {
    const { log } = this.#replica;
    const { records, leaderEpoch, fetchOffset } = fetched;
    const error = this.#voidness(leaderEpoch);
    if (error !== ErrorCode.NONE) return notTaken(error);
    if (fetchOffset !== log.logEndOffset) return notTaken(ErrorCode.OFFSET_OUT_OF_RANGE);
    const beginning = this.#newBeginning(fetched);
    if (beginning === null) return this.#take(fetched);
    const kept = { ...fetched, records: Buffer.from(records) };
    return this.#beginAt(leaderEpoch, beginning).then((refusal) => {
      return refusal === ErrorCode.NONE ? this.#take(kept) : notTaken(refusal);
    });
  }

  /** Cuts off what cannot be the leader's. */
  truncate(leaderEpoch: number, diverging: EpochEnd): Promise<ErrorCode> {
    return this.#cut(leaderEpoch, truncationOffset(this.#replica.log, diverging));
  }

  /** Behind OFFSET_OUT_OF_RANGE: an unclean leader has less, or an old one deleted more. */
  align(leaderEpoch: number, leaderStart: number, leaderEnd: number): Promise<ErrorCode> {
    const { logEndOffset } = this.#replica.log;
    if (leaderEnd < logEndOffset) return this.#cut(leaderEpoch, leaderEnd);
    if (leaderStart > logEndOffset) return this.#beginAt(leaderEpoch, leaderStart);
    return Promise.resolve(this.#voidness(leaderEpoch));
  }

  /** Where the log has to begin anew for these records; null when they follow what is here. */
  #newBeginning({ fetchOffset, records, logStartOffset }: FetchedRecords): number | null {
    const { log } = this.#replica;
    const isEmpty = log.logStartOffset === fetchOffset;
    if (!isEmpty && !this.#isUnproven(logStartOffset)) return null;
    // The leader's records may be deleted up to the middle of a batch: there this log begins.
    const firstOffset = records.length < BATCH_HEADER_SIZE ? fetchOffset : baseOffset(records, 0);
    const isInside = firstOffset >= 0 && firstOffset < fetchOffset;
    if (isInside && lastOffset(records, 0) >= fetchOffset) return firstOffset;
    return isEmpty ? null : fetchOffset;
  }

  /** Nothing says that all records here were the leader's, whose own are deleted up to there. */
  #isUnproven(leaderStart: number): boolean {
    const { highWatermark, logEndOffset, latestEpoch } = this.#replica.log;
    if (leaderStart < logEndOffset || highWatermark === logEndOffset) return false;
    return latestEpoch !== this.leaderEpoch;
  }

  #take(fetched: FetchedRecords): FollowerAppend {
    const { log, readable } = this.#replica;
    const { records, highWatermark, logStartOffset } = fetched;
    let flushed: Promise<void> | null = null;
    if (records.length > 0) {
      const nowMs = this.#host.clock.wallMs();
      const result = log.appendAsFollower(records, this.leaderEpoch, nowMs);
      if (result.errorCode !== ErrorCode.NONE) return notTaken(result.errorCode, result.message);
      flushed = result.flushed?.catch(() => undefined) ?? null;
    }
    const hasAdvanced = log.advanceHighWatermark(Math.min(highWatermark, log.logEndOffset));
    const newStart = Math.min(logStartOffset, log.highWatermark);
    if (newStart > log.logStartOffset) log.advanceLogStartOffset(newStart);
    if (hasAdvanced) readable.move();
    return { errorCode: ErrorCode.NONE, message: null, flushed };
  }

  /** Why an answer of a leader counts for nothing. */
  #voidness(leaderEpoch: number): ErrorCode {
    if (this.isOver) return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    if (this.leaderEpoch !== leaderEpoch) return ErrorCode.FENCED_LEADER_EPOCH;
    if (this.#replica.log.failure !== null) return ErrorCode.KAFKA_STORAGE_ERROR;
    return this.#isCutting ? ErrorCode.OFFSET_OUT_OF_RANGE : ErrorCode.NONE;
  }

  #cut(leaderEpoch: number, offset: number): Promise<ErrorCode> {
    return this.#whileCutting(leaderEpoch, async (isWanted) => {
      await this.#host.logs.truncateTo(this.#replica.log, offset, isWanted);
    });
  }

  #beginAt(leaderEpoch: number, offset: number): Promise<ErrorCode> {
    return this.#whileCutting(leaderEpoch, (isWanted) => {
      return this.#host.logs.truncateFullyAndStartAt(this.#replica.log, offset, offset, isWanted);
    });
  }

  /** A checkpoint may have to be written before, and meanwhile this node may be elected. */
  async #whileCutting(
    leaderEpoch: number,
    work: (isWanted: () => boolean) => Promise<void>,
  ): Promise<ErrorCode> {
    const error = this.#voidness(leaderEpoch);
    if (error !== ErrorCode.NONE) return error;
    this.#isCutting = true;
    const { log } = this.#replica;
    // It may also have been moved to another directory.
    await work(() => !this.isOver && this.#replica.log === log);
    this.#isCutting = false;
    this.#replica.readable.move();
    return this.#voidness(leaderEpoch);
  }
}

function notTaken(errorCode: ErrorCode, message: string | null = null): FollowerAppend {
  return { errorCode, message, flushed: null };
}

/** Where the log has to end, so that all that is left is the leader's too, as far as is known. */
export function truncationOffset(
  log: Pick<Log, "logEndOffset" | "highWatermark" | "endOffsetFor">,
  leader: EpochEnd,
): number {
  const { logEndOffset } = log;
  if (leader.endOffset === UNDEFINED) return Math.min(log.highWatermark, logEndOffset);
  if (leader.epoch === UNDEFINED) return Math.min(leader.endOffset, logEndOffset);
  const own = log.endOffsetFor(leader.epoch);
  if (own.endOffset === UNDEFINED) return Math.min(leader.endOffset, logEndOffset);
  // An epoch that is not known here: what comes behind the older ones cannot be the leader's.
  if (own.epoch !== leader.epoch) return Math.min(own.endOffset, logEndOffset);
  return Math.min(own.endOffset, leader.endOffset, logEndOffset);
}
