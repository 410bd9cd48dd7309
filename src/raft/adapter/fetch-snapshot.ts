/** FetchSnapshot: by followers whose next records are in no log any more. */
import { CLUSTER_METADATA_TOPIC } from "../../log/log-names.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { fetchSnapshot } from "../../protocol/messages/59-fetch-snapshot.ts";
import type { Input, Value } from "../../protocol/schema.ts";
import type { FetchSnapshotRequest, FetchSnapshotResponse } from "../core/messages.ts";
import {
  type RaftContext,
  type RaftReply,
  UNKNOWN_LEADER,
  directoryFrom,
  errorFrom,
  leaderEndpoints,
  nodeEndpoints,
} from "./adapter.ts";

const ENDPOINTS_SINCE = 1;

type Request = Value<typeof fetchSnapshot.request>;
type Response = Value<typeof fetchSnapshot.response>;
type NewRequest = Input<typeof fetchSnapshot.request>;
type NewResponse = Input<typeof fetchSnapshot.response>;
type NewPartition = NewResponse["topics"][number]["partitions"][number];

function requestTo(request: FetchSnapshotRequest): NewRequest {
  const { clusterId, replicaId, maxBytes, snapshotId, position } = request;
  const partition = {
    partition: 0,
    currentLeaderEpoch: request.currentLeaderEpoch,
    snapshotId,
    position,
    replicaDirectoryId: request.replicaDirectoryId,
  };
  const topics = [{ name: CLUSTER_METADATA_TOPIC, partitions: [partition] }];
  return { clusterId, replicaId, maxBytes, topics };
}

function responseFrom(response: Response, listener: string): FetchSnapshotResponse {
  const { topics, nodeEndpoints: endpoints } = response;
  const topLevelError = errorFrom(response.errorCode);
  const partition = topics[0]?.partitions[0];
  if (topLevelError !== ErrorCode.NONE || partition === undefined) {
    return failedResponse(topLevelError || ErrorCode.INVALID_REQUEST);
  }
  const { currentLeader, snapshotId, position, size, unalignedRecords } = partition;
  const { leaderId, leaderEpoch } = currentLeader;
  const errorCode = errorFrom(partition.errorCode);
  // The response's bytes are gone when this returns.
  const bytes = Buffer.from(unalignedRecords);
  return {
    kind: "fetchSnapshot",
    topLevelError,
    errorCode,
    leaderId,
    leaderEpoch,
    leaderEndpoints: leaderEndpoints(endpoints, leaderId, listener),
    snapshotId: snapshotId.endOffset < 0 ? null : snapshotId,
    position,
    size,
    byteCount: bytes.length,
    bytes,
  };
}

function requestFrom(request: Request): FetchSnapshotRequest | ErrorCode {
  const [topic, ...others] = request.topics;
  const [partition, ...more] = topic?.partitions ?? [];
  if (partition === undefined || others.length > 0 || more.length > 0) {
    return ErrorCode.INVALID_REQUEST;
  }
  return {
    kind: "fetchSnapshot",
    clusterId: request.clusterId,
    replicaId: request.replicaId,
    replicaDirectoryId: directoryFrom(partition.replicaDirectoryId),
    currentLeaderEpoch: partition.currentLeaderEpoch,
    snapshotId: partition.snapshotId,
    position: partition.position,
    maxBytes: request.maxBytes,
  };
}

/** Whether the one partition that is asked about is that of the metadata. */
function isAboutMetadata({ topics }: Request): boolean {
  return topics[0]?.name === CLUSTER_METADATA_TOPIC && topics[0].partitions[0]?.partition === 0;
}

function responseTo(
  { response, bytes }: RaftReply<FetchSnapshotResponse>,
  request: Request,
  context: RaftContext,
): NewResponse {
  const { leaderId, leaderEpoch, errorCode, size } = response;
  const leader = { leaderId, leaderEpoch };
  if (!isAboutMetadata(request)) return ofPartition(request, unknownPartition(leader));
  const isHere = errorCode === ErrorCode.NONE;
  const answered = ofPartition(request, {
    errorCode,
    currentLeader: leader,
    size: isHere ? size : 0,
    unalignedRecords: isHere ? bytes : NOTHING,
  });
  return { ...answered, nodeEndpoints: nodeEndpoints(response, context, ENDPOINTS_SINCE) };
}

const NOTHING = Buffer.alloc(0);

function unknownPartition(currentLeader: { leaderId: number; leaderEpoch: number }) {
  const errorCode = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  return { errorCode, currentLeader, size: 0, unalignedRecords: NOTHING };
}

function ofPartition(
  request: Request,
  answer: Pick<NewPartition, "errorCode" | "currentLeader" | "size" | "unalignedRecords">,
): NewResponse {
  const [topic] = request.topics;
  const [asked] = topic?.partitions ?? [];
  if (topic === undefined || asked === undefined) return failed(ErrorCode.INVALID_REQUEST);
  const { snapshotId, position, partition: index } = asked;
  const partitions = [{ index, snapshotId, position, ...answer }];
  const topics = [{ name: topic.name, partitions }];
  return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, topics };
}

function failedResponse(topLevelError: ErrorCode): FetchSnapshotResponse {
  return {
    kind: "fetchSnapshot",
    topLevelError,
    errorCode: ErrorCode.NONE,
    ...UNKNOWN_LEADER,
    snapshotId: null,
    position: 0,
    size: 0,
    byteCount: 0,
    bytes: null,
  };
}

function failed(errorCode: ErrorCode): NewResponse {
  return { throttleTimeMs: 0, errorCode, topics: [] };
}

export const fetchSnapshotAdapter = {
  api: fetchSnapshot,
  requestTo,
  responseFrom,
  unsupported: failedResponse(ErrorCode.UNSUPPORTED_VERSION),
  requestFrom,
  responseTo,
  failed,
};
