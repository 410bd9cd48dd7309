/**
 * How a node that is the only voter becomes leader: it needs nobody's vote but its own. What a
 * quorum of several needs, votes and their counting, comes beside this, not in its place.
 */
import { ZERO_UUID } from "../base/uuid.ts";
import type { NewControlRecord } from "./control-record.ts";
import { FIRST_QUORUM_STATE, NOBODY, type QuorumState } from "./quorum-state.ts";
import { type Voter, type VoterSet, hasChanged, toVotersRecord } from "./voter-set.ts";

/** What has to be on disk before the new epoch begins: one above all that was ever seen. */
export function electAlone(
  nodeId: number,
  remembered: QuorumState | null,
  seenEpoch: number,
): QuorumState {
  const last = remembered ?? FIRST_QUORUM_STATE;
  const leaderEpoch = Math.max(last.leaderEpoch, seenEpoch) + 1;
  return { leaderEpoch, leaderId: nodeId, votedId: NOBODY, votedDirectoryId: ZERO_UUID };
}

export interface EpochStart {
  /** As the log or the settings say. */
  readonly voters: VoterSet;
  readonly kraftVersion: number;
  /** Whether the log itself holds the voters, and not just the snapshot that format wrote. */
  readonly areVotersInLog: boolean;
  /** This node as it is now. */
  readonly local: Voter;
  /** Who voted for it; by default nobody but itself. */
  readonly grantingVoterIds?: readonly number[];
}

/**
 * The first records of an epoch, in one batch. With kraft.version 1 the voters come into the log
 * with the first leader, and again whenever the leader's own entry is out of date.
 */
export function epochStartRecords(start: EpochStart): NewControlRecord[] {
  const { voters, kraftVersion, local } = start;
  const voterIds = [...voters.keys()].map((voterId) => ({ voterId }));
  const grantingVoterIds = start.grantingVoterIds ?? [local.id];
  const grantingVoters = grantingVoterIds.map((voterId) => ({ voterId }));
  const change = { version: 0, leaderId: local.id, voters: voterIds, grantingVoters };
  const records: NewControlRecord[] = [{ name: "LeaderChangeMessage", value: change }];
  const isUpToDate = start.areVotersInLog && !hasChanged(voters.get(local.id), local);
  if (kraftVersion === 0 || isUpToDate) return records;
  return [...records, ...voterRecords(kraftVersion, new Map(voters).set(local.id, local))];
}

/** KIP-853: what makes the log, and no longer the settings, say who votes. */
export function voterRecords(kraftVersion: number, voters: VoterSet): NewControlRecord[] {
  return [
    { name: "KRaftVersionRecord", value: { version: 0, kRaftVersion: kraftVersion } },
    { name: "VotersRecord", value: toVotersRecord(voters) },
  ];
}
