/**
 * kraft.version from 0 to 1 (KIP-853): until then the settings name the voters, and each voter has
 * told the leader its directory and what it runs (`volatileVoters`); from then on the log does.
 */
import { ZERO_UUID } from "../../base/uuid.ts";
import { voterRecords } from "../quorum-records.ts";
import type { Turn } from "./effects.ts";
import { appendAsLeader } from "./leader.ts";
import type { QuorumFact } from "./log-state.ts";
import type { LeaderRole, RaftState } from "./state.ts";
import { lastKraftVersion, lastVoters } from "./voter-history.ts";

/** Null where it can be done, also where it has been. */
export function reasonAgainstUpgrade(
  { role, quorum }: RaftState,
  kraftVersion: number,
): string | null {
  const level = lastKraftVersion(quorum);
  if (kraftVersion === level) return null;
  const what = `Invalid upgrade of kraft.version from version ${level} to ${kraftVersion}`;
  if (kraftVersion < level) return `${what} because the new version is a downgrade`;
  if (role.name !== "leader") return what;
  const known = [...(role.volatileVoters?.values() ?? [])];
  const isRunByAll = known.every(({ kraftVersionMax }) => kraftVersionMax >= kraftVersion);
  if (!isRunByAll) {
    return (
      `Invalid upgrade of kraft.version to ${kraftVersion} ` +
      "because not all of the voters support it"
    );
  }
  const areKnown = known.every(({ directoryId }) => directoryId !== ZERO_UUID);
  const isWhole = known.length === lastVoters(quorum).size;
  return areKnown && isWhole ? null : `${what}: not all voters have told their directory ids yet`;
}

/** Nothing is done where there is a reason against it. */
export function upgradeKRaftVersion(turn: Turn, role: LeaderRole, kraftVersion: number): void {
  const { state } = turn;
  const isThere = lastKraftVersion(state.quorum) === kraftVersion;
  if (isThere || reasonAgainstUpgrade(state, kraftVersion) !== null) return;
  const voters = role.volatileVoters;
  if (voters === null) return;
  role.volatileVoters = null;
  const controls = voterRecords(kraftVersion, voters);
  const offset = state.log.endOffset;
  const facts: readonly QuorumFact[] = [
    { kind: "kraftVersion", offset, kraftVersion },
    { kind: "voters", offset: offset + 1, voters },
  ];
  appendAsLeader(turn, controls.length, { facts, payload: null, controls });
}
