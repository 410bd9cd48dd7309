/**
 * What a leader knows of its replicas, and what follows from it.
 *
 *   Fetch at 70 -> on the replica's disk: 70  -.
 *   flushed 75  -> on our disk: 75             }-> a majority of the voters has 70: committed,
 *   another voter, at 40                      -'   if that is behind the start of this epoch
 *
 * Invariant: the high watermark never falls, also where a new set of voters has less.
 */
import { assert } from "../../base/assert.ts";
import type { NewControlRecord } from "../control-record.ts";
import { epochStartRecords } from "../quorum-records.ts";
import { toVotersRecord, type VoterSet } from "../voter-set.ts";
import { ZERO_UUID } from "../../base/uuid.ts";
import type { Turn } from "./effects.ts";
import { type Batch, type QuorumFact, appendToLog } from "./log-state.ts";
import type { ReplicaKey } from "./messages.ts";
import type { LeaderRole, RaftState, ReplicaProgress } from "./state.ts";
import { majority } from "./tally.ts";
import { addFacts, lastKraftVersion, lastVoters, lastVotersEntry } from "./voter-history.ts";

/** KIP-595: an observer that has not fetched for so long is forgotten. */
const OBSERVER_TIMEOUT_MS = 300_000;
/** Each has an entry: many that come and go must not fill the memory. */
const OBSERVERS_MAX = 1000;

/** The epoch begins, with a record that says so. */
export function beginLeading(turn: Turn, granting: readonly number[]): void {
  const { state, nowMs, effects } = turn;
  const { log, quorum, config, election } = state;
  const voters = lastVoters(quorum);
  const kraftVersion = lastKraftVersion(quorum);
  const { local } = config;
  const role: LeaderRole = {
    name: "leader",
    epochStartOffset: log.endOffset,
    grantingVoters: granting,
    highWatermark: -1,
    voters: [...voters.values()].map(newProgress),
    observers: [],
    fetchedVoters: [],
    checkQuorumAtMs: nowMs + checkQuorumTimeout(state),
    beginQuorumEpochAtMs: nowMs,
    addVoter: null,
    removeVoter: null,
    volatileVoters: kraftVersion === 0 ? new Map(voters).set(local.id, local) : null,
    isResigning: false,
  };
  state.role = role;
  const epoch = election.leaderEpoch;
  const { epochStartOffset } = role;
  effects.push({ kind: "leaderChanged", epoch, leaderId: local.id, epochStartOffset });
  const entry = lastVotersEntry(quorum);
  assert(kraftVersion === 0 || entry !== null, "kraft.version 1 has its voters in the log");
  const areVotersInLog = entry !== null && entry.offset >= 0;
  const granted = [...granting];
  const start = { voters, kraftVersion, areVotersInLog, local, grantingVoterIds: granted };
  const controls = epochStartRecords(start);
  const facts: QuorumFact[] = [];
  for (const [index, { name }] of controls.entries()) {
    const offset = log.endOffset + index;
    if (name === "KRaftVersionRecord") facts.push({ kind: "kraftVersion", offset, kraftVersion });
    if (name !== "VotersRecord") continue;
    facts.push({ kind: "voters", offset, voters: new Map(voters).set(local.id, local) });
  }
  appendAsLeader(turn, controls.length, { facts, payload: null, controls });
}

export interface NewBatch {
  readonly facts: readonly QuorumFact[];
  readonly payload: unknown;
  readonly controls: readonly NewControlRecord[] | null;
}

export function appendAsLeader(turn: Turn, recordCount: number, added: NewBatch): void {
  const { state, effects } = turn;
  const { log, election, quorum, role } = state;
  assert(role.name === "leader" && recordCount > 0, "a leader appends records");
  const { facts, payload, controls } = added;
  const baseOffset = log.endOffset;
  const endOffset = baseOffset + recordCount;
  const batch: Batch = { baseOffset, endOffset, epoch: election.leaderEpoch, facts, payload };
  appendToLog(log, batch);
  addFacts(quorum, facts);
  effects.push({ kind: "append", batch, controls });
  effects.push({ kind: "flush", endOffset, truncations: log.truncations });
  votersMayHaveChanged(turn, role);
}

/** The voters as they are from now on. Returns the offset of the record. */
export function appendVoters(turn: Turn, voters: VoterSet): number {
  const offset = turn.state.log.endOffset;
  const controls = [{ name: "VotersRecord", value: toVotersRecord(voters) }] as const;
  const facts = [{ kind: "voters", offset, voters }] as const;
  appendAsLeader(turn, 1, { facts, payload: null, controls });
  return offset;
}

/** Our own log is on disk up to where the state says. */
export function leaderFlushed(turn: Turn, role: LeaderRole): void {
  const { log, config } = turn.state;
  const own = role.voters.find(({ key }) => matches(key, config.local));
  if (own !== undefined) own.endOffset = log.flushedOffset;
  advanceHighWatermark(turn, role);
}

/** A replica has fetched at `endOffset`: all below is on its disk, and as in our log. */
export function replicaFetched(
  turn: Turn,
  role: LeaderRole,
  key: ReplicaKey,
  endOffset: number,
): void {
  const { state, nowMs } = turn;
  // Who reads along without an id is not followed up.
  if (key.id < 0) return;
  const progress = progressOf(turn, role, key);
  if (progress === null) return;
  const leaderEnd = state.log.endOffset;
  if (endOffset >= leaderEnd) {
    progress.lastCaughtUpAtMs = nowMs;
  } else if (
    progress.lastFetchLeaderEndOffset > 0 &&
    endOffset >= progress.lastFetchLeaderEndOffset
  ) {
    progress.lastCaughtUpAtMs = progress.lastFetchAtMs;
  }
  progress.lastFetchLeaderEndOffset = leaderEnd;
  progress.lastFetchAtMs = nowMs;
  progress.endOffset = endOffset;
  voterIsThere(turn, role, key);
  advanceHighWatermark(turn, role);
}

/** KAFKA-15489: while a majority of the voters fetches, the leader stays. */
export function voterIsThere(turn: Turn, role: LeaderRole, key: ReplicaKey): void {
  const { state, nowMs } = turn;
  const isVoter = role.voters.some((each) => matches(each.key, key));
  const isKnown = role.fetchedVoters.includes(key.id);
  if (isVoter && !isKnown) role.fetchedVoters = [...role.fetchedVoters, key.id];
  const { local } = state.config;
  const isLocalVoter = role.voters.some(({ key: { id } }) => id === local.id);
  const needed = majority(role.voters.length) - (isLocalVoter ? 1 : 0);
  if (role.fetchedVoters.length < needed) return;
  role.fetchedVoters = [];
  role.checkQuorumAtMs = nowMs + checkQuorumTimeout(state);
}

/** Who has least to catch up comes first: the leader leaves its place to it. */
export function successors({ config }: RaftState, role: LeaderRole): ReplicaKey[] {
  return role.voters
    .filter(({ key }) => !matches(key, config.local))
    .toSorted((a, b) => b.endOffset - a.endOffset || a.key.id - b.key.id)
    .map(({ key }) => key);
}

export function observersOf(role: LeaderRole, nowMs: number): ReplicaProgress[] {
  const sinceMs = nowMs - OBSERVER_TIMEOUT_MS;
  return role.observers.filter(({ lastFetchAtMs }) => lastFetchAtMs > sinceMs);
}

/** Whether `known` is `key`: a voter whose directory is not known is any of its id. */
export function matches(known: ReplicaKey, key: ReplicaKey): boolean {
  if (known.id !== key.id) return false;
  return known.directoryId === ZERO_UUID || known.directoryId === key.directoryId;
}

/** Half again of what a follower waits (KIP-996), so that those leave first. */
function checkQuorumTimeout({ config }: RaftState): number {
  return Math.floor(config.fetchTimeoutMs * 1.5);
}

function newProgress({ id, directoryId }: ReplicaKey): ReplicaProgress {
  return {
    key: { id, directoryId },
    endOffset: -1,
    lastFetchAtMs: -1,
    lastCaughtUpAtMs: -1,
    lastFetchLeaderEndOffset: -1,
  };
}

/** Null when there are too many observers to remember another. */
function progressOf(turn: Turn, role: LeaderRole, key: ReplicaKey): ReplicaProgress | null {
  const voter = role.voters.find((each) => matches(each.key, key));
  if (voter !== undefined) return voter;
  const known = role.observers.find((each) => isSame(each.key, key));
  if (known !== undefined) return known;
  role.observers = observersOf(role, turn.nowMs);
  if (role.observers.length >= OBSERVERS_MAX) return null;
  const progress = newProgress(key);
  role.observers.push(progress);
  return progress;
}

/** A voter that was an observer takes along what is known of it, and the other way round. */
function votersMayHaveChanged(turn: Turn, role: LeaderRole): void {
  const voters = lastVoters(turn.state.quorum);
  const before = role.voters;
  role.voters = [...voters.values()].map(({ id, directoryId }) => {
    const key = { id, directoryId };
    const found =
      before.find((each) => matches(each.key, key)) ??
      role.observers.find((each) => isSame(each.key, key)) ??
      newProgress(key);
    return { ...found, key };
  });
  // Who was its own majority has not waited for anybody yet.
  if (before.length === 1) role.checkQuorumAtMs = turn.nowMs + checkQuorumTimeout(turn.state);
  const isVoter = ({ key }: ReplicaProgress) => role.voters.some((each) => each.key.id === key.id);
  const gone = before.filter((each) => !isVoter(each));
  const observers = role.observers.filter(
    (each) => !role.voters.some((voter) => matches(voter.key, each.key)),
  );
  role.observers = [...observers, ...gone];
  role.fetchedVoters = role.fetchedVoters.filter((id) => voters.has(id));
}

/** Raft, 5.4.2: only what is of this epoch is counted; what is before it comes with it. */
function advanceHighWatermark(turn: Turn, role: LeaderRole): void {
  const { log } = turn.state;
  const ends = role.voters.map(({ endOffset }) => endOffset).toSorted((a, b) => b - a);
  const committed = ends[Math.floor(ends.length / 2)] ?? -1;
  if (committed <= role.epochStartOffset || committed <= role.highWatermark) return;
  assert(committed <= log.endOffset, "a replica has no more than its leader");
  role.highWatermark = committed;
  if (committed <= log.highWatermark) return;
  log.highWatermark = committed;
  turn.effects.push({ kind: "advanceHighWatermark", offset: committed });
}

function isSame(a: ReplicaKey, b: ReplicaKey): boolean {
  return a.id === b.id && a.directoryId === b.directoryId;
}
