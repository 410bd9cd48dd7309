/**
 * The follower's side of an incremental fetch session (KIP-227) with one leader: which partitions a
 * request must name so that the leader knows all of them.
 *
 *   full          (id 0 or the last one, epoch 0)    names all; the answer may give a session
 *   incremental   (id N, epoch 1, 2, ...)            names those that moved, forgets who left
 *
 *   touch -> [ changed ] -> next request: named, if it stands elsewhere than the leader knows
 *
 * A request costs what has moved since the last one, not the number of partitions.
 *
 * Invariants: `asked` of a partition is what the leader has; only one request is under way.
 */
import { assert } from "../../base/assert.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import type { FetchedPartition } from "./fetched-partition.ts";
import type { FollowerPosition } from "../follower-state.ts";
import type { Replica } from "./replica.ts";

const NO_SESSION = 0;
const INITIAL_EPOCH = 0;
const EPOCH_MAX = 0x7fffffff;

/** As it stood when the request was made: until it is sent, the partition may have left. */
export interface NamedPartition {
  readonly replica: Replica;
  readonly asked: FollowerPosition;
}

export interface SessionRequest {
  readonly sessionId: number;
  readonly sessionEpoch: number;
  readonly named: readonly NamedPartition[];
  readonly forgotten: readonly FetchedPartition[];
}

/** Where to read a partition on; null when it is not to be asked for now. */
export type Look = (partition: FetchedPartition) => FollowerPosition | null;

export class ReplicaSession {
  #id = NO_SESSION;
  #epoch = INITIAL_EPOCH;
  #size = 0;
  #changed = new Set<FetchedPartition>();
  #forgotten: FetchedPartition[] = [];

  /** It may have moved, become ready or stopped being so. */
  touch(partition: FetchedPartition): void {
    this.#changed.add(partition);
  }

  forget(partition: FetchedPartition): void {
    this.#changed.delete(partition);
    this.#leave(partition);
  }

  /** Null when there is nothing to ask for. `all` are looked at only for a full request. */
  next(all: Iterable<FetchedPartition>, look: Look): SessionRequest | null {
    return this.#epoch === INITIAL_EPOCH ? this.#full(all, look) : this.#incremental(look);
  }

  /** False when the answer has nothing but an error: the session begins anew. */
  took(errorCode: number, sessionId: number): boolean {
    const isLost =
      errorCode === ErrorCode.FETCH_SESSION_ID_NOT_FOUND ||
      errorCode === ErrorCode.INVALID_FETCH_SESSION_EPOCH;
    if (isLost || (errorCode === ErrorCode.NONE && sessionId === NO_SESSION)) {
      this.#id = NO_SESSION;
      this.#epoch = INITIAL_EPOCH;
      return errorCode === ErrorCode.NONE;
    }
    if (errorCode !== ErrorCode.NONE) {
      this.failed();
      return false;
    }
    this.#id = sessionId;
    this.#epoch = this.#epoch === EPOCH_MAX ? 1 : this.#epoch + 1;
    return true;
  }

  /** Nobody knows what the leader has taken: the next request replaces its session. */
  failed(): void {
    this.#epoch = INITIAL_EPOCH;
  }

  #full(all: Iterable<FetchedPartition>, look: Look): SessionRequest | null {
    this.#changed.clear();
    this.#forgotten = [];
    const named: NamedPartition[] = [];
    for (const partition of all) {
      const asked = look(partition);
      partition.asked = asked;
      if (asked !== null) named.push({ replica: partition.replica, asked });
    }
    this.#size = named.length;
    if (named.length === 0) return null;
    return { sessionId: this.#id, sessionEpoch: INITIAL_EPOCH, named, forgotten: [] };
  }

  #incremental(look: Look): SessionRequest | null {
    const changed = this.#changed;
    this.#changed = new Set();
    const named: NamedPartition[] = [];
    for (const partition of changed) {
      const position = look(partition);
      if (position === null) {
        this.#leave(partition);
      } else if (partition.asked === null || !isSame(position, partition.asked)) {
        if (partition.asked === null) this.#size++;
        partition.asked = position;
        named.push({ replica: partition.replica, asked: position });
      }
    }
    assert(this.#size >= 0, "partitions leave once");
    // Those that left stay in the leader's session until there is something else to say.
    if (this.#size === 0) return null;
    const forgotten = withoutNamed(this.#forgotten, named);
    this.#forgotten = [];
    return { sessionId: this.#id, sessionEpoch: this.#epoch, named, forgotten };
  }

  #leave(partition: FetchedPartition): void {
    if (partition.asked === null) return;
    partition.asked = null;
    this.#size--;
    this.#forgotten.push(partition);
  }
}

/** A leader forgets behind what it is told: one that has come back must not be forgotten. */
function withoutNamed(
  forgotten: readonly FetchedPartition[],
  named: readonly NamedPartition[],
): readonly FetchedPartition[] {
  if (forgotten.length === 0) return forgotten;
  const keyOf = ({ topicId, index }: Replica) => `${topicId}:${index}`;
  const keys = new Set(named.map(({ replica }) => keyOf(replica)));
  return forgotten.filter(({ replica }) => !keys.has(keyOf(replica)));
}

function isSame(position: FollowerPosition, other: FollowerPosition): boolean {
  return (
    position.fetchOffset === other.fetchOffset &&
    position.leaderEpoch === other.leaderEpoch &&
    position.lastFetchedEpoch === other.lastFetchedEpoch &&
    position.logStartOffset === other.logStartOffset
  );
}
