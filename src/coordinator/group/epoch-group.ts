/**
 * A group whose coordinator assigns (KIP-848, KIP-932, KIP-1071). Three epochs follow one another:
 *
 *   group epoch        members or topics have changed
 *   assignment epoch   the target assignment is for this group epoch
 *   member epoch       the member has got as far as this assignment epoch
 *
 * All of it is what records say; only the timers and `metadataRefresh` live in memory alone.
 */
import type { Deadline } from "../deadlines.ts";

/** Timers of one member; most of them are made when they are first needed. */
export interface MemberTimers {
  session?: Deadline;
  /** While it gives back what it has. */
  rebalance?: Deadline;
  /** For classic members: until the next JoinGroup, SyncGroup. */
  join?: Deadline;
  sync?: Deadline;
}

/** As much of any member as these groups have in common. */
export interface EpochMember {
  readonly memberId: string;
  readonly memberEpoch: number;
}

/** What the record of a target assignment says of it. */
export interface TargetEpoch {
  readonly assignmentEpoch: number;
  readonly assignmentTimestamp: number;
}

const FIRST_EPOCH = 1;
/** Of a target assignment that has been deleted. */
const NO_ASSIGNMENT_EPOCH = -1;

/** `T` is what a member shall have. */
export abstract class EpochGroup<M extends EpochMember, T = unknown> {
  groupEpoch = FIRST_EPOCH;
  metadataHash = 0n;
  assignmentEpoch = FIRST_EPOCH;
  /** Wall clock of the last target assignment; 0: none was ever made. */
  assignmentTimestampMs = 0;
  readonly members = new Map<string, M>();
  /** What each member shall have. */
  readonly targetAssignment = new Map<string, T>();
  /** Metadata is looked at anew from this time on, or where the epoch was lost again. */
  metadataRefresh = { dueMs: 0, groupEpoch: 0 };
  readonly timers = new Map<string, MemberTimers>();
  /** A target assignment is being made at this time: see assigning-beside.ts. */
  assignmentInWork: Deadline | null = null;

  constructor(readonly groupId: string) {}

  get isEmpty(): boolean {
    return this.members.size === 0;
  }

  abstract isSubscribedTo(topicName: string): boolean;

  hasMetadataExpired(nowMs: number): boolean {
    const { dueMs, groupEpoch } = this.metadataRefresh;
    return nowMs >= dueMs || this.groupEpoch < groupEpoch;
  }

  requestMetadataRefresh(): void {
    this.metadataRefresh = { dueMs: 0, groupEpoch: 0 };
  }

  /** KIP-1263: many members that come at once are assigned together. */
  isTooSoonToAssign(nowMs: number, intervalMs: number): boolean {
    const lastMs = this.assignmentTimestampMs;
    return lastMs !== 0 && intervalMs !== 0 && nowMs < lastMs + intervalMs;
  }

  // ---- Changed by records alone --------------------------------------------------------------

  /** In place of the member of the same id. */
  abstract putMember(member: M): void;

  abstract removeMember(memberId: string): void;

  /** As recorded; null: the member shall have nothing. */
  setTarget(memberId: string, target: T | null): void {
    if (target === null) this.targetAssignment.delete(memberId);
    else this.targetAssignment.set(memberId, target);
  }

  /** As recorded; null: the target assignment has been deleted. */
  setTargetEpoch(value: TargetEpoch | null): void {
    this.assignmentEpoch = value?.assignmentEpoch ?? NO_ASSIGNMENT_EPOCH;
    this.assignmentTimestampMs = value?.assignmentTimestamp ?? 0;
  }

  // ---- Timers --------------------------------------------------------------------------------

  timersOf(memberId: string): MemberTimers {
    let timers = this.timers.get(memberId);
    if (timers === undefined) this.timers.set(memberId, (timers = {}));
    return timers;
  }

  cancelTimers(memberId: string): void {
    const timers = this.timers.get(memberId);
    if (timers === undefined) return;
    this.timers.delete(memberId);
    timers.session?.cancel();
    timers.rebalance?.cancel();
    timers.join?.cancel();
    timers.sync?.cancel();
  }

  /** Nothing of it fires any more. */
  die(): void {
    for (const memberId of [...this.timers.keys()]) this.cancelTimers(memberId);
    this.assignmentInWork?.cancel();
    this.assignmentInWork = null;
  }
}
