/**
 * A group of the classic protocol: its members and where it is in its rebalance.
 *
 *            first member joins              all joined, or time is up
 *   Empty ─────────────────────▶ Preparing ─────────────────────────────▶ Completing
 *     ▲                          Rebalance ◀───────────────────────────── Rebalance
 *     └── nobody joined ──────────┘   ▲      join, leave, time-out            │ leader's
 *                                     └──────────────── Stable ◀──────────────┘ SyncGroup
 *
 * Two kinds of state. What a GroupMetadata record holds (generation, protocol, leader, members with
 * their assignments) changes to what the log says by `becomeAsRecorded`, live and on replay alike.
 * The rest (who waits for an answer, who is expected) lives in memory and is gone after a restart.
 *
 * Invariants: `awaitingJoinCount` members have `awaitingJoin`; `staticMembers` names exactly the
 * static members; nobody is both a member and pending; `pendingSync` holds members only, and is
 * empty outside CompletingRebalance and Stable; a group with members has a leader among them.
 */
import { assert } from "../../base/assert.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import type { Deadline } from "../deadlines.ts";
import type { ClassicMember, MemberProtocol } from "./classic-member.ts";
import { CONSUMER_PROTOCOL_TYPE, subscribedTopicsOf } from "./consumer-subscription.ts";
import type { JoinGroupResponse, SyncGroupResponse } from "./group-messages.ts";
import { javaHashCode } from "../java-hash.ts";
import { bucketOf, grownCapacity } from "../java-order.ts";

export type ClassicGroupState =
  "Empty" | "PreparingRebalance" | "CompletingRebalance" | "Stable" | "Dead";

/** By state: the states from which it may be entered. */
const PREVIOUS_STATES: Record<ClassicGroupState, readonly ClassicGroupState[]> = {
  Empty: ["PreparingRebalance"],
  PreparingRebalance: ["Stable", "CompletingRebalance", "Empty"],
  CompletingRebalance: ["PreparingRebalance"],
  Stable: ["CompletingRebalance"],
  Dead: ["Stable", "PreparingRebalance", "CompletingRebalance", "Empty", "Dead"],
};

/** What a record says of the group as a whole. */
export interface RecordedGroup {
  readonly generationId: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly leaderId: string | null;
  /** -1: not known; records of old versions do not tell. */
  readonly stateSinceMs: number;
}

export class ClassicGroup {
  state: ClassicGroupState = "Empty";
  previousState: ClassicGroupState = "Dead";
  /** Wall clock when the group entered its state; -1 when not known. */
  stateSinceMs: number;
  generationId = 0;
  /** Null: a simple group, which only holds offsets, or one that never had a member. */
  protocolType: string | null = null;
  protocolName: string | null = null;
  leaderId: string | null = null;
  /** Null: not known, as the members do not speak the consumer protocol. */
  subscribedTopics: ReadonlySet<string> | null = null;
  /** Set while the first rebalance waits for more members to come. */
  initialRebalance: { delayMs: number; remainingMs: number } | null = null;
  /** A member joined since that wait began or was last extended. */
  newMemberAdded = false;
  awaitingJoinCount = 0;
  members = new Map<string, ClassicMember>();
  /** Member id by group instance id. */
  readonly staticMembers = new Map<string, string>();
  /** Ids that were given out (KIP-394) and have not joined, each with its time limit. */
  readonly pendingJoin = new Map<string, Deadline>();
  /** Members whose SyncGroup is still to come. */
  readonly pendingSync = new Set<string>();
  /** How many members support a protocol, by its name. */
  readonly #supportCounts = new Map<string, number>();

  constructor(
    readonly groupId: string,
    nowMs: number,
    /** Ends the wait for members to join. */
    readonly joinDeadline: Deadline,
    /** Ends the wait for members to sync. */
    readonly syncDeadline: Deadline,
  ) {
    this.stateSinceMs = nowMs;
  }

  /** Holds offsets of consumers that do not use membership; no record stands for the group. */
  get isSimple(): boolean {
    return this.protocolType === null && this.state === "Empty" && this.pendingJoin.size === 0;
  }

  get usesConsumerProtocol(): boolean {
    return this.protocolType === CONSUMER_PROTOCOL_TYPE;
  }

  get canRebalance(): boolean {
    return PREVIOUS_STATES.PreparingRebalance.includes(this.state);
  }

  get hasAllMembersJoined(): boolean {
    return this.members.size === this.awaitingJoinCount && this.pendingJoin.size === 0;
  }

  get hasReceivedSyncFromAll(): boolean {
    return this.pendingSync.size === 0;
  }

  /** The longest that any member asks for. */
  get rebalanceTimeoutMs(): number {
    let longestMs = 0;
    for (const member of this.members.values()) {
      longestMs = Math.max(longestMs, member.rebalanceTimeoutMs);
    }
    return longestMs;
  }

  isLeader(memberId: string): boolean {
    return this.leaderId === memberId;
  }

  /** UNKNOWN_MEMBER_ID or FENCED_INSTANCE_ID when the request does not come from a member. */
  checkMember(memberId: string, groupInstanceId: string | null): ErrorCode {
    if (groupInstanceId !== null) {
      const current = this.staticMembers.get(groupInstanceId);
      if (current === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
      if (current !== memberId) return ErrorCode.FENCED_INSTANCE_ID;
    }
    return this.members.has(memberId) ? ErrorCode.NONE : ErrorCode.UNKNOWN_MEMBER_ID;
  }

  /** Whether at least one of the protocols is supported by all members. */
  supportsProtocols(protocolType: string, protocols: readonly MemberProtocol[]): boolean {
    if (this.state === "Empty") return protocolType !== "" && protocols.length > 0;
    return (
      this.protocolType === protocolType &&
      protocols.some(({ name }) => this.#isSupportedByAll(name))
    );
  }

  /** Without known subscriptions, a group of consumers counts as subscribed to everything. */
  isSubscribedTo(topicName: string): boolean {
    return this.subscribedTopics?.has(topicName) ?? this.usesConsumerProtocol;
  }

  add(member: ClassicMember, protocolType: string): void {
    const { memberId, groupInstanceId } = member;
    assert(!this.members.has(memberId), "a member is added once");
    if (groupInstanceId !== null) {
      assert(!this.staticMembers.has(groupInstanceId), "an instance id has one member");
      this.staticMembers.set(groupInstanceId, memberId);
    }
    if (this.members.size === 0) this.protocolType = protocolType;
    this.leaderId ??= memberId;
    this.members.set(memberId, member);
    this.#count(member.protocols, 1);
    if (member.awaitingJoin !== null) this.awaitingJoinCount += 1;
    this.removePending(memberId);
  }

  /** Whoever waits for an answer has been answered before. */
  remove(memberId: string): void {
    this.removePending(memberId);
    this.pendingSync.delete(memberId);
    const member = this.members.get(memberId);
    if (member === undefined) return;
    assert(member.awaitingSync === null, "a removed member waits for nothing");
    member.session.cancel();
    this.members.delete(memberId);
    this.#count(member.protocols, -1);
    if (member.awaitingJoin !== null) this.awaitingJoinCount -= 1;
    if (member.groupInstanceId !== null) this.staticMembers.delete(member.groupInstanceId);
    if (this.isLeader(memberId)) this.leaderId = firstOf(this.members.keys());
  }

  /** Puts `replacement` in the place of a static member of the same instance id. */
  replaceStatic(old: ClassicMember, replacement: ClassicMember): void {
    const { groupInstanceId } = replacement;
    assert(
      groupInstanceId !== null && groupInstanceId === old.groupInstanceId,
      "the same instance",
    );
    const wasLeader = this.isLeader(old.memberId);
    this.remove(old.memberId);
    this.add(replacement, this.protocolType ?? "");
    if (wasLeader) this.leaderId = replacement.memberId;
  }

  addPending(memberId: string, deadline: Deadline): void {
    assert(!this.members.has(memberId), "a pending member is no member yet");
    this.pendingJoin.set(memberId, deadline);
  }

  removePending(memberId: string): void {
    const deadline = this.pendingJoin.get(memberId);
    if (deadline === undefined) return;
    deadline.cancel();
    this.pendingJoin.delete(memberId);
  }

  /** What a JoinGroup of a member says anew. */
  update(
    member: ClassicMember,
    protocols: readonly MemberProtocol[],
    rebalanceTimeoutMs: number,
    sessionTimeoutMs: number,
  ): void {
    this.#count(member.protocols, -1);
    member.protocols = protocols;
    this.#count(member.protocols, 1);
    member.rebalanceTimeoutMs = rebalanceTimeoutMs;
    member.sessionTimeoutMs = sessionTimeoutMs;
  }

  awaitJoin(member: ClassicMember, answer: (response: JoinGroupResponse) => void): void {
    assert(member.awaitingJoin === null, "a member waits once");
    member.awaitingJoin = answer;
    this.awaitingJoinCount += 1;
  }

  /** False when nobody waits. */
  answerJoin(member: ClassicMember, response: JoinGroupResponse): boolean {
    const answer = member.awaitingJoin;
    if (answer === null) return false;
    member.awaitingJoin = null;
    this.awaitingJoinCount -= 1;
    answer(response);
    return true;
  }

  /** False when nobody waits. */
  answerSync(member: ClassicMember, response: SyncGroupResponse): boolean {
    const answer = member.awaitingSync;
    if (answer === null) return false;
    member.awaitingSync = null;
    answer(response);
    return true;
  }

  /** False when no member has joined: then there is nobody to lead. */
  electJoinedLeader(): boolean {
    if (this.leaderId === null) return false;
    if (this.members.get(this.leaderId)?.awaitingJoin) return true;
    for (const member of this.members.values()) {
      if (member.awaitingJoin === null) continue;
      this.leaderId = member.memberId;
      return true;
    }
    return false;
  }

  transitionTo(state: ClassicGroupState, nowMs: number): void {
    assert(
      PREVIOUS_STATES[state].includes(this.state),
      `a group goes to ${state} from ${PREVIOUS_STATES[state].join(" or ")}, not ${this.state}`,
    );
    this.previousState = this.state;
    this.state = state;
    this.stateSinceMs = nowMs;
  }

  /** All members have joined: the next generation has them, and waits for the leader's plan. */
  startGeneration(nowMs: number): void {
    assert(this.members.size > 0, "a generation has members");
    this.generationId += 1;
    this.protocolName = this.selectProtocol();
    this.#learnSubscriptions();
    this.pendingSync.clear();
    this.transitionTo("CompletingRebalance", nowMs);
  }

  /**
   * Each member votes for the first in its list that all support; most votes win. Between equals
   * Kafka takes the one that comes first in a Java HashMap, and so do we.
   */
  selectProtocol(): string {
    const candidates = new Set<string>();
    for (const name of this.#supportCounts.keys()) {
      if (this.#isSupportedByAll(name)) candidates.add(name);
    }
    const votes = new Map<string, number>();
    for (const member of this.members.values()) {
      const name = member.voteAmong(candidates);
      assert(name !== null, "all members support one protocol at least");
      votes.set(name, (votes.get(name) ?? 0) + 1);
    }
    let best: string | null = null;
    for (const [name, count] of votes) {
      const bestCount = best === null ? 0 : votes.get(best)!;
      if (count > bestCount || (count === bestCount && isBefore(name, best!, votes.size))) {
        best = name;
      }
    }
    assert(best !== null, "a group without members elects no protocol");
    return best;
  }

  /**
   * Becomes what a GroupMetadata record says. A member that the group had before keeps what the
   * record does not tell: all of its protocols, and who waits for an answer.
   */
  becomeAsRecorded(recorded: RecordedGroup, members: readonly ClassicMember[]): void {
    const next = new Map(members.map((member) => [member.memberId, member]));
    for (const member of [...this.members.values()]) {
      if (next.get(member.memberId) !== member) this.remove(member.memberId);
    }
    this.members = next;
    this.staticMembers.clear();
    this.#supportCounts.clear();
    this.awaitingJoinCount = 0;
    for (const member of members) {
      if (member.groupInstanceId !== null) {
        this.staticMembers.set(member.groupInstanceId, member.memberId);
      }
      this.#count(member.protocols, 1);
      if (member.awaitingJoin !== null) this.awaitingJoinCount += 1;
    }
    this.generationId = recorded.generationId;
    this.protocolType = recorded.protocolType;
    this.protocolName = recorded.protocolName;
    this.leaderId = recorded.leaderId;
    const state = members.length === 0 ? "Empty" : "Stable";
    if (state !== this.state) {
      this.previousState = this.state;
      this.state = state;
    }
    this.stateSinceMs = recorded.stateSinceMs;
    this.#learnSubscriptions();
  }

  /** No timer of it fires any more. */
  die(): void {
    this.state = "Dead";
    this.joinDeadline.cancel();
    this.syncDeadline.cancel();
    for (const deadline of this.pendingJoin.values()) deadline.cancel();
    for (const member of this.members.values()) member.session.cancel();
  }

  #learnSubscriptions(): void {
    const { protocolType, protocolName, members } = this;
    this.subscribedTopics = subscribedTopicsOf(protocolType, protocolName, members);
  }

  #isSupportedByAll(protocolName: string): boolean {
    return (this.#supportCounts.get(protocolName) ?? 0) === this.members.size;
  }

  #count(protocols: readonly MemberProtocol[], difference: 1 | -1): void {
    for (const name of new Set(protocols.map((protocol) => protocol.name))) {
      const count = (this.#supportCounts.get(name) ?? 0) + difference;
      if (count === 0) this.#supportCounts.delete(name);
      else this.#supportCounts.set(name, count);
    }
  }
}

function firstOf(keys: Iterator<string>): string | null {
  const first = keys.next();
  return first.done === true ? null : first.value;
}

function isBefore(name: string, other: string, entryCount: number): boolean {
  const capacity = grownCapacity(entryCount);
  return bucketOf(javaHashCode(name), capacity) < bucketOf(javaHashCode(other), capacity);
}
