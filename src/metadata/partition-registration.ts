/**
 * What the metadata log says of one partition. Never changed: a change record gives a new one, so
 * that images may share them. Small arrays of ids are shared among all partitions.
 */
import type { Input, Value } from "../protocol/schema.ts";
import type { partitionChangeRecord, partitionRecord } from "../protocol/records/metadata.ts";
import { MIGRATING_DIRECTORY } from "./directory-id.ts";
import { DIRECTORIES_LEVEL } from "./features.ts";

export const NO_LEADER = -1;
/** In a change record: the leader stays, and so does its epoch. */
export const NO_LEADER_CHANGE = -2;

/** Whether the leader was elected from the in-sync replicas. */
export const LeaderRecoveryState = {
  RECOVERED: 0,
  /** Elected although it may have lost records; it alone is in sync until it says otherwise. */
  RECOVERING: 1,
  /** In a change record. */
  NO_CHANGE: -1,
} as const;

export interface PartitionRegistration {
  readonly replicas: readonly number[];
  /** The log directory of each replica, in the order of `replicas`. */
  readonly directories: readonly string[];
  readonly isr: readonly number[];
  readonly removingReplicas: readonly number[];
  readonly addingReplicas: readonly number[];
  /** KIP-966: out of sync, but known to hold all committed records. */
  readonly eligibleLeaderReplicas: readonly number[];
  readonly lastKnownElr: readonly number[];
  readonly leader: number;
  readonly leaderRecoveryState: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
}

export type PartitionChange = Value<typeof partitionChangeRecord>;

export function registrationFrom(record: Value<typeof partitionRecord>): PartitionRegistration {
  return {
    replicas: sharedIds(record.replicas),
    directories: knownDirectories(record.directories, record.replicas.length),
    isr: sharedIds(record.isr),
    removingReplicas: sharedIds(record.removingReplicas),
    addingReplicas: sharedIds(record.addingReplicas),
    eligibleLeaderReplicas: sharedIds(record.eligibleLeaderReplicas ?? NONE),
    lastKnownElr: sharedIds(record.lastKnownElr ?? NONE),
    leader: record.leader,
    leaderRecoveryState: record.leaderRecoveryState,
    leaderEpoch: record.leaderEpoch,
    partitionEpoch: record.partitionEpoch,
  };
}

/** Null fields of the change leave things as they are; naming a leader starts an epoch of it. */
export function merge(old: PartitionRegistration, change: PartitionChange): PartitionRegistration {
  const replicas = change.replicas === null ? old.replicas : sharedIds(change.replicas);
  const isPlaceKept = change.replicas === null && change.directories === null;
  const isLeaderKept = change.leader === NO_LEADER_CHANGE;
  const isStateKept = change.leaderRecoveryState === LeaderRecoveryState.NO_CHANGE;
  return {
    replicas,
    directories: isPlaceKept
      ? old.directories
      : knownDirectories(change.directories ?? old.directories, replicas.length),
    isr: changedIds(change.isr, old.isr),
    removingReplicas: changedIds(change.removingReplicas, old.removingReplicas),
    addingReplicas: changedIds(change.addingReplicas, old.addingReplicas),
    eligibleLeaderReplicas: changedIds(change.eligibleLeaderReplicas, old.eligibleLeaderReplicas),
    lastKnownElr: changedIds(change.lastKnownElr, old.lastKnownElr),
    leader: isLeaderKept ? old.leader : change.leader,
    leaderRecoveryState: isStateKept ? old.leaderRecoveryState : change.leaderRecoveryState,
    leaderEpoch: isLeaderKept ? old.leaderEpoch : old.leaderEpoch + 1,
    partitionEpoch: old.partitionEpoch + 1,
  };
}

/** KIP-966: forgets the eligible replicas of a topic whose min.insync.replicas changed. */
export function withoutElr(old: PartitionRegistration): PartitionRegistration {
  return {
    ...old,
    eligibleLeaderReplicas: NONE,
    lastKnownElr: NONE,
    partitionEpoch: old.partitionEpoch + 1,
  };
}

export function toPartitionRecord(
  registration: PartitionRegistration,
  topicId: string,
  partitionId: number,
  level: { readonly metadataVersion: number; readonly isElrEnabled: boolean },
): Input<typeof partitionRecord> {
  const { eligibleLeaderReplicas, lastKnownElr, ...rest } = registration;
  const hasElr = level.isElrEnabled && eligibleLeaderReplicas.length > 0;
  const hasLastKnownElr = level.isElrEnabled && lastKnownElr.length > 0;
  const hasDirectories = level.metadataVersion >= DIRECTORIES_LEVEL;
  return {
    ...rest,
    partitionId,
    topicId,
    directories: hasDirectories ? registration.directories : [],
    eligibleLeaderReplicas: hasElr ? eligibleLeaderReplicas : null,
    lastKnownElr: hasLastKnownElr ? lastKnownElr : null,
  };
}

export function hasLeader(registration: PartitionRegistration): boolean {
  return registration.leader !== NO_LEADER;
}

export function hasPreferredLeader(registration: PartitionRegistration): boolean {
  return registration.leader === (registration.replicas[0] ?? NO_LEADER);
}

/** The directory of a replica of this partition; null for a broker that has none. */
export function directoryOf(registration: PartitionRegistration, brokerId: number): string | null {
  return registration.directories[registration.replicas.indexOf(brokerId)] ?? null;
}

const NONE: readonly number[] = [];
const SHARED_MAX = 4096;
/** By the one element, or by all of them with commas between. */
const sharedIdArrays = new Map<number | string, readonly number[]>();
const sharedUuidArrays = new Map<number | string, readonly string[]>();

function changedIds(changed: readonly number[] | null, old: readonly number[]): readonly number[] {
  return changed === null ? old : sharedIds(changed);
}

function sharedIds(ids: readonly number[]): readonly number[] {
  return ids.length === 0 ? NONE : sharedArray(sharedIdArrays, ids);
}

/** From before KIP-858, or none at all: unknown for every replica. */
function knownDirectories(directories: readonly string[], replicaCount: number): readonly string[] {
  const isKnown = directories.some((directory) => directory !== MIGRATING_DIRECTORY);
  const known = isKnown ? directories : new Array<string>(replicaCount).fill(MIGRATING_DIRECTORY);
  return sharedArray(sharedUuidArrays, known);
}

/** Ten thousand partitions of one broker share one `[1]`. */
function sharedArray<T extends number | string>(
  table: Map<number | string, readonly T[]>,
  array: readonly T[],
): readonly T[] {
  const key = array.length === 1 ? array[0]! : array.join();
  const found = table.get(key);
  if (found !== undefined) return found;
  if (table.size < SHARED_MAX) table.set(key, array);
  return array;
}
