/** BeginQuorumEpoch and EndQuorumEpoch: their responses are alike. */
import { ErrorCode } from "../../protocol/error-code.ts";
import { beginQuorumEpoch } from "../../protocol/messages/53-begin-quorum-epoch.ts";
import { endQuorumEpoch } from "../../protocol/messages/54-end-quorum-epoch.ts";
import type { Input, Value } from "../../protocol/schema.ts";
import type {
  BeginQuorumEpochRequest,
  EndQuorumEpochRequest,
  EpochResponse,
  ReplicaKey,
} from "../core/messages.ts";
import {
  type RaftContext,
  type RaftReply,
  UNKNOWN_LEADER,
  directoryFrom,
  errorFrom,
  endpointsFrom,
  leaderEndpoints,
  nodeEndpoints,
  onlyPartition,
  topicOf,
} from "./adapter.ts";

/** Flexible, with directories and endpoints. */
const KIP_853 = 1;

type BeginRequest = Value<typeof beginQuorumEpoch.request>;
type EndRequest = Value<typeof endQuorumEpoch.request>;
type Response = Value<typeof beginQuorumEpoch.response> & Value<typeof endQuorumEpoch.response>;
type NewResponse = Input<typeof beginQuorumEpoch.response> & Input<typeof endQuorumEpoch.response>;

function beginTo(request: BeginQuorumEpochRequest): Input<typeof beginQuorumEpoch.request> {
  const { clusterId, voterId, voterDirectoryId, leaderId, leaderEpoch } = request;
  return {
    clusterId,
    voterId,
    topics: topicOf({ partitionIndex: 0, voterDirectoryId, leaderId, leaderEpoch }),
    leaderEndpoints: [...request.leaderEndpoints],
  };
}

function endTo(
  request: EndQuorumEpochRequest,
  version: number,
): Input<typeof endQuorumEpoch.request> {
  const { clusterId, leaderId, leaderEpoch, preferredCandidates } = request;
  const successors =
    version < KIP_853
      ? { preferredSuccessors: preferredCandidates.map(({ id }) => id), preferredCandidates: [] }
      : {
          preferredSuccessors: [],
          preferredCandidates: preferredCandidates.map(({ id, directoryId }) => ({
            candidateId: id,
            candidateDirectoryId: directoryId,
          })),
        };
  return {
    clusterId,
    topics: topicOf({ partitionIndex: 0, leaderId, leaderEpoch, ...successors }),
    leaderEndpoints: [...request.leaderEndpoints],
  };
}

function beginFrom(request: BeginRequest): BeginQuorumEpochRequest | ErrorCode {
  const partition = onlyPartition(request.topics);
  if (partition === null) return ErrorCode.INVALID_REQUEST;
  return {
    kind: "beginQuorumEpoch",
    clusterId: request.clusterId,
    voterId: request.voterId,
    voterDirectoryId: directoryFrom(partition.voterDirectoryId),
    leaderId: partition.leaderId,
    leaderEpoch: partition.leaderEpoch,
    leaderEndpoints: endpointsFrom(request.leaderEndpoints),
  };
}

function endFrom(request: EndRequest): EndQuorumEpochRequest | ErrorCode {
  const partition = onlyPartition(request.topics);
  if (partition === null) return ErrorCode.INVALID_REQUEST;
  const { leaderId, leaderEpoch, preferredSuccessors, preferredCandidates } = partition;
  const byId = (preferredSuccessors ?? []).map((id) => ({
    id,
    directoryId: directoryFrom(undefined),
  }));
  const candidates: readonly ReplicaKey[] = (preferredCandidates ?? []).map(
    ({ candidateId, candidateDirectoryId }) => ({
      id: candidateId,
      directoryId: candidateDirectoryId,
    }),
  );
  return {
    kind: "endQuorumEpoch",
    clusterId: request.clusterId,
    leaderId,
    leaderEpoch,
    leaderEndpoints: endpointsFrom(request.leaderEndpoints),
    preferredCandidates: candidates.length > 0 ? candidates : byId,
  };
}

type Kind = EpochResponse["kind"];

function responseFrom(kind: Kind, response: Response, listener: string): EpochResponse {
  const { topics, nodeEndpoints: endpoints } = response;
  const topLevelError = errorFrom(response.errorCode);
  const partition = onlyPartition(topics);
  if (partition === null) return failedResponse(kind, topLevelError || ErrorCode.INVALID_REQUEST);
  const { leaderId, leaderEpoch } = partition;
  const errorCode = errorFrom(partition.errorCode);
  const reached = leaderEndpoints(endpoints, leaderId, listener);
  return { kind, topLevelError, errorCode, leaderId, leaderEpoch, leaderEndpoints: reached };
}

function responseTo(
  { response }: RaftReply<EpochResponse>,
  _request: unknown,
  context: RaftContext,
): NewResponse {
  const { errorCode, leaderId, leaderEpoch } = response;
  return {
    errorCode: ErrorCode.NONE,
    topics: topicOf({ partitionIndex: 0, errorCode, leaderId, leaderEpoch }),
    nodeEndpoints: nodeEndpoints(response, context, KIP_853),
  };
}

function failedResponse(kind: Kind, topLevelError: ErrorCode): EpochResponse {
  return { kind, topLevelError, errorCode: ErrorCode.NONE, ...UNKNOWN_LEADER };
}

const failed = (errorCode: ErrorCode): NewResponse => ({ errorCode, topics: [] });

function answersOf(kind: Kind) {
  return {
    responseFrom: (response: Response, listener: string) => responseFrom(kind, response, listener),
    unsupported: failedResponse(kind, ErrorCode.UNSUPPORTED_VERSION),
    responseTo,
    failed,
  };
}

export const beginQuorumEpochAdapter = {
  api: beginQuorumEpoch,
  requestTo: beginTo,
  requestFrom: beginFrom,
  ...answersOf("beginQuorumEpoch"),
};

export const endQuorumEpochAdapter = {
  api: endQuorumEpoch,
  requestTo: endTo,
  requestFrom: endFrom,
  ...answersOf("endQuorumEpoch"),
};
