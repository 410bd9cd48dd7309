/** The records that the quorum writes of itself: when an epoch begins, and where voters change. */
import type { NewControlRecord } from "./control-record.ts";
import { type Voter, type VoterSet, hasChanged, toVotersRecord } from "./voter-set.ts";

export interface EpochStart {
  /** As the log or the settings say. */
  readonly voters: VoterSet;
  readonly kraftVersion: number;
  /** Whether the log itself holds the voters, and not just the snapshot that format wrote. */
  readonly areVotersInLog: boolean;
  /** This node as it is now. */
  readonly local: Voter;
  /** Who voted for it. */
  readonly grantingVoterIds: readonly number[];
}

/**
 * The first records of an epoch, in one batch. With kraft.version 1 the voters come into the log
 * with the first leader, and again whenever the leader's own entry is out of date.
 */
export function epochStartRecords(start: EpochStart): NewControlRecord[] {
  const { voters, kraftVersion, local } = start;
  const voterIds = [...voters.keys()].map((voterId) => ({ voterId }));
  const grantingVoters = start.grantingVoterIds.map((voterId) => ({ voterId }));
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
