/** A member of a group of the classic protocol. */
import type { Deadline } from "../deadlines.ts";
import type { JoinGroupResponse, SyncGroupResponse } from "./group-messages.ts";

/** An assignor by name, with what the member tells that assignor. */
export interface MemberProtocol {
  readonly name: string;
  readonly metadata: Buffer;
}

export interface MemberDescription {
  readonly memberId: string;
  /** Null for a dynamic member. */
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  readonly protocols: readonly MemberProtocol[];
}

const NO_ASSIGNMENT = Buffer.alloc(0);

export class ClassicMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  clientId: string;
  clientHost: string;
  rebalanceTimeoutMs: number;
  sessionTimeoutMs: number;
  /** In the member's order of preference. */
  protocols: readonly MemberProtocol[];
  assignment: Buffer = NO_ASSIGNMENT;
  /** Answers the JoinGroup that waits for the rebalance to complete. */
  awaitingJoin: ((response: JoinGroupResponse) => void) | null = null;
  /** Answers the SyncGroup that waits for the leader's. */
  awaitingSync: ((response: SyncGroupResponse) => void) | null = null;
  /** Has not been told its member id yet, so it cannot send heartbeats. */
  isNew = false;

  constructor(
    description: MemberDescription,
    /** Removes the member when it has not been heard of for its session timeout. */
    readonly session: Deadline,
  ) {
    this.memberId = description.memberId;
    this.groupInstanceId = description.groupInstanceId;
    this.clientId = description.clientId;
    this.clientHost = description.clientHost;
    this.rebalanceTimeoutMs = description.rebalanceTimeoutMs;
    this.sessionTimeoutMs = description.sessionTimeoutMs;
    this.protocols = description.protocols;
  }

  get isStatic(): boolean {
    return this.groupInstanceId !== null;
  }

  /** A member whose request waits here needs no heartbeat, unless it is new. */
  get hasSatisfiedHeartbeat(): boolean {
    return !this.isNew && (this.awaitingJoin !== null || this.awaitingSync !== null);
  }

  /** Null when the member does not support the protocol. */
  metadataOf(protocolName: string | null): Buffer | null {
    return this.protocols.find((protocol) => protocol.name === protocolName)?.metadata ?? null;
  }

  /** The first of the candidates in the member's own order. */
  voteAmong(candidates: ReadonlySet<string>): string | null {
    return this.protocols.find((protocol) => candidates.has(protocol.name))?.name ?? null;
  }

  /** Whether a JoinGroup says nothing new. */
  hasProtocols(protocols: readonly MemberProtocol[]): boolean {
    return (
      protocols.length === this.protocols.length &&
      protocols.every((protocol, index) => {
        const own = this.protocols[index]!;
        return own.name === protocol.name && own.metadata.equals(protocol.metadata);
      })
    );
  }

  describe(): MemberDescription {
    const { memberId, groupInstanceId, clientId, clientHost, protocols } = this;
    const { rebalanceTimeoutMs, sessionTimeoutMs } = this;
    return {
      memberId,
      groupInstanceId,
      clientId,
      clientHost,
      rebalanceTimeoutMs,
      sessionTimeoutMs,
      protocols,
    };
  }

  resetSession(): void {
    this.session.set(this.sessionTimeoutMs);
  }
}
