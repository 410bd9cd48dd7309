/** Vote: of those who stand for election, and of those who would (KIP-996). */
import { ErrorCode } from "../../protocol/error-code.ts";
import { vote } from "../../protocol/messages/52-vote.ts";
import type { Input, Value } from "../../protocol/schema.ts";
import type { VoteRequest, VoteResponse } from "../core/messages.ts";
import {
  type RaftContext,
  type RaftReply,
  UNKNOWN_LEADER,
  VersionError,
  directoryFrom,
  errorFrom,
  leaderEndpoints,
  nodeEndpoints,
  onlyPartition,
  topicOf,
} from "./adapter.ts";

const ENDPOINTS_SINCE = 1;
const PRE_VOTE_SINCE = 2;

type Request = Value<typeof vote.request>;
type Response = Value<typeof vote.response>;
type NewRequest = Input<typeof vote.request>;
type NewResponse = Input<typeof vote.response>;

function requestTo(request: VoteRequest, version: number): NewRequest {
  const { clusterId, voterId, preVote } = request;
  if (preVote && version < PRE_VOTE_SINCE) throw new VersionError("Vote without pre-votes");
  return {
    clusterId,
    voterId,
    topics: topicOf({
      partitionIndex: 0,
      replicaEpoch: request.replicaEpoch,
      replicaId: request.replicaId,
      replicaDirectoryId: request.replicaDirectoryId,
      voterDirectoryId: request.voterDirectoryId,
      lastOffsetEpoch: request.lastOffsetEpoch,
      lastOffset: request.lastOffset,
      ...(version < PRE_VOTE_SINCE ? {} : { preVote }),
    }),
  };
}

function responseFrom(response: Response, listener: string): VoteResponse {
  const { topics, nodeEndpoints: endpoints } = response;
  const topLevelError = errorFrom(response.errorCode);
  const partition = onlyPartition(topics);
  if (partition === null) return failedResponse(topLevelError || ErrorCode.INVALID_REQUEST);
  const { leaderId, leaderEpoch, voteGranted } = partition;
  const errorCode = errorFrom(partition.errorCode);
  return {
    kind: "vote",
    topLevelError,
    errorCode,
    leaderId,
    leaderEpoch,
    leaderEndpoints: leaderEndpoints(endpoints, leaderId, listener),
    voteGranted,
  };
}

function requestFrom(request: Request): VoteRequest | ErrorCode {
  const partition = onlyPartition(request.topics);
  if (partition === null) return ErrorCode.INVALID_REQUEST;
  const { replicaId, replicaEpoch, lastOffset, lastOffsetEpoch } = partition;
  return {
    kind: "vote",
    clusterId: request.clusterId,
    voterId: request.voterId,
    voterDirectoryId: directoryFrom(partition.voterDirectoryId),
    replicaId,
    replicaDirectoryId: directoryFrom(partition.replicaDirectoryId),
    replicaEpoch,
    lastOffset,
    lastOffsetEpoch,
    preVote: partition.preVote,
  };
}

function responseTo(
  { response }: RaftReply<VoteResponse>,
  _request: Request,
  context: RaftContext,
): NewResponse {
  const { errorCode, leaderId, leaderEpoch, voteGranted } = response;
  return {
    errorCode: ErrorCode.NONE,
    topics: topicOf({ partitionIndex: 0, errorCode, leaderId, leaderEpoch, voteGranted }),
    nodeEndpoints: nodeEndpoints(response, context, ENDPOINTS_SINCE),
  };
}

function failedResponse(topLevelError: ErrorCode): VoteResponse {
  const nothing = { errorCode: ErrorCode.NONE, ...UNKNOWN_LEADER, voteGranted: false };
  return { kind: "vote", topLevelError, ...nothing };
}

export const voteAdapter = {
  api: vote,
  requestTo,
  responseFrom,
  unsupported: failedResponse(ErrorCode.UNSUPPORTED_VERSION),
  requestFrom,
  responseTo,
  failed: (errorCode: ErrorCode): NewResponse => ({ errorCode, topics: [] }),
};
