/** AddRaftVoter, RemoveRaftVoter, UpdateRaftVoter, and what a leader asks a new voter first. */
import { ErrorCode } from "../../protocol/error-code.ts";
import { apiVersions } from "../../protocol/messages/18-api-versions.ts";
import { addRaftVoter } from "../../protocol/messages/80-add-raft-voter.ts";
import { removeRaftVoter } from "../../protocol/messages/81-remove-raft-voter.ts";
import { updateRaftVoter } from "../../protocol/messages/82-update-raft-voter.ts";
import type { Input, Value } from "../../protocol/schema.ts";
import type {
  AddVoterRequest,
  ApiVersionsRequest,
  ApiVersionsResponse,
  RemoveVoterRequest,
  UpdateVoterRequest,
  UpdateVoterResponse,
  VoterChangeResponse,
} from "../core/messages.ts";
import {
  type RaftContext,
  type RaftReply,
  UNKNOWN_LEADER,
  VersionError,
  endpointsFrom,
  errorFrom,
} from "./adapter.ts";

const ACK_SINCE = 1;
const KRAFT_VERSION = "kraft.version";

type ChangeResponse = Value<typeof addRaftVoter.response> & Value<typeof removeRaftVoter.response>;

function changed(kind: VoterChangeResponse["kind"]) {
  const unsupported: VoterChangeResponse = {
    kind,
    topLevelError: ErrorCode.UNSUPPORTED_VERSION,
    errorMessage: null,
  };
  return {
    unsupported,
    responseFrom: ({ errorCode, errorMessage }: ChangeResponse): VoterChangeResponse => ({
      kind,
      topLevelError: errorFrom(errorCode),
      errorMessage,
    }),
    responseTo: ({ response }: RaftReply<VoterChangeResponse>) => ({
      throttleTimeMs: 0,
      errorCode: response.topLevelError,
      errorMessage: response.errorMessage,
    }),
    failed: (errorCode: ErrorCode) => ({ throttleTimeMs: 0, errorCode, errorMessage: null }),
  };
}

export const addVoterAdapter = {
  api: addRaftVoter,
  requestTo(request: AddVoterRequest, version: number): Input<typeof addRaftVoter.request> {
    const { clusterId, timeoutMs, voterId, voterDirectoryId, endpoints } = request;
    const { ackWhenCommitted } = request;
    if (!ackWhenCommitted && version < ACK_SINCE) throw new VersionError("AddRaftVoter v0");
    const listeners = [...endpoints];
    const acked = version < ACK_SINCE ? {} : { ackWhenCommitted };
    return { clusterId, timeoutMs, voterId, voterDirectoryId, listeners, ...acked };
  },
  requestFrom(request: Value<typeof addRaftVoter.request>): AddVoterRequest {
    const { clusterId, timeoutMs, voterId, voterDirectoryId, ackWhenCommitted } = request;
    const endpoints = endpointsFrom(request.listeners);
    const kind = "addVoter";
    return { kind, clusterId, timeoutMs, voterId, voterDirectoryId, endpoints, ackWhenCommitted };
  },
  ...changed("addVoter"),
};

export const removeVoterAdapter = {
  api: removeRaftVoter,
  requestTo(request: RemoveVoterRequest): Input<typeof removeRaftVoter.request> {
    const { clusterId, voterId, voterDirectoryId } = request;
    return { clusterId, voterId, voterDirectoryId };
  },
  requestFrom(request: Value<typeof removeRaftVoter.request>): RemoveVoterRequest {
    const { clusterId, voterId, voterDirectoryId } = request;
    return { kind: "removeVoter", clusterId, voterId, voterDirectoryId };
  },
  ...changed("removeVoter"),
};

type UpdateRequest = Value<typeof updateRaftVoter.request>;
type UpdateResponse = Value<typeof updateRaftVoter.response>;
type NewUpdateResponse = Input<typeof updateRaftVoter.response>;

export const updateVoterAdapter = {
  api: updateRaftVoter,
  requestTo(request: UpdateVoterRequest): Input<typeof updateRaftVoter.request> {
    return {
      clusterId: request.clusterId,
      currentLeaderEpoch: request.currentLeaderEpoch,
      voterId: request.voterId,
      voterDirectoryId: request.voterDirectoryId,
      listeners: [...request.endpoints],
      kRaftVersionFeature: {
        minSupportedVersion: request.kraftVersionMin,
        maxSupportedVersion: request.kraftVersionMax,
      },
    };
  },
  requestFrom(request: UpdateRequest): UpdateVoterRequest {
    const { minSupportedVersion, maxSupportedVersion } = request.kRaftVersionFeature;
    return {
      kind: "updateVoter",
      clusterId: request.clusterId,
      currentLeaderEpoch: request.currentLeaderEpoch,
      voterId: request.voterId,
      voterDirectoryId: request.voterDirectoryId,
      endpoints: endpointsFrom(request.listeners),
      kraftVersionMin: minSupportedVersion,
      kraftVersionMax: maxSupportedVersion,
    };
  },
  /** There is one error alone, which may be of the whole request or say who leads. */
  responseFrom({ errorCode, currentLeader }: UpdateResponse, name: string): UpdateVoterResponse {
    const { leaderId, leaderEpoch, host, port } = currentLeader;
    const error = errorFrom(errorCode);
    const isKnown = leaderId >= 0 && leaderEpoch >= 0;
    const leaderEndpoints = host === "" || port <= 0 ? [] : [{ name, host, port }];
    return {
      kind: "updateVoter",
      topLevelError: isKnown ? ErrorCode.NONE : error,
      errorCode: isKnown ? error : ErrorCode.NONE,
      leaderId,
      leaderEpoch,
      leaderEndpoints,
    };
  },
  responseTo(
    { response }: RaftReply<UpdateVoterResponse>,
    _request: UpdateRequest,
    { listener }: RaftContext,
  ): NewUpdateResponse {
    const { leaderId, leaderEpoch, leaderEndpoints, topLevelError } = response;
    const errorCode = topLevelError || response.errorCode;
    const endpoint = leaderEndpoints.find(({ name }) => name === listener);
    const { host, port } = endpoint ?? { host: "", port: 0 };
    return {
      throttleTimeMs: 0,
      errorCode,
      currentLeader: { leaderId, leaderEpoch, host, port },
    };
  },
  failed: (errorCode: ErrorCode): NewUpdateResponse => ({
    throttleTimeMs: 0,
    errorCode,
    currentLeader: { leaderId: -1, leaderEpoch: -1, host: "", port: 0 },
  }),
  unsupported: {
    kind: "updateVoter",
    topLevelError: ErrorCode.UNSUPPORTED_VERSION,
    errorCode: ErrorCode.NONE,
    ...UNKNOWN_LEADER,
  } satisfies UpdateVoterResponse,
};

export const apiVersionsAdapter = {
  api: apiVersions,
  requestTo: (_request: ApiVersionsRequest): Input<typeof apiVersions.request> => ({
    clientSoftwareName: "bunka",
    clientSoftwareVersion: "1",
  }),
  responseFrom(response: Value<typeof apiVersions.response>): ApiVersionsResponse {
    const found = response.supportedFeatures.find(({ name }) => name === KRAFT_VERSION);
    return {
      kind: "apiVersions",
      topLevelError: errorFrom(response.errorCode),
      kraftVersions: found === undefined ? null : { min: found.minVersion, max: found.maxVersion },
    };
  },
  unsupported: {
    kind: "apiVersions",
    topLevelError: ErrorCode.UNSUPPORTED_VERSION,
    kraftVersions: null,
  } satisfies ApiVersionsResponse,
};
