/** BeginQuorumEpoch and EndQuorumEpoch: a leader says that it leads, and that it leads no more. */
import { ZERO_UUID } from "../../base/uuid.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { errorOfClaim, isMeantForUs, leaderFacts } from "./answers.ts";
import type { Turn } from "./effects.ts";
import { endpointsOf, follow } from "./learn.ts";
import type {
  BeginQuorumEpochRequest,
  EndQuorumEpochRequest,
  EpochResponse,
  ReplicaKey,
} from "./messages.ts";
import type { RaftState } from "./state.ts";

export function answerBeginQuorumEpoch(
  turn: Turn,
  request: BeginQuorumEpochRequest,
): EpochResponse {
  let error = answerClaim(turn, request);
  if (error === ErrorCode.NONE && !isMeantForUs(turn.state, request)) {
    error = ErrorCode.INVALID_VOTER_KEY;
  }
  return { kind: "beginQuorumEpoch", ...leaderFacts(turn.state, error) };
}

export function answerEndQuorumEpoch(turn: Turn, request: EndQuorumEpochRequest): EpochResponse {
  const error = answerClaim(turn, request);
  const { state, nowMs } = turn;
  const { role, election } = state;
  const isOfLeader = role.name === "follower" && election.leaderId === request.leaderId;
  if (error === ErrorCode.NONE && isOfLeader) {
    role.fetchAtMs = nowMs + successionBackoff(state, request.preferredCandidates);
  }
  return { kind: "endQuorumEpoch", ...leaderFacts(state, error) };
}

function answerClaim(
  turn: Turn,
  request: BeginQuorumEpochRequest | EndQuorumEpochRequest,
): ErrorCode {
  const { leaderId, leaderEpoch, leaderEndpoints } = request;
  const error = errorOfClaim(turn.state, leaderId, leaderEpoch);
  if (error !== ErrorCode.NONE) return error;
  const endpoints = endpointsOf(turn.state, leaderId, leaderEndpoints);
  const isPossible = follow(turn, leaderId, leaderEpoch, endpoints);
  return isPossible ? ErrorCode.NONE : ErrorCode.INCONSISTENT_VOTER_SET;
}

/** The one with most of the log stands at once, each after it waits twice as long. */
function successionBackoff({ config }: RaftState, candidates: readonly ReplicaKey[]): number {
  const { local, electionBackoffMaxMs } = config;
  const position = candidates.findIndex(
    ({ id, directoryId }) =>
      id === local.id && (directoryId === ZERO_UUID || directoryId === local.directoryId),
  );
  if (position === 0) return 0;
  if (position < 0) return electionBackoffMaxMs;
  // Beyond 31 a shift would begin anew.
  const baseMs = electionBackoffMaxMs >> Math.min(candidates.length - 1, 31);
  return Math.min(electionBackoffMaxMs, baseMs * 2 ** (position - 1));
}
