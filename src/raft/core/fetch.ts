/**
 * What a leader answers to those who follow its log: Fetch, with a long poll, and FetchSnapshot. A
 * Fetch says two things at once: what the replica wants, and what it has on its disk.
 */
import { ErrorCode } from "../../protocol/error-code.ts";
import { BOOTSTRAP_SNAPSHOT, compareSnapshots } from "../snapshot-name.ts";
import { errorUnlessLeader, leaderFacts } from "./answers.ts";
import type { ReadRange, Turn } from "./effects.ts";
import { replicaFetched, voterIsThere } from "./leader.ts";
import { validatePosition } from "./log-state.ts";
import type {
  FetchRequest,
  FetchResponse,
  FetchSnapshotRequest,
  FetchSnapshotResponse,
} from "./messages.ts";
import type { RaftState, RequestToken, WaitingFetch } from "./state.ts";

/** Whoever is too many is answered at once. */
const WAITING_MAX = 1000;

interface FetchAnswer {
  readonly response: FetchResponse;
  readonly read: ReadRange | null;
}

export function answerFetch(turn: Turn, token: RequestToken, request: FetchRequest): void {
  const { state, nowMs } = turn;
  const { fetchOffset, lastFetchedEpoch, maxWaitMs } = request;
  const isNonsense =
    maxWaitMs < 0 ||
    fetchOffset < 0 ||
    lastFetchedEpoch < 0 ||
    lastFetchedEpoch > request.currentLeaderEpoch;
  if (isNonsense) {
    respond(turn, token, refused(state, ErrorCode.INVALID_REQUEST));
    return;
  }
  const answer = readFor(turn, request, true);
  const { waitingFetches } = state;
  if (!isWorthWaiting(request, answer) || waitingFetches.length >= WAITING_MAX) {
    respond(turn, token, answer);
  } else {
    waitingFetches.push({ token, request, untilAtMs: nowMs + maxWaitMs });
  }
}

/** At the end of a step: whoever waits for what has come is answered. */
export function settleFetches(turn: Turn): void {
  const { state } = turn;
  if (state.waitingFetches.length === 0) return;
  const waiting: WaitingFetch[] = [];
  for (const each of state.waitingFetches) {
    const answer = readFor(turn, each.request, false);
    const isOver = turn.nowMs >= each.untilAtMs || !isWorthWaiting(each.request, answer);
    if (isOver) respond(turn, each.token, answer);
    else waiting.push(each);
  }
  state.waitingFetches = waiting;
}

export function answerFetchSnapshot(
  turn: Turn,
  token: RequestToken,
  request: FetchSnapshotRequest,
): void {
  const { state, effects } = turn;
  const { snapshotId: id, position, maxBytes, replicaId, replicaDirectoryId } = request;
  const answer = (error: ErrorCode, read: ReadRange | null): void => {
    const none = { position, size: 0, byteCount: 0, bytes: null };
    const snapshotId = read === null ? null : id;
    const response: FetchSnapshotResponse = {
      kind: "fetchSnapshot",
      ...leaderFacts(state, error),
      snapshotId,
      ...none,
    };
    effects.push({ kind: "respond", token, response, read });
  };
  const error = errorUnlessLeader(state, request.currentLeaderEpoch);
  const { role } = state;
  if (error !== ErrorCode.NONE || role.name !== "leader") {
    answer(error, null);
    return;
  }
  const isKnown = state.log.snapshots.some((each) => compareSnapshots(each, id) === 0);
  if (!isKnown || compareSnapshots(id, BOOTSTRAP_SNAPSHOT) === 0) {
    answer(ErrorCode.SNAPSHOT_NOT_FOUND, null);
  } else if (position < 0) {
    answer(ErrorCode.POSITION_OUT_OF_RANGE, null);
  } else if (replicaId === state.config.local.id) {
    answer(ErrorCode.UNKNOWN_SERVER_ERROR, null);
  } else {
    voterIsThere(turn, role, { id: replicaId, directoryId: replicaDirectoryId });
    answer(ErrorCode.NONE, { kind: "snapshot", id, position, maxBytes });
  }
}

/** `isNew`: it has just come, and so says what is on the disk of the replica. */
function readFor(turn: Turn, request: FetchRequest, isNew: boolean): FetchAnswer {
  const { state } = turn;
  const { role, log, config } = state;
  const error = errorUnlessLeader(state, request.currentLeaderEpoch);
  if (error !== ErrorCode.NONE || role.name !== "leader") return refused(state, error);
  // Another node with our id is not what it says.
  const { replicaId: id, replicaDirectoryId: directoryId, fetchOffset, maxBytes } = request;
  if (id === config.local.id) return refused(state, ErrorCode.UNKNOWN_SERVER_ERROR);
  const position = validatePosition(log, fetchOffset, request.lastFetchedEpoch);
  const isValid = position.kind === "valid";
  if (isValid && isNew) replicaFetched(turn, role, { id, directoryId }, fetchOffset);
  const isMore = isValid && fetchOffset < log.endOffset;
  const response: FetchResponse = {
    kind: "fetch",
    ...leaderFacts(state, ErrorCode.NONE),
    logStartOffset: log.startOffset,
    highWatermark: role.highWatermark,
    divergingEpoch: position.kind === "diverging" ? position.at : null,
    snapshotId: position.kind === "snapshot" ? position.at : null,
    batches: [],
  };
  return { response, read: isMore ? { kind: "log", fromOffset: fetchOffset, maxBytes } : null };
}

function refused(state: RaftState, error: ErrorCode): FetchAnswer {
  const response: FetchResponse = {
    kind: "fetch",
    ...leaderFacts(state, error),
    logStartOffset: state.log.startOffset,
    highWatermark: -1,
    divergingEpoch: null,
    snapshotId: null,
    batches: [],
  };
  return { response, read: null };
}

function isWorthWaiting(request: FetchRequest, { response, read }: FetchAnswer): boolean {
  return (
    response.errorCode === ErrorCode.NONE &&
    read === null &&
    response.divergingEpoch === null &&
    response.snapshotId === null &&
    response.highWatermark <= request.highWatermark &&
    request.maxWaitMs > 0
  );
}

function respond(turn: Turn, token: RequestToken, { response, read }: FetchAnswer): void {
  turn.effects.push({ kind: "respond", token, response, read });
}
