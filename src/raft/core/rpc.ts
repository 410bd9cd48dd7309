/** Each request and each response to what takes care of it. */
import { ErrorCode } from "../../protocol/error-code.ts";
import { isClusterId, leaderFacts } from "./answers.ts";
import { answered, expected } from "./connections.ts";
import type { Turn } from "./effects.ts";
import { answerBeginQuorumEpoch, answerEndQuorumEpoch } from "./epochs.ts";
import { answerFetch, answerFetchSnapshot } from "./fetch.ts";
import { fetchAnswered, fetchSnapshotAnswered } from "./follow.ts";
import { learnFrom } from "./learn.ts";
import type {
  EpochResponse,
  LeaderAnswer,
  RaftRequest,
  RaftResponse,
  UpdateVoterResponse,
  VoteResponse,
} from "./messages.ts";
import type { Connection, RaftState, RequestToken } from "./state.ts";
import { leaderIsGone } from "./succession.ts";
import { becomeCandidate } from "./transitions.ts";
import {
  addVoter,
  newVoterAnswered,
  newVoterFailed,
  removeVoter,
  updateVoter,
} from "./voter-changes.ts";
import { answerVote, voteAnswered } from "./votes.ts";

export function answerRequest(turn: Turn, token: RequestToken, request: RaftRequest): void {
  if (!isClusterId(turn.state, request.clusterId)) {
    respond(turn, token, ofOtherCluster(turn.state, request));
    return;
  }
  switch (request.kind) {
    case "vote":
      return respond(turn, token, answerVote(turn, request));
    case "beginQuorumEpoch":
      return respond(turn, token, answerBeginQuorumEpoch(turn, request));
    case "endQuorumEpoch":
      return respond(turn, token, answerEndQuorumEpoch(turn, request));
    case "fetch":
      return answerFetch(turn, token, request);
    case "fetchSnapshot":
      return answerFetchSnapshot(turn, token, request);
    case "addVoter":
      return addVoter(turn, token, request);
    case "removeVoter":
      return removeVoter(turn, token, request);
    case "updateVoter":
      return updateVoter(turn, token, request);
  }
}

export function hasResponded(turn: Turn, requestId: number, response: RaftResponse): void {
  const connection = expected(turn.state, requestId);
  if (connection === null || connection.kind !== response.kind) return;
  answered(turn, connection, handle(turn, connection, response));
}

export function hasFailed(turn: Turn, requestId: number, isUnreachable: boolean): void {
  const connection = expected(turn.state, requestId);
  if (connection === null) return;
  if (isUnreachable) leaderIsGone(turn, connection.id);
  if (connection.kind === "apiVersions") newVoterFailed(turn, connection.id);
  answered(turn, connection, false);
}

/** False where it has failed: the node is left alone for a while. */
function handle(turn: Turn, connection: Connection, response: RaftResponse): boolean {
  if (response.kind === "apiVersions") return newVoterAnswered(turn, connection.id, response);
  if (response.topLevelError !== ErrorCode.NONE) return topLevelFailed(turn, response);
  switch (response.kind) {
    case "vote":
      return voteResponded(turn, connection, response);
    case "beginQuorumEpoch":
    case "endQuorumEpoch":
      return epochResponded(turn, connection, response);
    case "fetch":
      return fetchAnswered(turn, response);
    case "fetchSnapshot":
      return fetchSnapshotAnswered(turn, response);
    case "updateVoter":
      return updateResponded(turn, response);
    case "addVoter":
    case "removeVoter":
      return joinResponded(turn, ErrorCode.NONE);
  }
}

function topLevelFailed(turn: Turn, response: Exclude<RaftResponse, { kind: "apiVersions" }>) {
  const { topLevelError: error, kind } = response;
  const { role } = turn.state;
  const isTooOld = kind === "vote" && error === ErrorCode.UNSUPPORTED_VERSION;
  if (isTooOld && role.name === "prospective") {
    // KIP-996: a voter that knows no pre-vote would never grant one.
    becomeCandidate(turn);
    return true;
  }
  if (kind === "addVoter" || kind === "removeVoter") return joinResponded(turn, error);
  if (kind === "updateVoter" && error === ErrorCode.UNSUPPORTED_VERSION) return updated(turn);
  return false;
}

function voteResponded(turn: Turn, { id }: Connection, response: VoteResponse): boolean {
  const handled = learnFrom(turn, response);
  if (handled !== "goOn") return handled;
  if (response.errorCode !== ErrorCode.NONE) return false;
  voteAnswered(turn, id, response.voteGranted);
  return true;
}

function epochResponded(turn: Turn, { id }: Connection, response: EpochResponse): boolean {
  const handled = learnFrom(turn, response);
  if (handled !== "goOn") return handled;
  if (response.errorCode !== ErrorCode.NONE) return false;
  const { role } = turn.state;
  if (response.kind === "endQuorumEpoch" && role.name === "resigned") {
    role.unacknowledged = role.unacknowledged.filter((each) => each !== id);
  }
  return true;
}

function updateResponded(turn: Turn, response: UpdateVoterResponse): boolean {
  const handled = learnFrom(turn, response);
  if (handled !== "goOn") return handled;
  const { errorCode } = response;
  const isDone = errorCode === ErrorCode.NONE || errorCode === ErrorCode.UNSUPPORTED_VERSION;
  return isDone && updated(turn);
}

function updated({ state, nowMs }: Turn): boolean {
  if (state.role.name !== "follower") return true;
  state.role.hasUpdatedLeader = true;
  state.role.hasFetched = true;
  state.role.fetchAtMs = nowMs + state.config.fetchTimeoutMs;
  return true;
}

const JOIN_ERRORS: ReadonlySet<ErrorCode> = new Set([
  ErrorCode.NONE,
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.DUPLICATE_VOTER,
  ErrorCode.VOTER_NOT_FOUND,
]);

function joinResponded({ state, nowMs }: Turn, error: ErrorCode): boolean {
  const { role, config } = state;
  if (!JOIN_ERRORS.has(error)) return false;
  if (role.name === "follower") role.updateVoterAtMs = nowMs + config.fetchTimeoutMs;
  return true;
}

function ofOtherCluster(state: RaftState, request: RaftRequest): RaftResponse {
  const topLevelError = ErrorCode.INCONSISTENT_CLUSTER_ID;
  const { kind, clusterId } = request;
  if (kind === "addVoter" || kind === "removeVoter") {
    const errorMessage =
      `The given id "${clusterId}" doesn't match ` + `the cluster id "${state.config.clusterId}"`;
    return { kind, topLevelError, errorMessage };
  }
  const unknown = { ...leaderFacts(state, ErrorCode.NONE), topLevelError };
  switch (kind) {
    case "vote":
      return { kind, ...unknown, voteGranted: false };
    case "beginQuorumEpoch":
    case "endQuorumEpoch":
    case "updateVoter":
      return { kind, ...unknown } satisfies LeaderAnswer;
    case "fetch":
      return { kind, ...unknown, ...NO_FETCH };
    case "fetchSnapshot":
      return { kind, ...unknown, ...NO_SNAPSHOT };
  }
}

const NO_FETCH = {
  logStartOffset: -1,
  highWatermark: -1,
  divergingEpoch: null,
  snapshotId: null,
  batches: [],
} as const;

const NO_SNAPSHOT = { snapshotId: null, position: 0, size: 0, byteCount: 0, bytes: null } as const;

function respond(turn: Turn, token: RequestToken, response: RaftResponse): void {
  turn.effects.push({ kind: "respond", token, response, read: null });
}
