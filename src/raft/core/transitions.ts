/**
 * How a replica goes from one role to another. Whatever `election` says is persisted before
 * anything that follows from it is said: `persist` comes first among the effects.
 */
import { assert } from "../../base/assert.ts";
import { ZERO_UUID } from "../../base/uuid.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { NOBODY, type QuorumState } from "../quorum-state.ts";
import { type VoterEndpoint, isOnlyVoter } from "../voter-set.ts";
import { forgetAll } from "./connections.ts";
import type { Turn } from "./effects.ts";
import { beginLeading } from "./leader.ts";
import type { ReplicaKey } from "./messages.ts";
import { endVoterChanges } from "./pending-changes.ts";
import { type FollowerRole, NEVER_MS, type RaftState, type Role } from "./state.ts";
import { firstVotes, isVoteGranted, isVoteRejected } from "./tally.ts";
import { isVoterKey, lastKraftVersion, lastVoters } from "./voter-history.ts";

export function isLocalVoter({ quorum, config }: RaftState): boolean {
  return isVoterKey(lastVoters(quorum), config.local);
}

/** Nobody but this replica votes: nobody else can lead. */
export function isAlone({ quorum, config }: RaftState): boolean {
  const { id, directoryId } = config.local;
  return isOnlyVoter(lastVoters(quorum), id, directoryId);
}

/** Nobody leads this epoch as far as is known; of `leaderId` perhaps only the name is. */
export function becomeUnattached(turn: Turn, epoch: number, leaderId: number): void {
  const { state } = turn;
  const { election, role } = state;
  const isSame = epoch === election.leaderEpoch;
  const isForward = epoch > election.leaderEpoch || (isSame && role.name === "prospective");
  assert(isForward, "unattached in a newer epoch, or after a lost pre-vote");
  const electionAtMs = isLocalVoter(state) ? remainingElection(turn, role) : NEVER_MS;
  const votedId = isSame ? election.votedId : NOBODY;
  const votedDirectoryId = isSame ? election.votedDirectoryId : ZERO_UUID;
  leaveRole(turn);
  state.leaderEndpoints = [];
  elect(turn, { leaderEpoch: epoch, leaderId, votedId, votedDirectoryId });
  enter(turn, { name: "unattached", electionAtMs });
}

export function becomeFollower(
  turn: Turn,
  epoch: number,
  leaderId: number,
  endpoints: readonly VoterEndpoint[],
): void {
  const { state, nowMs } = turn;
  const { election, role } = state;
  const isSame = epoch === election.leaderEpoch;
  assert(epoch >= election.leaderEpoch && leaderId !== state.config.local.id, "another leads");
  assert(endpoints.length > 0, "a leader that can be reached");
  assert(!isSame || role.name !== "leader", "an epoch has one leader");
  const votedId = isSame ? election.votedId : NOBODY;
  const votedDirectoryId = isSame ? election.votedDirectoryId : ZERO_UUID;
  leaveRole(turn);
  state.leaderEndpoints = endpoints;
  elect(turn, { leaderEpoch: epoch, leaderId, votedId, votedDirectoryId });
  const { fetchTimeoutMs } = state.config;
  enter(turn, newFollower(nowMs + fetchTimeoutMs));
}

/** Of a leader that it has not heard yet. */
export function newFollower(timeoutAtMs: number): FollowerRole {
  return {
    name: "follower",
    fetchAtMs: timeoutAtMs,
    updateVoterAtMs: timeoutAtMs,
    hasFetched: false,
    hasUpdatedLeader: false,
    download: null,
  };
}

/** KIP-996. In memory only: nothing has been promised. */
export function becomeProspective(turn: Turn): void {
  const { state, nowMs } = turn;
  const { name } = state.role;
  assert(isLocalVoter(state), "only a voter stands for election");
  assert(name !== "leader" && name !== "prospective", "a role before that of a prospective");
  leaveRole(turn);
  const electionAtMs = nowMs + electionTimeout(turn);
  const votes = firstVotes(lastVoters(state.quorum), state.config.local.id);
  enter(turn, { name: "prospective", electionAtMs, votes });
  if (isVoteGranted(votes)) becomeCandidate(turn);
}

export function becomeCandidate(turn: Turn): void {
  const { state } = turn;
  const { leaderEpoch } = state.election;
  assert(isLocalVoter(state) && state.role.name === "prospective", "a prospective voter");
  leaveRole(turn);
  state.leaderEndpoints = [];
  elect(turn, ownVote(state, leaderEpoch + 1));
  stand(turn);
}

/** A candidate of this epoch: as it has become one, or as it was one before a crash. */
export function stand(turn: Turn): void {
  const electionAtMs = turn.nowMs + electionTimeout(turn);
  const votes = firstVotes(lastVoters(turn.state.quorum), turn.state.config.local.id);
  enter(turn, { name: "candidate", electionAtMs, votes });
  if (isVoteGranted(votes)) becomeLeader(turn);
}

export function becomeLeader(turn: Turn): void {
  const { state } = turn;
  const { role, election, config } = state;
  assert(role.name === "candidate" && isVoteGranted(role.votes), "a candidate that was elected");
  forgetAll(state);
  const { leaderEpoch } = election;
  state.leaderEndpoints = config.local.endpoints;
  elect(turn, { leaderEpoch, leaderId: config.local.id, ...NO_VOTE });
  beginLeading(turn, role.votes.granted);
}

/** It leads no more, and waits for another to be elected. */
export function becomeResigned(turn: Turn, preferredCandidates: readonly ReplicaKey[]): void {
  const { state, nowMs } = turn;
  leaveRole(turn);
  const voterIds = [...lastVoters(state.quorum).keys()];
  const unacknowledged = voterIds.filter((id) => id !== state.config.local.id);
  const electionAtMs = nowMs + electionTimeout(turn);
  enter(turn, { name: "resigned", electionAtMs, unacknowledged, preferredCandidates });
}

/** A pre-vote was lost: back to the leader there was, or to none. */
export function giveUpPreVote(turn: Turn): void {
  const { election, leaderEndpoints } = turn.state;
  const { leaderEpoch, leaderId } = election;
  if (leaderId === NOBODY || leaderEndpoints.length === 0) {
    becomeUnattached(turn, leaderEpoch, leaderId);
  } else {
    becomeFollower(turn, leaderEpoch, leaderId, leaderEndpoints);
  }
}

/** The vote of this epoch is given, and remembered. */
export function vote(turn: Turn, { id, directoryId }: ReplicaKey): void {
  const { state, nowMs } = turn;
  const { role, election } = state;
  assert(id !== state.config.local.id && election.votedId === NOBODY, "one vote in an epoch");
  elect(turn, { ...election, votedId: id, votedDirectoryId: directoryId });
  const electionAtMs = nowMs + electionTimeout(turn);
  if (role.name === "unattached") {
    enter(turn, { name: "unattached", electionAtMs });
  } else {
    assert(role.name === "prospective", "an unattached or prospective votes");
    enter(turn, {
      name: "prospective",
      electionAtMs,
      votes: firstVotes(lastVoters(state.quorum), state.config.local.id),
    });
  }
}

/** From the setting to twice as much, so that two seldom stand at once. */
export function electionTimeout({ state, below }: Turn): number {
  const { electionTimeoutMs } = state.config;
  return electionTimeoutMs === 0 ? 0 : electionTimeoutMs + below(electionTimeoutMs);
}

const NO_VOTE = { votedId: NOBODY, votedDirectoryId: ZERO_UUID } as const;

function ownVote({ config }: RaftState, leaderEpoch: number): QuorumState {
  const { id, directoryId } = config.local;
  return { leaderEpoch, leaderId: NOBODY, votedId: id, votedDirectoryId: directoryId };
}

/** Who has waited for an election goes on waiting, and does not begin anew. */
function remainingElection(turn: Turn, role: Role): number {
  switch (role.name) {
    case "unattached":
      if (role.electionAtMs !== NEVER_MS) return Math.max(role.electionAtMs, turn.nowMs);
      break;
    case "candidate":
    case "resigned":
      return Math.max(role.electionAtMs, turn.nowMs);
    case "prospective":
      if (!isVoteRejected(role.votes)) return Math.max(role.electionAtMs, turn.nowMs);
      break;
    case "follower":
    case "leader":
      break;
  }
  return turn.nowMs + electionTimeout(turn);
}

function elect(turn: Turn, election: QuorumState): void {
  const { state, effects } = turn;
  const before = state.election;
  state.election = election;
  if (isSameElection(before, election)) return;
  const voterIds = [...lastVoters(state.quorum).keys()];
  const kraftVersion = lastKraftVersion(state.quorum);
  effects.push({ kind: "persist", election, kraftVersion, voterIds });
  const { leaderEpoch, leaderId } = election;
  const isNews = before.leaderEpoch !== leaderEpoch || before.leaderId !== leaderId;
  // Who leads tells it with the offset from which on it does.
  if (!isNews || leaderId === state.config.local.id) return;
  effects.push({ kind: "leaderChanged", epoch: leaderEpoch, leaderId, epochStartOffset: -1 });
}

function isSameElection(a: QuorumState, b: QuorumState): boolean {
  return (
    a.leaderEpoch === b.leaderEpoch &&
    a.leaderId === b.leaderId &&
    a.votedId === b.votedId &&
    a.votedDirectoryId === b.votedDirectoryId
  );
}

function enter(turn: Turn, role: Role): void {
  turn.state.role = role;
}

/** Who waits for something that only the role before could have given is told. */
function leaveRole(turn: Turn): void {
  const { role } = turn.state;
  if (role.name === "follower" && role.download !== null) {
    turn.effects.push({ kind: "dropSnapshot", id: role.download.id });
  }
  forgetAll(turn.state);
  if (role.name !== "leader") return;
  endVoterChanges(turn, role, ErrorCode.NOT_LEADER_OR_FOLLOWER);
}
