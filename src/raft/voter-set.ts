/**
 * Who votes in the quorum. With kraft.version 0 it is what the settings say; with 1 (KIP-853) it
 * is in the log, in a VotersRecord, and each voter is known by the id of its log directory too.
 */
import { ZERO_UUID } from "../base/uuid.ts";
import type { votersRecord } from "../protocol/records/control.ts";
import type { Input, Value } from "../protocol/schema.ts";

export interface VoterEndpoint {
  /** The listener's name. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** The levels of kraft.version that this program runs. */
export const KRAFT_VERSIONS = { kraftVersionMin: 0, kraftVersionMax: 1 } as const;

export interface Voter {
  readonly id: number;
  /** ZERO_UUID where it is not known: static voters. */
  readonly directoryId: string;
  readonly endpoints: readonly VoterEndpoint[];
  readonly kraftVersionMin: number;
  readonly kraftVersionMax: number;
}

/** A replica as its node knows itself. */
export interface LocalReplica {
  readonly id: number;
  /** Of the directory that holds the metadata log. */
  readonly directoryId: string;
  /** Controller listeners, as others reach them; none where it can be no voter. */
  readonly endpoints: readonly VoterEndpoint[];
}

/** By id. */
export type VoterSet = ReadonlyMap<number, Voter>;

export function voterSet(voters: readonly Voter[]): VoterSet {
  return new Map(voters.map((voter) => [voter.id, voter]));
}

export function votersFrom(record: Value<typeof votersRecord>): VoterSet {
  return voterSet(
    record.voters.map((voter) => ({
      id: voter.voterId,
      directoryId: voter.voterDirectoryId,
      endpoints: voter.endpoints,
      kraftVersionMin: voter.kRaftVersionFeature.minSupportedVersion,
      kraftVersionMax: voter.kRaftVersionFeature.maxSupportedVersion,
    })),
  );
}

export function toVotersRecord(voters: VoterSet): Input<typeof votersRecord> {
  return {
    version: 0,
    voters: [...voters.values()].map((voter) => ({
      voterId: voter.id,
      voterDirectoryId: voter.directoryId,
      endpoints: voter.endpoints,
      kRaftVersionFeature: {
        minSupportedVersion: voter.kraftVersionMin,
        maxSupportedVersion: voter.kraftVersionMax,
      },
    })),
  };
}

/** Whether this directory of this node votes: one that was wiped and came back does not. */
export function isVoter(voters: VoterSet, id: number, directoryId: string): boolean {
  const voter = voters.get(id);
  if (voter === undefined) return false;
  return voter.directoryId === ZERO_UUID || voter.directoryId === directoryId;
}

export function isOnlyVoter(voters: VoterSet, id: number, directoryId: string): boolean {
  return voters.size === 1 && isVoter(voters, id, directoryId);
}

/** Whether the voter says of itself something else than the log does. */
export function hasChanged(known: Voter | undefined, now: Voter): boolean {
  if (known === undefined) return true;
  return (
    known.directoryId !== now.directoryId ||
    known.kraftVersionMin !== now.kraftVersionMin ||
    known.kraftVersionMax !== now.kraftVersionMax ||
    JSON.stringify(known.endpoints) !== JSON.stringify(now.endpoints)
  );
}
