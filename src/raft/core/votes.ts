/**
 * Vote, with and without the pre-vote of KIP-996.
 *
 *   granted by     a pre-vote                              a vote
 *   unattached,    an up-to-date log                       the same, and none given to another,
 *   prospective                                            and no leader known in the epoch
 *   follower       the same, and nothing fetched of        never
 *                  the leader yet
 *   candidate,     an up-to-date log                       never (the candidate has its own)
 *   resigned
 *   leader         never                                   never
 */
import { ZERO_UUID } from "../../base/uuid.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { NOBODY } from "../quorum-state.ts";
import { errorOfClaim, isMeantForUs, leaderFacts } from "./answers.ts";
import type { Turn } from "./effects.ts";
import { flushedEnd, isUpToDate } from "./log-state.ts";
import type { ReplicaKey, VoteRequest, VoteResponse } from "./messages.ts";
import type { RaftState } from "./state.ts";
import { isVoteGranted, isVoteRejected, recordVote } from "./tally.ts";
import {
  becomeCandidate,
  becomeLeader,
  becomeUnattached,
  giveUpPreVote,
  vote,
} from "./transitions.ts";

export function answerVote(turn: Turn, request: VoteRequest): VoteResponse {
  const { state } = turn;
  const { replicaId, replicaEpoch, lastOffset, lastOffsetEpoch, preVote } = request;
  const refused = (errorCode: ErrorCode): VoteResponse => ({
    kind: "vote",
    ...leaderFacts(state, errorCode),
    voteGranted: false,
  });
  const isIllegal = preVote ? lastOffsetEpoch > replicaEpoch : lastOffsetEpoch >= replicaEpoch;
  if (lastOffset < 0 || lastOffsetEpoch < 0 || isIllegal) return refused(ErrorCode.INVALID_REQUEST);
  const error = errorOfClaim(state, replicaId, replicaEpoch);
  if (error !== ErrorCode.NONE) return refused(error);
  if (replicaEpoch > state.election.leaderEpoch) becomeUnattached(turn, replicaEpoch, NOBODY);
  if (!isMeantForUs(state, request)) return refused(ErrorCode.INVALID_VOTER_KEY);
  const key = { id: replicaId, directoryId: request.replicaDirectoryId };
  const end = { endOffset: lastOffset, epoch: lastOffsetEpoch };
  const voteGranted = canGrant(state, key, isUpToDate(state.log, end), preVote);
  const isFirst = state.election.votedId === NOBODY;
  if (voteGranted && !preVote && isFirst) vote(turn, key);
  return { kind: "vote", ...leaderFacts(state, ErrorCode.NONE), voteGranted };
}

/** What the one that was asked said, in this epoch. */
export function voteAnswered(turn: Turn, voterId: number, isGranted: boolean): void {
  const { role } = turn.state;
  if (role.name !== "prospective" && role.name !== "candidate") return;
  const { votes } = role;
  if (!votes.voters.has(voterId)) return;
  // Of a pre-vote one may think better; a vote that was given is not taken back.
  const isSettled = votes.granted.includes(voterId) || votes.rejected.includes(voterId);
  if (role.name === "candidate" && isSettled) return;
  recordVote(votes, voterId, isGranted);
  if (isVoteGranted(votes)) {
    if (role.name === "prospective") becomeCandidate(turn);
    else becomeLeader(turn);
  } else if (role.name === "prospective" && isVoteRejected(votes)) {
    // A candidate waits for the rest of its time instead, lest it stands again and again.
    giveUpPreVote(turn);
  }
}

/** What a nominee asks of a voter. Only what is on disk counts: a crash may take the rest. */
export function voteRequest(state: RaftState, voter: ReplicaKey, preVote: boolean): VoteRequest {
  const { config, election, log } = state;
  const { endOffset, epoch } = flushedEnd(log);
  return {
    kind: "vote",
    clusterId: config.clusterId,
    voterId: voter.id,
    voterDirectoryId: voter.directoryId,
    replicaId: config.local.id,
    replicaDirectoryId: config.local.directoryId,
    replicaEpoch: election.leaderEpoch,
    lastOffset: endOffset,
    lastOffsetEpoch: epoch,
    preVote,
  };
}

function canGrant(
  { role, election, config }: RaftState,
  key: ReplicaKey,
  isLogUpToDate: boolean,
  preVote: boolean,
): boolean {
  // Another node with our id: whatever it is, it does not get our vote as if it were ours.
  if (key.id === config.local.id) return false;
  switch (role.name) {
    case "leader":
      return false;
    case "candidate":
    case "resigned":
      return preVote && isLogUpToDate;
    case "follower":
      return preVote && isLogUpToDate && !role.hasFetched;
    case "unattached":
    case "prospective":
      if (preVote) return isLogUpToDate;
      if (election.votedId !== NOBODY) return isVotedFor(election, key);
      return election.leaderId === NOBODY && isLogUpToDate;
  }
}

function isVotedFor(election: RaftState["election"], { id, directoryId }: ReplicaKey): boolean {
  const { votedId, votedDirectoryId } = election;
  return votedId === id && (votedDirectoryId === ZERO_UUID || votedDirectoryId === directoryId);
}
