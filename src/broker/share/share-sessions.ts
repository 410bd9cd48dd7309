/**
 * Share sessions (KIP-932): a member names its partitions once; later requests carry only what
 * changed, and later responses only the partitions that have something to say.
 *
 *   request (epoch 0)    makes a session, in place of one that the member had; the next is epoch 1
 *   request (epoch E)    E must be the epoch after the last request's
 *   request (epoch -1)   closes it: the member's records are free for others
 *
 * A session ends with the connection that made it, too; and when a group has none left as a
 * connection ends, its share partitions are forgotten, to be read anew when somebody comes.
 *
 * Invariants: a member has one session at most; a partition is in a session once, and one that has
 * returned records moves to the end, so that none starves.
 */
import { LinkedList, LinkedNode } from "../../base/linked-list.ts";
import type { Signal, Waker } from "../../base/signal.ts";
import type { Clock } from "../../base/world.ts";
import { ErrorCode } from "../../protocol/error-code.ts";

const INITIAL_EPOCH = 0;
export const FINAL_EPOCH = -1;
const EPOCH_MAX = 0x7fff_ffff;

export interface SharePartitionName {
  readonly topicId: string;
  readonly partition: number;
  /** Null where no topic had this id when the session heard of it. */
  readonly topic: string | null;
}

export interface SessionPartition extends SharePartitionName {
  /** The next response names it, whatever there is to say. */
  mustTell: boolean;
}

/** What a client's connection says of itself. */
export interface SessionConnection {
  readonly id: number;
  readonly closing: Signal;
  readonly isClosing: boolean;
}

export class ShareSession {
  epoch = 1;
  readonly #nodes = new Map<string, LinkedNode<SessionPartition>>();
  readonly #order = new LinkedList<SessionPartition>();

  constructor(
    readonly groupId: string,
    readonly memberId: string,
    partitions: readonly SharePartitionName[],
  ) {
    for (const partition of partitions) this.#add(partition, false);
  }

  get size(): number {
    return this.#nodes.size;
  }

  partitions(): SessionPartition[] {
    const partitions: SessionPartition[] = [];
    for (let node = this.#order.first; node !== null; node = node.next) partitions.push(node.value);
    return partitions;
  }

  find(name: SharePartitionName): SessionPartition | null {
    return this.#nodes.get(keyOf(name))?.value ?? null;
  }

  update(asked: readonly SharePartitionName[], forgotten: readonly SharePartitionName[]): void {
    for (const name of asked) if (!this.#nodes.has(keyOf(name))) this.#add(name, true);
    for (const name of forgotten) this.#forget(name);
  }

  moveToEnd(name: SharePartitionName): void {
    const node = this.#nodes.get(keyOf(name));
    if (node === undefined) return;
    this.#order.remove(node);
    this.#order.append(node);
  }

  /** The epoch that the next request must have. */
  advance(): void {
    this.epoch = epochAfter(this.epoch);
  }

  #add({ topicId, partition, topic }: SharePartitionName, mustTell: boolean): void {
    const node = new LinkedNode<SessionPartition>({ topicId, partition, topic, mustTell });
    this.#nodes.set(keyOf({ topicId, partition, topic }), node);
    this.#order.append(node);
  }

  #forget(name: SharePartitionName): void {
    const node = this.#nodes.get(keyOf(name));
    if (node === undefined) return;
    this.#nodes.delete(keyOf(name));
    this.#order.remove(node);
  }
}

export interface ShareSessionRequest {
  readonly groupId: string;
  readonly memberId: string;
  readonly epoch: number;
  readonly partitions: readonly SharePartitionName[];
  readonly forgotten: readonly SharePartitionName[];
  readonly hasAcknowledgements: boolean;
}

/** "final" fetches nothing; the session is still there until it is removed. */
export type ShareSessionContext =
  | { readonly kind: "error"; readonly errorCode: ErrorCode }
  | { readonly kind: "final"; readonly session: ShareSession }
  | { readonly kind: "new" | "known"; readonly session: ShareSession };

export interface ShareSessionsOptions {
  readonly clock: Clock;
  /** group.share.max.share.sessions */
  readonly sessionsMax: number;
  /** The connection of a member has ended without a word; its session is still there. */
  readonly memberLeft: (session: ShareSession) => void;
  /** A connection has ended, and the group has no session left. */
  readonly groupLeft: (groupId: string) => void;
}

/** Sessions made over one connection; those that are over stay until another takes their place. */
interface ConnectionSessions {
  readonly sessions: Set<ShareSession>;
  readonly node: LinkedNode<Waker>;
}

export class ShareSessions {
  readonly #options: ShareSessionsOptions;
  readonly #groups = new Map<string, Map<string, ShareSession>>();
  readonly #connections = new Map<number, ConnectionSessions>();
  #size = 0;

  constructor(options: ShareSessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  get partitionCount(): number {
    let count = 0;
    for (const members of this.#groups.values()) {
      for (const session of members.values()) count += session.size;
    }
    return count;
  }

  find(groupId: string, memberId: string): ShareSession | null {
    return this.#groups.get(groupId)?.get(memberId) ?? null;
  }

  /** Finds, makes or changes the session that a ShareFetch names. */
  resolve(request: ShareSessionRequest, connection: SessionConnection): ShareSessionContext {
    const { groupId, memberId, epoch } = request;
    if (epoch === INITIAL_EPOCH) return this.#open(request, connection);
    const session = this.find(groupId, memberId);
    if (session === null) return failure(ErrorCode.SHARE_SESSION_NOT_FOUND);
    if (epoch === FINAL_EPOCH) return { kind: "final", session };
    if (session.epoch !== epoch) return failure(ErrorCode.INVALID_SHARE_SESSION_EPOCH);
    session.update(request.partitions, request.forgotten);
    session.advance();
    return { kind: "known", session };
  }

  /** The same for a ShareAcknowledge, which makes no session. */
  acknowledged(groupId: string, memberId: string, epoch: number): ErrorCode {
    if (epoch === INITIAL_EPOCH) return ErrorCode.INVALID_SHARE_SESSION_EPOCH;
    const session = this.find(groupId, memberId);
    if (session === null) return ErrorCode.SHARE_SESSION_NOT_FOUND;
    if (epoch === FINAL_EPOCH) return ErrorCode.NONE;
    if (session.epoch !== epoch) return ErrorCode.INVALID_SHARE_SESSION_EPOCH;
    session.advance();
    return ErrorCode.NONE;
  }

  /** Whether it was there. */
  remove(session: ShareSession): boolean {
    const { groupId, memberId } = session;
    const members = this.#groups.get(groupId);
    if (members?.get(memberId) !== session) return false;
    members.delete(memberId);
    if (members.size === 0) this.#groups.delete(groupId);
    this.#size--;
    return true;
  }

  clear(): void {
    this.#groups.clear();
    this.#size = 0;
  }

  #open(request: ShareSessionRequest, connection: SessionConnection): ShareSessionContext {
    if (request.hasAcknowledgements) return failure(ErrorCode.INVALID_REQUEST);
    const { groupId, memberId, partitions } = request;
    const known = this.find(groupId, memberId);
    if (known !== null) this.remove(known);
    const session = new ShareSession(groupId, memberId, partitions);
    // Kafka stumbles over a partition that is named twice.
    if (session.size < partitions.length) return failure(ErrorCode.UNKNOWN_SERVER_ERROR);
    if (this.#size >= this.#options.sessionsMax) {
      return failure(ErrorCode.SHARE_SESSION_LIMIT_REACHED);
    }
    const members = this.#groups.get(groupId) ?? new Map<string, ShareSession>();
    this.#groups.set(groupId, members.set(memberId, session));
    this.#size++;
    this.#watch(connection, session);
    return { kind: "new", session };
  }

  #watch(connection: SessionConnection, session: ShareSession): void {
    const { sessions } = this.#connections.get(connection.id) ?? this.#connect(connection);
    for (const other of sessions) {
      if (this.#isOpen(other)) continue;
      sessions.delete(other);
      if (other.groupId !== session.groupId) this.#checkGroup(other.groupId);
    }
    sessions.add(session);
  }

  #connect(connection: SessionConnection): ConnectionSessions {
    const { clock } = this.#options;
    const wake = (): void => {
      if (connection.isClosing) clock.afterTurn(() => this.#disconnected(connection));
    };
    const connected = { sessions: new Set<ShareSession>(), node: new LinkedNode<Waker>({ wake }) };
    connection.closing.join(connected.node);
    this.#connections.set(connection.id, connected);
    return connected;
  }

  #disconnected(connection: SessionConnection): void {
    const connected = this.#connections.get(connection.id);
    if (connected === undefined) return;
    this.#connections.delete(connection.id);
    connection.closing.leave(connected.node);
    for (const session of connected.sessions) {
      if (this.#isOpen(session)) {
        this.#options.memberLeft(session);
        this.remove(session);
      }
      this.#checkGroup(session.groupId);
    }
  }

  #isOpen(session: ShareSession): boolean {
    return this.find(session.groupId, session.memberId) === session;
  }

  #checkGroup(groupId: string): void {
    if (!this.#groups.has(groupId)) this.#options.groupLeft(groupId);
  }
}

/** After the last comes 1. */
export function epochAfter(epoch: number): number {
  if (epoch < INITIAL_EPOCH) return FINAL_EPOCH;
  return epoch === EPOCH_MAX ? 1 : epoch + 1;
}

export function keyOf({ topicId, partition }: SharePartitionName): string {
  return `${topicId}:${partition}`;
}

function failure(errorCode: ErrorCode): ShareSessionContext {
  return { kind: "error", errorCode };
}
