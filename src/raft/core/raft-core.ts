/**
 * One replica of the metadata quorum, as a pure function: (state, input) -> effects. No disk, no
 * network, no clock and no chance of its own; the same inputs give the same effects.
 *
 *   requests, responses, ticks,            send, respond, persist, append, truncate, flush,
 *   appends, flushes           -> step ->  advanceHighWatermark, snapshots, leaderChanged
 *
 * The contract of the driver:
 * - It carries out the effects in their order, those of one step before those of the next. It may
 *   take further steps meanwhile. The log, quorum-state and snapshots are then at each effect just
 *   what the core took them for when it asked for it.
 * - `persist` is on disk before anything behind it begins: an epoch or a vote that was told and
 *   then forgotten would give an epoch two leaders.
 * - `append` and `truncate` need not be durable. `flush` must not hold up what is behind it: a sync
 *   begins some time after it, may serve many of them, covers the truncations before it too, and
 *   ends in `flushed` with the numbers of the newest `flush` carried out before the sync began.
 * - `respond` with a range to read: batches of the log from there on, at least one, or a part of a
 *   snapshot's file. The driver puts them into the response, with the sizes of the latter; a
 *   position behind the snapshot's end makes it POSITION_OUT_OF_RANGE.
 * - `completeSnapshot`: the file is synced and renamed, the log dropped for it, and what its
 *   control records say comes back as `snapshotLoaded`, offset for all of them its last record's.
 * - Each request that was sent ends in `response` or `failed`, or in nothing: the core has its own
 *   timeouts. Each `token` gets one `respond` at most, and none where the role was lost by a crash.
 * - It ticks when `nextTickAtMs` says, as of the last step.
 * - At the start it loads quorum-state, log and snapshots, cuts the log's torn end, drops the log
 *   for a snapshot that ends behind it, syncs what is there, and calls `startReplica`.
 * - `fault` and a failed assertion end the replica.
 *
 * Invariants, which test/raft/core holds the function to: an epoch has one leader; a replica votes
 * once in an epoch; equal offset and epoch in two logs: equal logs up to there; what is committed
 * is in the log of every later leader, and nothing else is ever committed at its offset; the high
 * watermark never falls.
 */
import { assert } from "../../base/assert.ts";
import { later } from "../../base/later.ts";
import { ZERO_UUID } from "../../base/uuid.ts";
import { FIRST_QUORUM_STATE, NOBODY, type QuorumState } from "../quorum-state.ts";
import type { Effect, Input, Moment, Turn } from "./effects.ts";
import { appendAsLeader, leaderFlushed } from "./leader.ts";
import { type LogState, lastEpoch, snapshotsChanged } from "./log-state.ts";
import { poll } from "./poll.ts";
import { NEVER_MS, type RaftConfig, type RaftState } from "./state.ts";
import { firstElection, heirsOf } from "./succession.ts";
import {
  becomeProspective,
  electionTimeout,
  isAlone,
  newFollower,
  isLocalVoter,
  stand,
} from "./transitions.ts";
import { type VoterHistory, dropOldFacts, lastKraftVersion, lastVoters } from "./voter-history.ts";

export { nextTickAtMs } from "./poll.ts";

/** What a replica that is alone never comes to. */
type RpcModule = typeof import("./rpc.ts");
const rpc = later((): RpcModule => require("./rpc.ts"));
type FetchModule = typeof import("./fetch.ts");
const fetches = later((): FetchModule => require("./fetch.ts"));
type FollowModule = typeof import("./follow.ts");
const follow = later((): FollowModule => require("./follow.ts"));
type UpgradeModule = typeof import("./upgrade.ts");
const upgrade = later((): UpgradeModule => require("./upgrade.ts"));

/** What is on the disk of a replica. */
export interface Durable {
  /** Null before it has taken part in anything. */
  readonly election: QuorumState | null;
  readonly log: LogState;
  readonly quorum: VoterHistory;
}

/** A replica as it comes up, and the first effects. */
export function startReplica(
  config: RaftConfig,
  durable: Durable,
  moment: Moment,
): { readonly state: RaftState; readonly effects: readonly Effect[] } {
  assert(config.local.directoryId !== ZERO_UUID, "a directory has an id");
  const { log, quorum } = durable;
  const state: RaftState = {
    config,
    election: durable.election ?? FIRST_QUORUM_STATE,
    leaderEndpoints: [],
    role: { name: "unattached", electionAtMs: NEVER_MS },
    log: { ...log, flushedOffset: log.endOffset },
    quorum: { ...quorum },
    connections: [],
    nextRequestId: 1,
    waitingFetches: [],
    loadingSnapshot: null,
    isShuttingDown: false,
  };
  const turn: Turn = { ...moment, state, effects: [] };
  enterFirstRole(turn);
  poll(turn);
  return { state, effects: turn.effects };
}

/** Changes the state, and returns what is to be done. */
export function step(state: RaftState, input: Input, moment: Moment): readonly Effect[] {
  const turn: Turn = { nowMs: moment.nowMs, below: moment.below, state, effects: [] };
  take(turn, input);
  poll(turn);
  if (state.waitingFetches.length > 0) fetches().settleFetches(turn);
  return turn.effects;
}

function take(turn: Turn, input: Input): void {
  const { state } = turn;
  const { role, log, election } = state;
  switch (input.kind) {
    case "tick":
      return;
    case "request":
      return rpc().answerRequest(turn, input.token, input.request);
    case "response":
      return rpc().hasResponded(turn, input.requestId, input.response);
    case "failed":
      return rpc().hasFailed(turn, input.requestId, input.isUnreachable === true);
    case "append": {
      const isLeader = role.name === "leader" && input.epoch === election.leaderEpoch;
      assert(isLeader, "only the leader of the epoch appends");
      const { payload } = input;
      appendAsLeader(turn, input.recordCount, { facts: [], payload, controls: null });
      return;
    }
    case "flushed":
      // What was truncated meanwhile was flushed in vain.
      if (input.truncations !== log.truncations) return;
      log.flushedOffset = Math.max(log.flushedOffset, Math.min(input.endOffset, log.endOffset));
      if (role.name === "leader") leaderFlushed(turn, role);
      return;
    case "snapshots":
      snapshotsChanged(log, input.snapshots, input.startOffset);
      dropOldFacts(state.quorum, input.startOffset);
      return;
    case "snapshotLoaded":
      return follow().snapshotLoaded(turn, input.id, input.facts);
    case "snapshotRefused":
      return follow().snapshotRefused(turn, input.id);
    case "upgradeKRaftVersion": {
      const isLeader = role.name === "leader" && input.epoch === election.leaderEpoch;
      if (isLeader) upgrade().upgradeKRaftVersion(turn, role, input.kraftVersion);
      return;
    }
    case "resign":
      if (role.name === "leader" && input.epoch === election.leaderEpoch) role.isResigning = true;
      return;
    case "shutdown":
      state.isShuttingDown = true;
      return;
  }
}

/** By what was on disk: a leader comes back as one that has resigned, a candidate goes on. */
function enterFirstRole(turn: Turn): void {
  const { state, nowMs, effects } = turn;
  const { election, log, config, quorum } = state;
  const { local } = config;
  const voters = lastVoters(quorum);
  const electionAtMs = nowMs + electionTimeout(turn);
  const isBehind = election.leaderEpoch < lastEpoch(log);
  const endpoints = voters.get(election.leaderId)?.endpoints ?? [];
  if (isBehind) {
    // quorum-state was lost, with what was voted: only a newer epoch is sure to be without a vote.
    state.election = { ...FIRST_QUORUM_STATE, leaderEpoch: lastEpoch(log) };
    const voterIds = [...voters.keys()];
    const kraftVersion = lastKraftVersion(quorum);
    effects.push({ kind: "persist", election: state.election, kraftVersion, voterIds });
    state.role = { name: "unattached", electionAtMs };
  } else if (election.leaderId === local.id) {
    const unacknowledged = [...voters.keys()].filter((id) => id !== local.id);
    // What they have is not known here: each is voted for as far as its log allows.
    const preferredCandidates = heirsOf(state, local.id);
    state.role = { name: "resigned", electionAtMs, unacknowledged, preferredCandidates };
  } else if (isOwnVote(election, config) && isLocalVoter(state)) {
    stand(turn);
  } else if (election.leaderId !== NOBODY && endpoints.length > 0) {
    state.leaderEndpoints = endpoints;
    state.role = newFollower(nowMs + config.fetchTimeoutMs);
  } else {
    state.role = { name: "unattached", electionAtMs: firstElection(turn) };
  }
  const { name } = state.role;
  const isWaiting = name === "unattached" || name === "follower" || name === "resigned";
  if (isAlone(state) && isWaiting) becomeProspective(turn);
}

function isOwnVote({ votedId, votedDirectoryId }: QuorumState, { local }: RaftConfig): boolean {
  return votedId === local.id && votedDirectoryId === local.directoryId;
}
