/**
 * AddRaftVoter, RemoveRaftVoter and UpdateRaftVoter (KIP-853), as a leader carries them out.
 *
 *   add     -> asks the new one what it runs -> is it caught up? -> VotersRecord -> committed
 *   remove  -> VotersRecord -> committed -> the leader itself, if it was meant, resigns
 *   update  -> VotersRecord, and is answered at once
 *
 * One at a time, and none before the record of the last is committed, nor before something of this
 * epoch is: two sets of voters without a common majority could elect two leaders.
 */
import { ZERO_UUID } from "../../base/uuid.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import type { Voter, VoterEndpoint, VoterSet } from "../voter-set.ts";
import { errorUnlessLeader, leaderFacts } from "./answers.ts";
import { sendWhenReady } from "./connections.ts";
import type { Turn } from "./effects.ts";
import { appendVoters, matches, observersOf, voterIsThere } from "./leader.ts";
import type {
  AddVoterRequest,
  ApiVersionsResponse,
  RemoveVoterRequest,
  ReplicaKey,
  UpdateVoterRequest,
} from "./messages.ts";
import { endAddVoter, isChangePending } from "./pending-changes.ts";
import type { LeaderRole, RaftState, RequestToken } from "./state.ts";
import { isVoterKey, lastKraftVersion, lastVoters, lastVotersEntry } from "./voter-history.ts";

/** A new voter may not be further behind than this. */
const CAUGHT_UP_MS = 3_600_000;
const FEATURE = "kraft.version";

const { INVALID_REQUEST, REQUEST_TIMED_OUT, UNSUPPORTED_VERSION } = ErrorCode;

interface Refusal {
  readonly error: ErrorCode;
  readonly message: string | null;
}

export function addVoter(turn: Turn, token: RequestToken, request: AddVoterRequest): void {
  const { state, nowMs } = turn;
  const { voterId: id, voterDirectoryId: directoryId, endpoints, ackWhenCommitted } = request;
  const voter = { id, directoryId };
  const refusal = reasonAgainstAdding(turn, voter, endpoints);
  const { role, config } = state;
  if (refusal !== null || role.name !== "leader") {
    refuse(turn, token, "addVoter", refusal ?? NOT_LEADER);
    return;
  }
  const { host, port } = endpoints.find(({ name }) => name === config.listener)!;
  if (!sendWhenReady(turn, { id, host, port }, { kind: "apiVersions" })) {
    const message = `New voter ${keyText(voter)} is not ready to receive requests`;
    refuse(turn, token, "addVoter", { error: REQUEST_TIMED_OUT, message });
    return;
  }
  const expiresAtMs = nowMs + config.requestTimeoutMs;
  role.addVoter = {
    token,
    voter,
    endpoints,
    ackWhenCommitted,
    expiresAtMs,
    isAnswered: false,
    offset: -1,
  };
}

/** The new voter has said which levels of kraft.version it runs. False: the request has failed. */
export function newVoterAnswered(turn: Turn, id: number, response: ApiVersionsResponse): boolean {
  const { state } = turn;
  const { role, quorum } = state;
  if (role.name !== "leader") return true;
  const { addVoter: pending } = role;
  if (pending === null || pending.offset >= 0 || pending.voter.id !== id) return true;
  const { topLevelError, kraftVersions } = response;
  if (topLevelError !== ErrorCode.NONE) {
    const message =
      `Aborted add voter operation for since ` + `API_VERSIONS returned an error ${topLevelError}`;
    endAddVoter(turn, role, REQUEST_TIMED_OUT, message);
    return false;
  }
  const level = lastKraftVersion(quorum);
  const name = keyText(pending.voter);
  const { min, max } = kraftVersions ?? { min: 0, max: 0 };
  if (kraftVersions === null || min > level || max < level) {
    const message =
      `Aborted add voter operation for ${name} since the ${FEATURE} range ` +
      `(min: ${min}, max: ${max}) doesn't support the finalized version ${level}`;
    endAddVoter(turn, role, INVALID_REQUEST, message);
    return true;
  }
  if (!isCaughtUp(turn, role, pending.voter)) {
    const message = `Aborted add voter operation for ${name} since it is lagging behind`;
    endAddVoter(turn, role, REQUEST_TIMED_OUT, message);
    return true;
  }
  const { endpoints } = pending;
  const added: Voter = {
    ...pending.voter,
    endpoints,
    kraftVersionMin: min,
    kraftVersionMax: max,
  };
  pending.offset = appendVoters(turn, new Map(lastVoters(quorum)).set(id, added));
  if (pending.ackWhenCommitted) return true;
  pending.isAnswered = true;
  const done = { kind: "addVoter", topLevelError: ErrorCode.NONE, errorMessage: null } as const;
  turn.effects.push({ kind: "respond", token: pending.token, response: done, read: null });
  return true;
}

/** No answer will come. */
export function newVoterFailed(turn: Turn, id: number): void {
  const topLevelError = ErrorCode.NETWORK_EXCEPTION;
  newVoterAnswered(turn, id, { kind: "apiVersions", topLevelError, kraftVersions: null });
}

export function removeVoter(turn: Turn, token: RequestToken, request: RemoveVoterRequest): void {
  const { state, nowMs } = turn;
  const { role, quorum, config } = state;
  const voter = { id: request.voterId, directoryId: request.voterDirectoryId };
  const refusal = reasonAgainstRemoving(state, voter);
  if (refusal !== null || role.name !== "leader") {
    refuse(turn, token, "removeVoter", refusal ?? NOT_LEADER);
    return;
  }
  const voters = new Map(lastVoters(quorum));
  voters.delete(voter.id);
  const offset = appendVoters(turn, voters);
  role.removeVoter = { token, expiresAtMs: nowMs + config.requestTimeoutMs, offset };
}

export function updateVoter(turn: Turn, token: RequestToken, request: UpdateVoterRequest): void {
  const { state } = turn;
  const error = update(turn, request);
  const response = { kind: "updateVoter", ...leaderFacts(state, error) } as const;
  turn.effects.push({ kind: "respond", token, response, read: null });
}

function update(turn: Turn, request: UpdateVoterRequest): ErrorCode {
  const { state } = turn;
  const { currentLeaderEpoch, voterId, voterDirectoryId, endpoints } = request;
  const { kraftVersionMin, kraftVersionMax } = request;
  const { role, quorum } = state;
  const error = errorUnlessLeader(state, currentLeaderEpoch);
  if (error !== ErrorCode.NONE || role.name !== "leader") return error;
  const key = { id: voterId, directoryId: voterDirectoryId };
  if (!isFullKey(key) || !hasListener(state, endpoints)) return INVALID_REQUEST;
  if (kraftVersionMin < 0 || kraftVersionMax < kraftVersionMin) return INVALID_REQUEST;
  if (isChangePending(role) || role.highWatermark < 0) return REQUEST_TIMED_OUT;
  const level = lastKraftVersion(quorum);
  const committed = level === 0 ? role.volatileVoters : committedVoters(state, role);
  if (committed === null) return REQUEST_TIMED_OUT;
  if (kraftVersionMin > level || kraftVersionMax < level) return INVALID_REQUEST;
  // Static voters have no directory that could be another.
  const isKnown = level === 0 ? committed.has(voterId) : isVoterKey(committed, key);
  if (!isKnown) return ErrorCode.VOTER_NOT_FOUND;
  const updated = new Map(committed).set(voterId, {
    ...key,
    endpoints,
    kraftVersionMin,
    kraftVersionMax,
  });
  if (level === 0) role.volatileVoters = updated;
  else appendVoters(turn, updated);
  voterIsThere(turn, role, key);
  return ErrorCode.NONE;
}

function reasonAgainstAdding(
  turn: Turn,
  voter: ReplicaKey,
  endpoints: readonly VoterEndpoint[],
): Refusal | null {
  const { state } = turn;
  const notLeader = errorUnlessLeader(state, state.election.leaderEpoch);
  if (notLeader !== ErrorCode.NONE) return { error: notLeader, message: null };
  if (!isFullKey(voter)) {
    return { error: INVALID_REQUEST, message: "Add voter request didn't include a valid voter" };
  }
  if (!hasListener(state, endpoints)) {
    const { listener } = state.config;
    const message =
      `Add voter request didn't include the endpoint (${endpointsText(endpoints)}) for the ` +
      `default listener ListenerName(${listener})`;
    return { error: INVALID_REQUEST, message };
  }
  const refusal = reasonAgainstChange(state, "adding");
  if (refusal !== null) return refusal;
  const voters = lastVoters(state.quorum);
  if (!voters.has(voter.id)) return null;
  const message =
    `The voter id for ${keyText(voter)} is already part of the set of voters ` +
    `[${votersText(voters)}].`;
  return { error: ErrorCode.DUPLICATE_VOTER, message };
}

function reasonAgainstRemoving(state: RaftState, voter: ReplicaKey): Refusal | null {
  const notLeader = errorUnlessLeader(state, state.election.leaderEpoch);
  if (notLeader !== ErrorCode.NONE) return { error: notLeader, message: null };
  if (!isFullKey(voter)) {
    return { error: INVALID_REQUEST, message: "Remove voter request didn't include a valid voter" };
  }
  const refusal = reasonAgainstChange(state, "removing");
  if (refusal !== null) return refusal;
  const voters = lastVoters(state.quorum);
  const isThere = voters.get(voter.id)?.directoryId === voter.directoryId;
  if (isThere && voters.size > 1) return null;
  const message =
    `Cannot remove voter ${keyText(voter)} ` + `from the set of voters [${votersText(voters)}]`;
  return { error: ErrorCode.VOTER_NOT_FOUND, message };
}

function reasonAgainstChange(state: RaftState, what: string): Refusal | null {
  const { role, quorum } = state;
  if (role.name !== "leader") return NOT_LEADER;
  const waiting = "Request timed out waiting for";
  const late = (message: string) => ({ error: REQUEST_TIMED_OUT, message });
  if (isChangePending(role)) {
    return late(`${waiting} leader to handle previous voter change request`);
  }
  if (role.highWatermark < 0) {
    return late(`${waiting} leader to establish HWM and fence previous voter changes`);
  }
  const level = lastKraftVersion(quorum);
  if (level === 0) {
    const message =
      `Cluster doesn't support ${what} voter ` + `because the ${FEATURE} feature is ${level}`;
    return { error: UNSUPPORTED_VERSION, message };
  }
  if (committedVoters(state, role) !== null) return null;
  const offset = lastVotersEntry(quorum)?.offset ?? -1;
  return late(
    `${waiting} voters to commit the latest voter change at ${offset} ` +
      `with HWM ${role.highWatermark}`,
  );
}

/** Null while the newest are not committed. */
function committedVoters({ quorum }: RaftState, { highWatermark }: LeaderRole): VoterSet | null {
  const entry = lastVotersEntry(quorum);
  return entry === null || entry.offset >= highWatermark ? null : entry.voters;
}

function isCaughtUp({ nowMs }: Turn, role: LeaderRole, voter: ReplicaKey): boolean {
  const found = observersOf(role, nowMs).find(({ key }) => matches(key, voter));
  if (found === undefined || found.lastCaughtUpAtMs < 0) return false;
  return found.lastFetchAtMs > nowMs - CAUGHT_UP_MS;
}

const NOT_LEADER: Refusal = { error: ErrorCode.NOT_LEADER_OR_FOLLOWER, message: null };

function refuse(
  turn: Turn,
  token: RequestToken,
  kind: "addVoter" | "removeVoter",
  { error, message }: Refusal,
): void {
  const response = { kind, topLevelError: error, errorMessage: message };
  turn.effects.push({ kind: "respond", token, response, read: null });
}

function isFullKey({ id, directoryId }: ReplicaKey): boolean {
  return id >= 0 && directoryId !== ZERO_UUID;
}

function hasListener({ config }: RaftState, endpoints: readonly VoterEndpoint[]): boolean {
  return endpoints.some(({ name }) => name === config.listener);
}

/** As Kafka's log has them. */
function keyText({ id, directoryId }: ReplicaKey): string {
  const directory = directoryId === ZERO_UUID ? "<undefined>" : directoryId;
  return `ReplicaKey(id=${id}, directoryId=${directory})`;
}

function votersText(voters: VoterSet): string {
  return [...voters.values()].map(keyText).join(", ");
}

function endpointsText(endpoints: readonly VoterEndpoint[]): string {
  const texts = endpoints.map(({ name, host, port }) => `${name}://${host}:${port}`);
  return texts.toSorted().join(", ");
}
