/**
 * Incremental fetch sessions (KIP-227): a consumer names its partitions once; later requests carry
 * only what changed, and later responses only the partitions that have something to say.
 *
 *   session = { id, epoch, partitions in answer order }
 *
 *   request (id 0, epoch 0)     full: a new session is made if the cache has room
 *   request (id N, epoch E)     incremental: E must be the epoch after the last request's
 *   request (id N, epoch -1)    closes session N, answered without a session
 *
 * Invariants: a partition is in a session once; `order` is a ring of all its partitions, and one
 * that has returned records moves to its end, so that none starves behind a small `maxBytes`.
 */
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
}

/** One partition of a session: the last request for it and the last answer sent. */
export class SessionPartition implements FetchPartitionRequest {
  next: SessionPartition = this;
  previous: SessionPartition = this;
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

  constructor(request: FetchPartitionRequest) {
    this.topic = request.topic;
    this.topicId = request.topicId;
    this.partition = request.partition;
    this.currentLeaderEpoch = request.currentLeaderEpoch;
    this.fetchOffset = request.fetchOffset;
    this.lastFetchedEpoch = request.lastFetchedEpoch;
    this.logStartOffset = request.logStartOffset;
    this.partitionMaxBytes = request.partitionMaxBytes;
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
  /** Start and end of the ring; not a partition. */
  readonly #ring: SessionPartition;
  epoch = 1;
  lastUsedMs: number;

  constructor(
    readonly id: number,
    /** Followers are privileged: no consumer drives them out. */
    readonly isPrivileged: boolean,
    readonly usesTopicIds: boolean,
    readonly createdMs: number,
    requests: readonly FetchPartitionRequest[],
  ) {
    this.lastUsedMs = createdMs;
    this.#ring = new SessionPartition(NO_PARTITION);
    for (const request of requests) this.#put(request);
  }

  get size(): number {
    return this.#byKey.size;
  }

  *partitions(): IterableIterator<SessionPartition> {
    for (let at = this.#ring.next; at !== this.#ring; at = at.next) yield at;
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
  moveToEnd(partition: SessionPartition): void {
    unlink(partition);
    this.#link(partition);
  }

  #put(request: FetchPartitionRequest): void {
    const key = keyOf(request);
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      known.update(request);
      return;
    }
    const partition = new SessionPartition(request);
    this.#byKey.set(key, partition);
    this.#link(partition);
  }

  #forget(key: PartitionKey): void {
    const partition = this.#byKey.get(keyOf(key));
    if (partition === undefined) return;
    this.#byKey.delete(keyOf(key));
    unlink(partition);
  }

  #link(partition: SessionPartition): void {
    const last = this.#ring.previous;
    partition.previous = last;
    partition.next = this.#ring;
    last.next = partition;
    this.#ring.previous = partition;
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

  /** Finds, changes or ends the session that a request names. */
  resolve(request: FetchSessionRequest, nowMs: number): FetchContext {
    const { sessionId, sessionEpoch, partitions } = request;
    if (sessionEpoch === INITIAL_EPOCH || sessionEpoch === FINAL_EPOCH) {
      if (sessionId !== NO_SESSION_ID) this.#sessions.delete(sessionId);
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
      this.#sessions.delete(sessionId);
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
    this.#sessions.delete(evicted.id);
    return true;
  }

  #newId(): number {
    for (;;) {
      const id = this.randomUint32() & 0x7fffffff;
      if (id !== NO_SESSION_ID && !this.#sessions.has(id)) return id;
    }
  }
}

const NO_PARTITION: FetchPartitionRequest = {
  topic: null,
  topicId: "",
  partition: -1,
  currentLeaderEpoch: -1,
  fetchOffset: -1,
  lastFetchedEpoch: -1,
  logStartOffset: -1,
  partitionMaxBytes: -1,
};

/** A session keeps to names or to ids for its whole life, so one of the two tells all apart. */
function keyOf(key: PartitionKey): string {
  return `${key.topic ?? key.topicId}:${key.partition}`;
}

function unlink(partition: SessionPartition): void {
  partition.previous.next = partition.next;
  partition.next.previous = partition.previous;
}

function isLessValuable(session: FetchSession, other: FetchSession): boolean {
  if (session.isPrivileged !== other.isPrivileged) return !session.isPrivileged;
  return session.size < other.size;
}

function isWorthLess(isPrivileged: boolean, size: number, than: FetchSession): boolean {
  if (isPrivileged !== than.isPrivileged) return !isPrivileged;
  return size < than.size;
}
