/**
 * Copies partitions from one leader: one connection, one session, one Fetch under way, which waits
 * at the leader until there is something to tell.
 *
 *   Fetch --> leader --> records --> written --> next Fetch --> ...
 *                                       '--> what is left to do about them
 *
 * The next Fetch leaves in the turn in which the records came, behind their writes and before all
 * else: its offsets promise that what is below them is written here, for the leader may acknowledge
 * it to producers. What takes longer (a log that is cut, a sync by flush.messages) is waited for.
 *
 * A new partition does not wait until a Fetch that waits at the leader is over: the connection is
 * closed, and all are asked for anew on another one. That is dear where they are many, and much
 * changes at once when a broker fails: the more there are, and while others come, the later.
 *
 * A partition that fails in some way is left out of the session and asked for again after
 * replica.fetch.backoff.ms; it never stops the others.
 *
 * Invariants: a partition is asked for where its log ends, in the epoch that it follows; an answer
 * to another question than the last one is dropped.
 */
import { NodeError } from "../../client/node-error.ts";
import type { Logger } from "../../base/logger.ts";
import type { Clock, Timer } from "../../base/world.ts";
import { ErrorCode, errorName } from "../../protocol/error-code.ts";
import { fetch } from "../../protocol/messages/01-fetch.ts";
import {
  type FetchAnswer,
  type FetchLimits,
  fetchRequest,
  type FetchResponse,
  type Follower,
} from "./fetch-messages.ts";
import { FetchedPartition, FetchedPartitions } from "./fetched-partition.ts";
import { askLeaderEnds } from "./leader-ends.ts";
import type { Peer } from "./peer.ts";
import type { FollowerAppend, FollowerPosition } from "../follower-state.ts";
import type { Replica } from "./replica.ts";
import { ReplicaSession, type SessionRequest } from "./replica-session.ts";

/** Whether followers must go slow now (follower.replication.throttled.*). */
export interface FollowerQuota {
  holdsBack(replica: Replica): boolean;
  record(replica: Replica, size: number): void;
}

export interface FetcherOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of this node. */
  readonly follower: () => Follower;
  readonly leaderId: number;
  /** HOST:PORT of it. */
  readonly address: string;
  /** A new connection to the leader. */
  readonly connect: () => Peer;
  readonly limits: () => FetchLimits;
  /** replica.fetch.backoff.ms */
  readonly backoffMs: () => number;
  /** replica.socket.timeout.ms */
  readonly timeoutMs: () => number;
  readonly quota: FollowerQuota;
}

/** How soon one that was held back is looked at again. */
const THROTTLED_MS = 100;
/**
 * The first wait of one that failed; each is twice as long as the last, up to the whole backoff.
 * Mostly leader and follower hear of a change one shortly after the other.
 */
const BACKOFF_MS_MIN = 10;
/**
 * So long a new partition waits for a Fetch that waits at the leader; where many come one after the
 * other, each time twice as long.
 */
const HURRY_MS_MIN = 10;
const HURRY_MS_MAX = 160;
/** To name them all again costs both sides some time. */
const HURRY_MS_A_PARTITION = 0.1;

export class LeaderFetcher {
  readonly #options: FetcherOptions;
  readonly #partitions = new FetchedPartitions();
  readonly #session = new ReplicaSession();
  readonly #delayed = new Set<FetchedPartition>();
  readonly #failed = new Set<FetchedPartition>();
  #peer: Peer;
  /** A Fetch is under way, or what it brought is not settled yet. */
  #isBusy = false;
  #isWaiting = false;
  #isClosed = false;
  /** What the next Fetch waits for. */
  #settling: Promise<void>[] = [];
  #outOfRange: FetchedPartition[] = [];
  #timer: Timer | null = null;
  #hurry: Timer | null = null;
  #hurryMs = HURRY_MS_MIN;
  #lastNewMs = 0;
  #isBegun = false;
  /** The first Fetch of a connection waits for nothing: with its answer there is a session. */
  #isFirst = true;
  /** Bytes and answers so far. */
  receivedBytes = 0;
  answerCount = 0;

  constructor(options: FetcherOptions) {
    this.#options = options;
    this.#peer = options.connect();
  }

  get size(): number {
    return this.#partitions.size;
  }

  get leaderId(): number {
    return this.#options.leaderId;
  }

  get address(): string {
    return this.#options.address;
  }

  /** With what is known of how far each is behind. */
  get partitions(): Iterable<FetchedPartition> {
    return this.#partitions;
  }

  /** Partitions that are not asked for any more until their leader changes. */
  get failedCount(): number {
    return this.#failed.size;
  }

  get lagMax(): number {
    let max = 0;
    for (const { lag } of this.#partitions) max = Math.max(max, lag ?? 0);
    return max;
  }

  /** It follows this leader from now on, or does so in another epoch. */
  add(replica: Replica, leaderEpoch: number): void {
    this.remove(replica);
    const partition = new FetchedPartition(replica, leaderEpoch);
    this.#partitions.set(partition);
    const begun = replica.beginFollowing(leaderEpoch);
    if (begun !== null) void this.#settle(partition, begun).then(() => this.#soon());
    this.#session.touch(partition);
    this.#soon();
  }

  remove(replica: Replica): void {
    const partition = this.#partitions.find(replica.topicId, replica.index);
    if (partition === null) return;
    this.#partitions.delete(partition);
    this.#forget(partition);
  }

  /** What it has asked for will not be heard. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#hurry?.cancel();
    this.#peer.close();
  }

  #forget(partition: FetchedPartition): void {
    this.#delayed.delete(partition);
    this.#failed.delete(partition);
    this.#session.forget(partition);
  }

  /** Of many that come together, all go into one Fetch. */
  #soon(): void {
    if (this.#isClosed) return;
    const { clock } = this.#options;
    if (this.#isBusy) {
      if (this.#isFirst) return;
      this.#lastNewMs = clock.monotonicMs();
      this.#hurry ??= clock.schedule(this.#patienceMs, () => this.#interrupt());
    } else if (!this.#isBegun) {
      this.#isBegun = true;
      clock.afterTurn(() => {
        this.#isBegun = false;
        this.#next();
      });
    }
  }

  get #patienceMs(): number {
    return Math.max(this.#hurryMs, this.#partitions.size * HURRY_MS_A_PARTITION);
  }

  /** The Fetch under way may wait for long yet, and a new partition with it: begins anew. */
  #interrupt(): void {
    const { clock } = this.#options;
    this.#hurry = null;
    if (!this.#isWaiting) return;
    const leftMs = this.#lastNewMs + this.#patienceMs - clock.monotonicMs();
    if (leftMs >= 1) {
      this.#hurry = clock.schedule(leftMs, () => this.#interrupt());
      return;
    }
    this.#hurryMs = Math.min(this.#hurryMs * 2, HURRY_MS_MAX);
    this.#peer.close();
    this.#peer = this.#options.connect();
    this.#session.failed();
    this.#isFirst = true;
    this.#isBusy = this.#isWaiting = false;
    this.#next();
  }

  #next(): void {
    if (this.#isBusy || this.#isClosed) return;
    const nowMs = this.#options.clock.monotonicMs();
    this.#wakeDelayed(nowMs);
    const request = this.#session.next(this.#partitions, (partition) => this.#look(partition));
    const retryMs = this.#nextRetryMs() - nowMs;
    if (request === null) return this.#retryIn(retryMs);
    this.#hurry?.cancel();
    this.#hurry = null;
    this.#isBusy = this.#isWaiting = true;
    // The clock has fractions; requests have none.
    void this.#ask(request, this.#peer, this.#isFirst ? 0 : Math.max(0, Math.ceil(retryMs)));
  }

  /** `waitMsMax`: then there are others to ask for. */
  async #ask(request: SessionRequest, peer: Peer, waitMsMax: number): Promise<void> {
    const { follower, limits, timeoutMs } = this.#options;
    const message = (version: number) => {
      const { maxWaitMs, ...rest } = limits();
      const all = { ...rest, maxWaitMs: Math.min(maxWaitMs, waitMsMax) };
      return fetchRequest(request, follower(), all, version);
    };
    try {
      await peer.ask(fetch, message, timeoutMs(), (response) => {
        if (peer === this.#peer && !this.#isClosed) this.#take(response);
      });
    } catch (error) {
      if (!(error instanceof NodeError)) throw error;
      if (peer === this.#peer && !this.#isClosed) this.#unanswered(error);
    }
  }

  #unanswered(error: NodeError): void {
    const { logger, leaderId } = this.#options;
    logger.info(`broker ${leaderId} gave no answer: ${error.message}`);
    this.#session.failed();
    this.#isFirst = true;
    for (const partition of this.#partitions) this.#retryLater(partition);
    this.#isBusy = this.#isWaiting = false;
    this.#next();
  }

  #take({ errorCode, sessionId, responses }: FetchResponse): void {
    this.#isWaiting = false;
    if (!this.#isFirst) this.#hurryMs = HURRY_MS_MIN;
    this.#isFirst = false;
    this.answerCount++;
    if (this.#session.took(errorCode, sessionId)) {
      for (const { topic, topicId, partitions } of responses) {
        for (const answer of partitions) {
          const partition = this.#partitions.findNamed(topic, topicId, answer.partitionIndex);
          if (partition !== null) this.#takePartition(partition, answer);
        }
      }
    } else if (errorCode !== ErrorCode.FETCH_SESSION_ID_NOT_FOUND) {
      this.#refused(errorCode);
    }
    if (this.#outOfRange.length > 0) this.#align(this.#outOfRange);
    if (this.#settling.length > 0) return this.#nextWhenSettled();
    this.#isBusy = false;
    this.#next();
  }

  #refused(errorCode: number): void {
    const { logger, leaderId } = this.#options;
    logger.info(`broker ${leaderId} answered a fetch with ${errorName(errorCode)}`);
    if (errorCode === ErrorCode.INVALID_FETCH_SESSION_EPOCH) return;
    for (const partition of this.#partitions) this.#retryLater(partition);
  }

  #nextWhenSettled(): void {
    const settling = this.#settling;
    this.#settling = [];
    void Promise.all(settling).then(() => {
      this.#isBusy = false;
      this.#next();
    });
  }

  #takePartition(partition: FetchedPartition, answer: FetchAnswer): void {
    const { asked } = partition;
    if (asked === null) return;
    this.#session.touch(partition);
    switch (answer.errorCode) {
      case ErrorCode.NONE:
        if (answer.divergingEpoch.epoch < 0) return this.#append(partition, asked, answer);
        return this.#cut(partition, answer.divergingEpoch);
      case ErrorCode.OFFSET_OUT_OF_RANGE:
        this.#outOfRange.push(partition);
        return;
      case ErrorCode.FENCED_LEADER_EPOCH:
        // The leader knows of a later epoch: this node will soon.
        this.#options.logger.debug(`${partition.name} has an older epoch than its leader`);
        return this.#fail(partition);
      default:
        this.#options.logger.debug(`${partition.name}: ${errorName(answer.errorCode)}`);
        return this.#retryLater(partition);
    }
  }

  #append(partition: FetchedPartition, asked: FollowerPosition, answer: FetchAnswer): void {
    const { replica } = partition;
    const { highWatermark, logStartOffset } = answer;
    const { leaderEpoch, fetchOffset } = asked;
    const records = answer.records ?? NO_RECORDS;
    const result = replica.appendAsFollower({
      leaderEpoch,
      fetchOffset,
      records,
      highWatermark,
      logStartOffset,
    });
    this.receivedBytes += records.length;
    this.#options.quota.record(replica, records.length);
    const took = (append: FollowerAppend) => this.#appended(partition, asked, answer, append);
    if (result instanceof Promise) this.#settling.push(result.then(took));
    else took(result);
  }

  #appended(
    partition: FetchedPartition,
    asked: FollowerPosition,
    { highWatermark }: FetchAnswer,
    { errorCode, flushed }: FollowerAppend,
  ): void {
    switch (errorCode) {
      case ErrorCode.NONE:
        if (flushed !== null) {
          // The others go on all the same.
          this.#settling.push(flushed.catch(() => this.#cannotWrite(partition)));
        }
        partition.attemptCount = 0;
        partition.lag = Math.max(0, highWatermark - partition.replica.log.logEndOffset);
        return;
      // An answer to a question that nobody asks any more.
      case ErrorCode.FENCED_LEADER_EPOCH:
      case ErrorCode.OFFSET_OUT_OF_RANGE:
        return;
      case ErrorCode.KAFKA_STORAGE_ERROR:
        return this.#cannotWrite(partition);
      default: {
        const reason = `${errorName(errorCode)} in what was fetched from ${asked.fetchOffset} on`;
        this.#options.logger.error(`${partition.name}: ${reason}; it is fetched again`);
        return this.#retryLater(partition);
      }
    }
  }

  #cannotWrite(partition: FetchedPartition): void {
    const { name } = partition;
    this.#options.logger.warn(`${name} cannot be written, and is not fetched any more`);
    this.#fail(partition);
  }

  #cut(partition: FetchedPartition, divergingEpoch: FetchAnswer["divergingEpoch"]): void {
    const { epoch, endOffset } = divergingEpoch;
    const { name, leaderEpoch, replica } = partition;
    const where = `epoch ${epoch} ends at ${endOffset} there`;
    this.#options.logger.info(`${name} parts from its leader's log: ${where}`);
    this.#settling.push(this.#settle(partition, replica.truncateTo(leaderEpoch, divergingEpoch)));
  }

  /** Where do the leader's logs begin and end? */
  #align(partitions: readonly FetchedPartition[]): void {
    this.#outOfRange = [];
    const { follower, timeoutMs } = this.#options;
    const aligned = askLeaderEnds(this.#peer, partitions, follower().brokerId, timeoutMs()).then(
      async (ends) => {
        await Promise.all(
          ends.map(({ partition, errorCode, start, end }) => {
            const { name, leaderEpoch, replica } = partition;
            if (errorCode !== ErrorCode.NONE) {
              this.#options.logger.info(`${name}: ${errorName(errorCode)} at its leader`);
              return this.#retryLater(partition);
            }
            this.#options.logger.info(`${name} is out of its leader's range, ${start} to ${end}`);
            return this.#settle(partition, replica.alignWith(leaderEpoch, start, end));
          }),
        );
      },
    );
    this.#settling.push(aligned);
  }

  async #settle(partition: FetchedPartition, work: Promise<ErrorCode>): Promise<void> {
    partition.isSettling = true;
    const before = partition.asked;
    const errorCode = await work;
    partition.isSettling = false;
    if (!this.#has(partition)) return;
    this.#session.touch(partition);
    if (errorCode === ErrorCode.NONE) {
      // Where nothing was cut the same question would have the same answer.
      const after = partition.replica.followerPosition();
      if (before !== null && after?.fetchOffset === before.fetchOffset) this.#retryLater(partition);
    } else if (errorCode === ErrorCode.KAFKA_STORAGE_ERROR) {
      this.#options.logger.warn(`${partition.name} cannot be cut, and is not fetched any more`);
      this.#fail(partition);
    } else {
      this.#retryLater(partition);
    }
  }

  #has(partition: FetchedPartition): boolean {
    const { topicId, index } = partition.replica;
    return !this.#isClosed && this.#partitions.find(topicId, index) === partition;
  }

  #look(partition: FetchedPartition): FollowerPosition | null {
    const { replica, leaderEpoch, isSettling, retryAtMs, isInSync } = partition;
    if (isSettling || retryAtMs > 0 || this.#failed.has(partition)) return null;
    const position = replica.followerPosition();
    if (position === null || position.leaderEpoch !== leaderEpoch) return null;
    // As Kafka: one that is in sync goes on, lest it falls out.
    if (isInSync || !this.#options.quota.holdsBack(replica)) return position;
    this.#delay(partition, THROTTLED_MS);
    return null;
  }

  /** It is asked for when it follows in another epoch. */
  #fail(partition: FetchedPartition): void {
    this.#failed.add(partition);
    this.#session.touch(partition);
  }

  #retryLater(partition: FetchedPartition): void {
    const delayMs = BACKOFF_MS_MIN * 2 ** partition.attemptCount;
    const delayMsMax = this.#options.backoffMs();
    if (delayMs < delayMsMax) partition.attemptCount++;
    this.#delay(partition, Math.min(delayMs, delayMsMax));
  }

  #delay(partition: FetchedPartition, delayMs: number): void {
    if (!this.#has(partition)) return;
    partition.retryAtMs = this.#options.clock.monotonicMs() + delayMs;
    this.#delayed.add(partition);
    this.#session.touch(partition);
  }

  #wakeDelayed(nowMs: number): void {
    for (const partition of this.#delayed) {
      if (partition.retryAtMs > nowMs) continue;
      partition.retryAtMs = 0;
      this.#delayed.delete(partition);
      this.#session.touch(partition);
    }
  }

  /** Infinity when none is delayed. */
  #nextRetryMs(): number {
    let atMs = Infinity;
    for (const { retryAtMs } of this.#delayed) atMs = Math.min(atMs, retryAtMs);
    return atMs;
  }

  #retryIn(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = null;
    if (delayMs === Infinity) return;
    this.#timer = this.#options.clock.schedule(Math.max(1, delayMs), () => this.#next());
  }
}

const NO_RECORDS = Buffer.alloc(0);
