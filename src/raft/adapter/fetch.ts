/** Fetch of the metadata log: by followers and observers, who say by it what they have. */
import { METADATA_TOPIC_ID } from "../../base/uuid.ts";
import { CLUSTER_METADATA_TOPIC } from "../../log/log-names.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { fetch } from "../../protocol/messages/01-fetch.ts";
import type { Input, Value } from "../../protocol/schema.ts";
import type { FetchRequest, FetchResponse } from "../core/messages.ts";
import { fetchedBatches } from "../fetched-batch.ts";
import {
  type RaftContext,
  type RaftReply,
  UNKNOWN_LEADER,
  directoryFrom,
  errorFrom,
  leaderEndpoints,
  nodeEndpoints,
} from "./adapter.ts";

/** A Fetch before this names the leader's endpoint nowhere. */
const ENDPOINTS_SINCE = 17;
/** The id of the replica is in `replicaState`. */
const REPLICA_STATE_SINCE = 15;
/** Before, the high watermark that the replica knows was not told: the leader waits for more. */
const HIGH_WATERMARK_SINCE = 18;
const NO_SESSION_EPOCH = -1;

type Request = Value<typeof fetch.request>;
type Response = Value<typeof fetch.response>;
type NewRequest = Input<typeof fetch.request>;
type NewResponse = Input<typeof fetch.response>;

function requestTo(request: FetchRequest, version: number): NewRequest {
  const { clusterId, replicaId, maxWaitMs, maxBytes } = request;
  const partition = {
    partition: 0,
    currentLeaderEpoch: request.currentLeaderEpoch,
    fetchOffset: request.fetchOffset,
    lastFetchedEpoch: request.lastFetchedEpoch,
    logStartOffset: -1,
    partitionMaxBytes: 0,
    replicaDirectoryId: request.replicaDirectoryId,
    ...(version < HIGH_WATERMARK_SINCE ? {} : { highWatermark: request.highWatermark }),
  };
  const isOld = version < REPLICA_STATE_SINCE;
  return {
    clusterId,
    ...(isOld ? { replicaId } : { replicaState: { replicaId, replicaEpoch: -1 } }),
    maxWaitMs,
    minBytes: 0,
    maxBytes,
    sessionId: 0,
    sessionEpoch: NO_SESSION_EPOCH,
    topics: [
      { topic: CLUSTER_METADATA_TOPIC, topicId: METADATA_TOPIC_ID, partitions: [partition] },
    ],
    forgottenTopicsData: [],
    rackId: "",
  };
}

function responseFrom(response: Response, listener: string): FetchResponse {
  const { responses, nodeEndpoints: endpoints } = response;
  const topLevelError = errorFrom(response.errorCode);
  const [topic, ...others] = responses;
  const partition = topic?.partitions[0];
  const isOne = others.length === 0 && topic?.partitions.length === 1;
  if (topLevelError !== ErrorCode.NONE || partition === undefined || !isOne) {
    return failedResponse(topLevelError || ErrorCode.INVALID_REQUEST);
  }
  const { currentLeader, divergingEpoch, snapshotId } = partition;
  const { leaderId, leaderEpoch } = currentLeader;
  const errorCode = errorFrom(partition.errorCode);
  const isDiverging = divergingEpoch.epoch >= 0 || divergingEpoch.endOffset >= 0;
  const isSnapshot = snapshotId.epoch >= 0 || snapshotId.endOffset >= 0;
  return {
    kind: "fetch",
    topLevelError,
    errorCode,
    leaderId,
    leaderEpoch,
    leaderEndpoints: leaderEndpoints(endpoints, leaderId, listener),
    logStartOffset: partition.logStartOffset,
    highWatermark: partition.highWatermark,
    divergingEpoch: isDiverging ? divergingEpoch : null,
    snapshotId: isSnapshot ? snapshotId : null,
    batches: fetchedBatches(partition.records),
  };
}

function requestFrom(request: Request, { version }: RaftContext): FetchRequest | ErrorCode {
  const [topic, ...others] = request.topics;
  const partition = topic?.partitions[0];
  if (topic === undefined || partition === undefined || others.length > 0) {
    return ErrorCode.INVALID_REQUEST;
  }
  const isMetadata = topic.topicId === METADATA_TOPIC_ID && partition.partition === 0;
  if (!isMetadata || topic.partitions.length !== 1) return ErrorCode.INVALID_REQUEST;
  const isOld = version < REPLICA_STATE_SINCE;
  return {
    kind: "fetch",
    clusterId: request.clusterId,
    replicaId: isOld ? request.replicaId : request.replicaState.replicaId,
    replicaDirectoryId: directoryFrom(partition.replicaDirectoryId),
    currentLeaderEpoch: partition.currentLeaderEpoch,
    fetchOffset: partition.fetchOffset,
    lastFetchedEpoch: partition.lastFetchedEpoch,
    highWatermark: partition.highWatermark,
    maxWaitMs: request.maxWaitMs,
    maxBytes: request.maxBytes,
  };
}

function responseTo(
  { response, bytes }: RaftReply<FetchResponse>,
  _request: Request,
  context: RaftContext,
): NewResponse {
  const { errorCode, leaderId, leaderEpoch, divergingEpoch, snapshotId } = response;
  const partition = {
    partitionIndex: 0,
    errorCode,
    highWatermark: response.highWatermark,
    logStartOffset: response.logStartOffset,
    currentLeader: { leaderId, leaderEpoch },
    abortedTransactions: [],
    records: bytes,
    ...(divergingEpoch === null ? {} : { divergingEpoch }),
    ...(snapshotId === null ? {} : { snapshotId }),
  };
  const endpoints = nodeEndpoints(response, context, ENDPOINTS_SINCE);
  return {
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    responses: [
      { topic: CLUSTER_METADATA_TOPIC, topicId: METADATA_TOPIC_ID, partitions: [partition] },
    ],
    nodeEndpoints: endpoints.map((endpoint) => ({ ...endpoint, rack: null })),
  };
}

function failedResponse(topLevelError: ErrorCode): FetchResponse {
  return {
    kind: "fetch",
    topLevelError,
    errorCode: ErrorCode.NONE,
    ...UNKNOWN_LEADER,
    logStartOffset: -1,
    highWatermark: -1,
    divergingEpoch: null,
    snapshotId: null,
    batches: [],
  };
}

export const fetchAdapter = {
  api: fetch,
  requestTo,
  responseFrom,
  unsupported: failedResponse(ErrorCode.UNSUPPORTED_VERSION),
  requestFrom,
  responseTo,
  failed: (errorCode: ErrorCode): NewResponse => ({ throttleTimeMs: 0, errorCode, responses: [] }),
};
