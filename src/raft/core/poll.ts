/**
 * What a replica does by itself: at the end of each step, by the role it has then. Timers are
 * looked at first; then leaves what is due, one request to each node.
 */
import { NOBODY } from "../quorum-state.ts";
import { type Voter, hasChanged } from "../voter-set.ts";
import {
  forget,
  hasTimedOut,
  isAnyUnderWay,
  isBackingOff,
  endAtMs,
  readyBootstrapServer,
  sendWhenReady,
  voterAddress,
} from "./connections.ts";
import type { Turn } from "./effects.ts";
import { successors } from "./leader.ts";
import { flushedEnd } from "./log-state.ts";
import type { AddVoterRequest, FetchRequest, RaftRequest, UpdateVoterRequest } from "./messages.ts";
import { settleVoterChanges } from "./pending-changes.ts";
import type {
  CandidateRole,
  Destination,
  FollowerRole,
  LeaderRole,
  ProspectiveRole,
  RaftState,
  ResignedRole,
  UnattachedRole,
} from "./state.ts";
import { NEVER_MS } from "./state.ts";
import { isVoteRejected } from "./tally.ts";
import {
  becomeProspective,
  becomeResigned,
  becomeUnattached,
  giveUpPreVote,
  isAlone,
  isLocalVoter,
} from "./transitions.ts";
import { lastKraftVersion, lastVoters } from "./voter-history.ts";
import { voteRequest } from "./votes.ts";

/** Until nothing changes any more: each role that is entered begins with its own requests. */
export function poll(turn: Turn): void {
  const { state } = turn;
  for (let role = null; role !== state.role;) {
    role = state.role;
    pollOnce(turn);
  }
}

/** The first timer behind `nowMs`, the moment of the last step, which has seen to all before it. */
export function nextTickAtMs(state: RaftState, nowMs: number): number {
  const { role, waitingFetches, connections, config } = state;
  const timers = [
    ...roleTimers(role),
    ...waitingFetches.map(({ untilAtMs }) => untilAtMs),
    ...connections.map((each) => endAtMs(config, each)),
  ];
  return timers.reduce((next, at) => (at > nowMs && at < next ? at : next), NEVER_MS);
}

function roleTimers(role: RaftState["role"]): number[] {
  if (role.name === "follower") return [role.fetchAtMs, role.updateVoterAtMs];
  if (role.name !== "leader") return [role.electionAtMs];
  const { checkQuorumAtMs, beginQuorumEpochAtMs, addVoter, removeVoter } = role;
  const pending = [addVoter?.expiresAtMs ?? NEVER_MS, removeVoter?.expiresAtMs ?? NEVER_MS];
  // A leader that is its own majority hears of nobody, and has nobody to tell.
  return role.voters.length > 1 ? [checkQuorumAtMs, beginQuorumEpochAtMs, ...pending] : pending;
}

function pollOnce(turn: Turn): void {
  const { role, loadingSnapshot } = turn.state;
  // The log is being replaced: whatever it says of itself would be wrong.
  if (loadingSnapshot !== null) return;
  switch (role.name) {
    case "unattached":
      return pollUnattached(turn, role);
    case "prospective":
    case "candidate":
      return pollNominee(turn, role);
    case "follower":
      return pollFollower(turn, role);
    case "leader":
      return pollLeader(turn, role);
    case "resigned":
      return pollResigned(turn, role);
  }
}

function pollUnattached(turn: Turn, role: UnattachedRole): void {
  if (isLocalVoter(turn.state)) {
    if (turn.state.isShuttingDown) return;
    if (turn.nowMs >= role.electionAtMs || isAlone(turn.state)) return becomeProspective(turn);
  }
  fetchFromAny(turn);
}

function pollNominee(turn: Turn, role: ProspectiveRole | CandidateRole): void {
  const { state } = turn;
  const isOver = turn.nowMs >= role.electionAtMs && !state.isShuttingDown;
  if (isOver && role.name === "prospective") return giveUpPreVote(turn);
  if (isOver && isLocalVoter(state)) return becomeProspective(turn);
  // The log has come to name others as voters: the votes count for nothing.
  if (isOver) return becomeUnattached(turn, state.election.leaderEpoch + 1, NOBODY);
  const { voters, granted, rejected } = role.votes;
  if (isVoteRejected(role.votes)) return;
  const preVote = role.name === "prospective";
  for (const voter of voters.values()) {
    if (granted.includes(voter.id) || rejected.includes(voter.id)) continue;
    const to = voterAddress(state, voters, voter.id);
    if (to !== null) sendWhenReady(turn, to, voteRequest(state, voter, preVote));
  }
}

function pollFollower(turn: Turn, role: FollowerRole): void {
  const { state, nowMs } = turn;
  if (state.isShuttingDown) return;
  const isVoter = isLocalVoter(state);
  if (isVoter && nowMs >= role.fetchAtMs) return becomeProspective(turn);
  if (nowMs < role.updateVoterAtMs) return fetchFromBest(turn, role);
  const request = isVoter ? ownUpdate(state, role) : ownJoin(state);
  if (request === null) {
    setUpdateTimer(turn, role);
    return fetchFromBest(turn, role);
  }
  const to = leaderAddress(state);
  if (to !== null && sendWhenReady(turn, to, request)) setUpdateTimer(turn, role);
}

function pollLeader(turn: Turn, role: LeaderRole): void {
  const { state, nowMs } = turn;
  settleVoterChanges(turn, role);
  // A leader that is its own majority needs to hear of nobody.
  const isLonely = role.voters.length > 1 && nowMs >= role.checkQuorumAtMs;
  if (state.isShuttingDown || role.isResigning || isLonely) {
    return becomeResigned(turn, successors(state, role));
  }
  if (nowMs < role.beginQuorumEpochAtMs) return;
  const { config, election } = state;
  const periodMs = Math.floor(config.fetchTimeoutMs / 2);
  role.beginQuorumEpochAtMs = nowMs + periodMs;
  const voters = lastVoters(state.quorum);
  for (const { key, lastFetchAtMs } of role.voters) {
    const isSilent = lastFetchAtMs < 0 || nowMs - lastFetchAtMs >= periodMs;
    if (key.id === config.local.id || !isSilent) continue;
    const to = voterAddress(state, voters, key.id);
    if (to === null) continue;
    sendWhenReady(turn, to, {
      kind: "beginQuorumEpoch",
      clusterId: config.clusterId,
      voterId: key.id,
      voterDirectoryId: key.directoryId,
      leaderId: config.local.id,
      leaderEpoch: election.leaderEpoch,
      leaderEndpoints: config.local.endpoints,
    });
  }
}

function pollResigned(turn: Turn, role: ResignedRole): void {
  const { state, nowMs } = turn;
  const { config, election, quorum } = state;
  if (!state.isShuttingDown && nowMs >= role.electionAtMs) {
    // In the epoch that it led it can never lead again.
    return becomeUnattached(turn, election.leaderEpoch + 1, NOBODY);
  }
  const voters = lastVoters(quorum);
  for (const id of role.unacknowledged) {
    const to = voterAddress(state, voters, id);
    if (to === null) continue;
    sendWhenReady(turn, to, {
      kind: "endQuorumEpoch",
      clusterId: config.clusterId,
      leaderId: config.local.id,
      leaderEpoch: election.leaderEpoch,
      leaderEndpoints: config.local.endpoints,
      preferredCandidates: role.preferredCandidates,
    });
  }
}

/** The leader; when it does not answer, any other, which may know of a new one. */
function fetchFromBest(turn: Turn, role: FollowerRole): void {
  const { state } = turn;
  const leader = leaderAddress(state);
  if (leader === null) return fetchFromAny(turn);
  if (hasTimedOut(turn, leader.id)) {
    forget(state, leader.id);
    fetchFromAny(turn);
  } else if (isBackingOff(turn, leader.id)) {
    fetchFromAny(turn);
  } else if (!isAnyUnderWay(turn) && isLogFlushed(state)) {
    const { download } = role;
    if (download === null) {
      sendWhenReady(turn, leader, fetchRequest(state));
      return;
    }
    const { config, election } = state;
    sendWhenReady(turn, leader, {
      kind: "fetchSnapshot",
      clusterId: config.clusterId,
      replicaId: config.local.id,
      replicaDirectoryId: config.local.directoryId,
      currentLeaderEpoch: election.leaderEpoch,
      snapshotId: download.id,
      position: download.size,
      maxBytes: config.fetchSnapshotMaxBytes,
    });
  }
}

function fetchFromAny(turn: Turn): void {
  if (!isLogFlushed(turn.state)) return;
  const to = readyBootstrapServer(turn);
  if (to !== null) sendWhenReady(turn, to, fetchRequest(turn.state));
}

/** A Fetch says that all before it is on disk: so it waits until it is. */
function isLogFlushed({ log }: RaftState): boolean {
  return log.flushedOffset === log.endOffset;
}

function fetchRequest({ config, election, log }: RaftState): FetchRequest {
  const { endOffset, epoch } = flushedEnd(log);
  return {
    kind: "fetch",
    clusterId: config.clusterId,
    replicaId: config.local.id,
    replicaDirectoryId: config.local.directoryId,
    currentLeaderEpoch: election.leaderEpoch,
    fetchOffset: endOffset,
    lastFetchedEpoch: epoch,
    highWatermark: log.highWatermark,
    maxWaitMs: config.fetchMaxWaitMs,
    maxBytes: config.fetchMaxBytes,
  };
}

function leaderAddress(state: RaftState): Destination | null {
  const { leaderEndpoints, election, config } = state;
  const endpoint = leaderEndpoints.find(({ name }) => name === config.listener);
  if (endpoint === undefined) return null;
  return { id: election.leaderId, host: endpoint.host, port: endpoint.port };
}

function setUpdateTimer(turn: Turn, role: FollowerRole): void {
  role.updateVoterAtMs = turn.nowMs + turn.state.config.fetchTimeoutMs;
}

/** What a voter says of itself when the voters' record says something else (KIP-853). */
function ownUpdate(state: RaftState, role: FollowerRole): UpdateVoterRequest | null {
  const { config, election, quorum } = state;
  const { local } = config;
  const isDynamic = lastKraftVersion(quorum) > 0;
  const isNeeded = isDynamic
    ? hasChanged(lastVoters(quorum).get(local.id), local)
    : !role.hasUpdatedLeader;
  if (!isNeeded) return null;
  return {
    kind: "updateVoter",
    clusterId: config.clusterId,
    currentLeaderEpoch: election.leaderEpoch,
    voterId: local.id,
    voterDirectoryId: local.directoryId,
    endpoints: local.endpoints,
    kraftVersionMin: local.kraftVersionMin,
    kraftVersionMax: local.kraftVersionMax,
  };
}

/** With auto.join.enable an observer removes its former directory, and then adds itself. */
function ownJoin({ config, quorum }: RaftState): RaftRequest | null {
  const isMeant = config.canBecomeVoter && config.autoJoin && lastKraftVersion(quorum) > 0;
  if (!isMeant) return null;
  const { local, clusterId, requestTimeoutMs } = config;
  const former: Voter | undefined = lastVoters(quorum).get(local.id);
  if (former !== undefined) {
    const voterDirectoryId = former.directoryId;
    return { kind: "removeVoter", clusterId, voterId: local.id, voterDirectoryId };
  }
  const request: AddVoterRequest = {
    kind: "addVoter",
    clusterId,
    timeoutMs: requestTimeoutMs,
    voterId: local.id,
    voterDirectoryId: local.directoryId,
    endpoints: local.endpoints,
    ackWhenCommitted: false,
  };
  return request;
}
