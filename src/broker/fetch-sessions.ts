/**
 * Incremental fetch sessions (KIP-227): a consumer names its partitions once; later requests carry
 * only what changed, and later responses only the partitions that have something to say.
 *
 *   session = { id, epoch, partitions by key, those of them that may have news }
 *
 *   request (id 0, epoch 0)     full: a new session is made if the cache has room
 *   request (id N, epoch E)     incremental: E must be the epoch after the last request's
 *   request (id N, epoch -1)    closes session N, answered without a session
 *
 * A session of thousands of partitions costs what has happened to them, not their number: it
 * watches each, and one of which a fetch has said all, up to its end, is not looked at until it
 * moves.
 *
 *   news:  a (records left) <-> b (asked for anew) <-> c (has moved)      quiet: all others
 *
 * Invariants: a partition is in a session once; all that may have something to tell are in `news`;
 * one that has returned records moves to its end, so that none starves behind a small `maxBytes`.
 */
import { LinkedList, LinkedNode } from "../base/linked-list.ts";
import { Signal, type Waker } from "../base/signal.ts";
import { NO_REPLICA } from "../partition/fetch-read.ts";
import type { Partition } from "../partition/partition.ts";
import { ErrorCode } from "../protocol/error-code.ts";

export const NO_SESSION_ID = 0;
const INITIAL_EPOCH = 0;
const FINAL_EPOCH = -1;
const EPOCH_MAX = 0x7fffffff;

/** What a request says of one partition. */
export interface FetchPartitionRequest {
  /** Null where topics are named by id. */
  topic: string | null;
  /** Empty where topics are named by name. */
  topicId: string;
  partition: number;
  currentLeaderEpoch: number;
  fetchOffset: number;
  lastFetchedEpoch: number;
  logStartOffset: number;
  partitionMaxBytes: number;
}

/** The part of a partition's answer which decides whether the session must repeat it. */
export interface FetchPartitionAnswer {
  errorCode: number;
  highWatermark: number;
  logStartOffset: number;
  slice: { readonly size: number } | null;
  divergingEpoch: object | null;
  preferredReadReplica: number;
}

/** One partition of a session: the last request for it and the last answer sent. */
export class SessionPartition implements FetchPartitionRequest, Waker {
  readonly newsNode = new LinkedNode<SessionPartition>(this);
  /** A fetch looks at it, and it has not moved since. */
  isSeen = false;
  readonly #wakeNode = new LinkedNode<Waker>(this);
  readonly #session: FetchSession;
  #watched: Partition | null = null;
  sentHighWatermark = -1;
  sentLogStartOffset = -1;
  topic: string | null;
  topicId: string;
  partition: number;
  currentLeaderEpoch: number;
  fetchOffset: number;
  lastFetchedEpoch: number;
  logStartOffset: number;
  partitionMaxBytes: number;

  constructor(session: FetchSession, request: FetchPartitionRequest) {
    this.#session = session;
    this.topic = request.topic;
    this.topicId = request.topicId;
    this.partition = request.partition;
    this.currentLeaderEpoch = request.currentLeaderEpoch;
    this.fetchOffset = request.fetchOffset;
    this.lastFetchedEpoch = request.lastFetchedEpoch;
    this.logStartOffset = request.logStartOffset;
    this.partitionMaxBytes = request.partitionMaxBytes;
  }

  get isWatching(): boolean {
    return this.#watched !== null;
  }

  /** Null when there is no such partition now. */
  watch(partition: Partition | null): void {
    if (partition === this.#watched) return;
    this.#watched?.readable.leave(this.#wakeNode);
    partition?.readable.join(this.#wakeNode);
    this.#session.watchedCount += (partition === null ? 0 : 1) - (this.isWatching ? 1 : 0);
    this.#watched = partition;
  }

  wake(): void {
    // It was quiet: at each fetch until now the follower had all that there was.
    if (this.newsNode.list === null && this.#session.replicaId !== NO_REPLICA) {
      const { replicaId, lastUsedMs } = this.#session;
      this.#watched?.followerWasCaughtUp(replicaId, this.fetchOffset, lastUsedMs);
    }
    this.isSeen = false;
    this.#session.hasNews(this);
    this.#session.moved.move();
  }

  update(request: FetchPartitionRequest): void {
    this.currentLeaderEpoch = request.currentLeaderEpoch;
    this.fetchOffset = request.fetchOffset;
    this.lastFetchedEpoch = request.lastFetchedEpoch;
    this.logStartOffset = request.logStartOffset;
    this.partitionMaxBytes = request.partitionMaxBytes;
  }

  /** Whether an incremental response must name this partition. */
  mustRespond(answer: FetchPartitionAnswer): boolean {
    return (
      (answer.slice?.size ?? 0) > 0 ||
      answer.divergingEpoch !== null ||
      answer.preferredReadReplica !== NO_REPLICA ||
      answer.errorCode !== ErrorCode.NONE ||
      answer.highWatermark !== this.sentHighWatermark ||
      answer.logStartOffset !== this.sentLogStartOffset
    );
  }

  /** The response says this of it. */
  responded(answer: FetchPartitionAnswer): void {
    // After an error the next answer is sent whatever it says, so that the client sees it gone.
    this.sentHighWatermark = answer.errorCode === ErrorCode.NONE ? answer.highWatermark : -1;
    this.sentLogStartOffset = answer.logStartOffset;
  }
}

export class FetchSession {
  readonly #byKey = new Map<string, SessionPartition>();
  readonly #news = new LinkedList<SessionPartition>();
  /** Moves with every partition that is watched. */
  readonly moved = new Signal();
  /** Of its partitions: those that are there. */
  watchedCount = 0;
  epoch = 1;
  lastUsedMs: number;
  #isolationLevel = -1;

  constructor(
    readonly id: number,
    /** Followers are privileged: no consumer drives them out. */
    readonly isPrivileged: boolean,
    readonly usesTopicIds: boolean,
    readonly createdMs: number,
    requests: readonly FetchPartitionRequest[],
    /** Of a follower. */
    readonly replicaId = NO_REPLICA,
  ) {
    this.lastUsedMs = createdMs;
    for (const request of requests) this.#put(request);
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** Those that may have something to tell, in the order in which they do. */
  news(): SessionPartition[] {
    const partitions: SessionPartition[] = [];
    for (let node = this.#news.first; node !== null; node = node.next) partitions.push(node.value);
    return partitions;
  }

  hasNews(partition: SessionPartition): void {
    if (partition.newsNode.list === null) this.#news.append(partition.newsNode);
  }

  /** All is said of it; unless it has moved since it was looked at. */
  settle(partition: SessionPartition): void {
    if (partition.isSeen && partition.newsNode.list !== null) this.#news.remove(partition.newsNode);
  }

  /** What is the end for one reader is not for another. */
  readAs(isolationLevel: number): void {
    if (isolationLevel === this.#isolationLevel) return;
    this.#isolationLevel = isolationLevel;
    for (const partition of this.#byKey.values()) this.hasNews(partition);
  }

  /** The session's own partitions for the requests that it was made of. */
  partitionsByRequest(
    requests: readonly FetchPartitionRequest[],
  ): Map<FetchPartitionRequest, SessionPartition> {
    const found = new Map<FetchPartitionRequest, SessionPartition>();
    for (const request of requests) {
      const partition = this.#byKey.get(keyOf(request));
      if (partition !== undefined) found.set(request, partition);
    }
    return found;
  }

  update(requests: readonly FetchPartitionRequest[], forgotten: readonly PartitionKey[]): void {
    for (const request of requests) this.#put(request);
    for (const key of forgotten) this.#forget(key);
  }

  /** Sends a partition that has returned records to the end of the order. */
  moveToEnd({ newsNode }: SessionPartition): void {
    if (newsNode.list !== null) this.#news.remove(newsNode);
    this.#news.append(newsNode);
  }

  /** It watches nothing any more. */
  close(): void {
    for (const partition of this.#byKey.values()) partition.watch(null);
  }

  #put(request: FetchPartitionRequest): void {
    const key = keyOf(request);
    const known = this.#byKey.get(key);
    const partition = known ?? new SessionPartition(this, request);
    if (known === undefined) this.#byKey.set(key, partition);
    else known.update(request);
    this.hasNews(partition);
  }

  #forget(key: PartitionKey): void {
    const partition = this.#byKey.get(keyOf(key));
    if (partition === undefined) return;
    this.#byKey.delete(keyOf(key));
    partition.watch(null);
    if (partition.newsNode.list !== null) this.#news.remove(partition.newsNode);
  }
}

export interface PartitionKey {
  topic: string | null;
  topicId: string;
  partition: number;
}

export interface FetchSessionRequest {
  sessionId: number;
  sessionEpoch: number;
  usesTopicIds: boolean;
  isFollower: boolean;
  replicaId?: number;
  partitions: readonly FetchPartitionRequest[];
  forgotten: readonly PartitionKey[];
}

/**
 * What to read for one request, and what to do with the answers:
 * "sessionless" sends all, "full" sends all and then makes a session, "incremental" what changed.
 */
export type FetchContext =
  | { kind: "error"; errorCode: ErrorCode }
  | { kind: "sessionless"; partitions: readonly FetchPartitionRequest[] }
  | { kind: "full"; partitions: readonly FetchPartitionRequest[] }
  | { kind: "incremental"; session: FetchSession };

/** All sessions of a node, at most `sessionsMax` (max.incremental.fetch.session.cache.slots). */
export class FetchSessions {
  /** Fetches that wait for records, in a session or not. */
  readonly waits = { count: 0 };
  evictedCount = 0;
  readonly #sessions = new Map<number, FetchSession>();

  constructor(
    readonly sessionsMax: number,
    /** A session unused for so long, or as old, may give way to another. */
    readonly evictionMs: number,
    readonly randomUint32: () => number,
  ) {}

  get size(): number {
    return this.#sessions.size;
  }

  values(): Iterable<FetchSession> {
    return this.#sessions.values();
  }

  /** Finds, changes or ends the session that a request names. */
  resolve(request: FetchSessionRequest, nowMs: number): FetchContext {
    const { sessionId, sessionEpoch, partitions } = request;
    if (sessionEpoch === INITIAL_EPOCH || sessionEpoch === FINAL_EPOCH) {
      if (sessionId !== NO_SESSION_ID) this.#remove(sessionId);
      return { kind: sessionEpoch === FINAL_EPOCH ? "sessionless" : "full", partitions };
    }
    const session = this.#sessions.get(sessionId);
    if (session === undefined) {
      return { kind: "error", errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND };
    }
    if (session.epoch !== sessionEpoch) {
      return { kind: "error", errorCode: ErrorCode.INVALID_FETCH_SESSION_EPOCH };
    }
    if (session.usesTopicIds !== request.usesTopicIds) {
      return { kind: "error", errorCode: ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR };
    }
    session.update(partitions, request.forgotten);
    if (session.size === 0) {
      this.#remove(sessionId);
      return { kind: "sessionless", partitions };
    }
    session.lastUsedMs = nowMs;
    session.epoch = session.epoch === EPOCH_MAX ? 1 : session.epoch + 1;
    return { kind: "incremental", session };
  }

  /** Returns null when every slot is taken by a session that must stay. */
  create(request: FetchSessionRequest, nowMs: number): FetchSession | null {
    const size = request.partitions.length;
    if (this.#sessions.size >= this.sessionsMax && !this.#evict(request.isFollower, size, nowMs)) {
      return null;
    }
    const session = new FetchSession(
      this.#newId(),
      request.isFollower,
      request.usesTopicIds,
      nowMs,
      request.partitions,
      request.replicaId,
    );
    this.#sessions.set(session.id, session);
    return session;
  }

  /**
   * Makes room for a session of `size` partitions: first goes one unused for long; then, of the
   * ones old enough, the smallest, if it is smaller and not more privileged than the new one.
   * A follower may drive out any consumer's session, however young.
   */
  #evict(isPrivileged: boolean, size: number, nowMs: number): boolean {
    let stalest: FetchSession | null = null;
    let smallest: FetchSession | null = null;
    for (const session of this.#sessions.values()) {
      if (stalest === null || session.lastUsedMs < stalest.lastUsedMs) stalest = session;
      const isOld = nowMs - session.createdMs > this.evictionMs;
      if (!isOld && !(isPrivileged && !session.isPrivileged)) continue;
      if (smallest === null || isLessValuable(session, smallest)) smallest = session;
    }
    let evicted: FetchSession | null = null;
    if (stalest !== null && nowMs - stalest.lastUsedMs > this.evictionMs) evicted = stalest;
    else if (smallest !== null && !isWorthLess(isPrivileged, size, smallest)) evicted = smallest;
    if (evicted === null) return false;
    this.#remove(evicted.id);
    this.evictedCount++;
    return true;
  }

  #remove(id: number): void {
    this.#sessions.get(id)?.close();
    this.#sessions.delete(id);
  }

  #newId(): number {
    for (;;) {
      const id = this.randomUint32() & 0x7fffffff;
      if (id !== NO_SESSION_ID && !this.#sessions.has(id)) return id;
    }
  }
}

/** A session keeps to names or to ids for its whole life, so one of the two tells all apart. */
function keyOf(key: PartitionKey): string {
  return `${key.topic ?? key.topicId}:${key.partition}`;
}

function isLessValuable(session: FetchSession, other: FetchSession): boolean {
  if (session.isPrivileged !== other.isPrivileged) return !session.isPrivileged;
  return session.size < other.size;
}

function isWorthLess(isPrivileged: boolean, size: number, than: FetchSession): boolean {
  if (isPrivileged !== than.isPrivileged) return !isPrivileged;
  return size < than.size;
}
