/**
 * What the leader answers to those who read the metadata log along: Fetch, with a long poll, and
 * FetchSnapshot, a range of a snapshot's file at a time.
 */
import { METADATA_TOPIC_ID } from "../base/uuid.ts";
import type { Clock, Disk } from "../base/world.ts";
import { type Signal, waitUntil } from "../base/signal.ts";
import { CLUSTER_METADATA_TOPIC } from "../log/log-names.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import type { fetch } from "../protocol/messages/01-fetch.ts";
import type { fetchSnapshot } from "../protocol/messages/59-fetch-snapshot.ts";
import type { Input, Value } from "../protocol/schema.ts";
import type { Quorum } from "./quorum.ts";
import { type RaftContext, isClusterId, leaderEndpoints } from "./quorum-requests.ts";
import { type FollowerPosition, type RaftLog, isBootstrapSnapshot } from "./raft-log.ts";

export interface FetchSource {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly quorum: Quorum;
  readonly log: RaftLog;
  /** Moves when the log grows, and with its high watermark. */
  readonly moved: Signal;
  /** A replica asked for what lies behind `endOffset`. */
  observed(id: number, directoryId: string, endOffset: number): void;
}

type FetchRequest = Value<typeof fetch.request>;
type FetchResponse = Input<typeof fetch.response>;
type FetchPartition = FetchRequest["topics"][number]["partitions"][number];
type FetchAnswer = Input<typeof fetch.response>["responses"][number]["partitions"][number];
type SnapshotRequest = Value<typeof fetchSnapshot.request>;
type SnapshotResponse = Input<typeof fetchSnapshot.response>;

/** A Fetch before this names the leader's endpoint nowhere. */
const ENDPOINTS_SINCE = 17;
/** Whoever asks for more gets the rest with the next request. */
const FETCH_SIZE_MAX = 8 * 1024 * 1024;

export async function answerFetch(
  source: FetchSource,
  context: RaftContext,
  request: FetchRequest,
): Promise<FetchResponse> {
  const failed = (errorCode: ErrorCode) => ({ throttleTimeMs: 0, errorCode, responses: [] });
  if (!isClusterId(context, request.clusterId)) return failed(ErrorCode.INCONSISTENT_CLUSTER_ID);
  const partition = onlyPartition(request);
  if (partition === null) return failed(ErrorCode.INVALID_REQUEST);
  const { quorum, log } = source;
  const isNonsense =
    request.maxWaitMs < 0 ||
    partition.fetchOffset < 0 ||
    partition.lastFetchedEpoch < 0 ||
    partition.lastFetchedEpoch > partition.currentLeaderEpoch;
  if (isNonsense) return respond(source, context, empty(source, ErrorCode.INVALID_REQUEST));
  const replicaId = context.version >= 15 ? request.replicaState.replicaId : request.replicaId;
  let answer = await answerOnce(source, partition, replicaId, request.maxBytes);
  if (isWorthWaiting(answer, partition) && request.maxWaitMs > 0) {
    const { fetchOffset, highWatermark } = partition;
    const { epoch } = quorum;
    await waitUntil(source.clock, [source.moved], request.maxWaitMs, () => {
      if (quorum.epoch !== epoch) return true;
      return log.endOffset > fetchOffset || log.highWatermark > highWatermark;
    });
    answer = await answerOnce(source, partition, replicaId, request.maxBytes);
  }
  return respond(source, context, answer);
}

export async function answerFetchSnapshot(
  source: FetchSource,
  context: RaftContext,
  request: SnapshotRequest,
): Promise<SnapshotResponse> {
  const { quorum } = source;
  const failed = (errorCode: ErrorCode) => ({ throttleTimeMs: 0, errorCode, topics: [] });
  if (!isClusterId(context, request.clusterId)) return failed(ErrorCode.INCONSISTENT_CLUSTER_ID);
  const [topic] = request.topics;
  const [partition] = topic?.partitions ?? [];
  if (topic === undefined || partition === undefined) return failed(ErrorCode.INVALID_REQUEST);
  if (request.topics.length > 1 || topic.partitions.length > 1) {
    return failed(ErrorCode.INVALID_REQUEST);
  }
  const { snapshotId: id, position, currentLeaderEpoch } = partition;
  const answer = (part: { errorCode: ErrorCode; size?: number; bytes?: Buffer }) => ({
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    topics: [
      {
        name: topic.name,
        partitions: [
          {
            index: partition.partition,
            errorCode: part.errorCode,
            snapshotId: id,
            currentLeader: { leaderId: quorum.leaderId, leaderEpoch: quorum.epoch },
            size: part.size ?? 0,
            position,
            unalignedRecords: part.bytes ?? NOTHING,
          },
        ],
      },
    ],
    nodeEndpoints: leaderEndpoints(quorum, context, 1),
  });
  if (topic.name !== CLUSTER_METADATA_TOPIC || partition.partition !== 0) {
    return answer({ errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION });
  }
  const refused = reasonAgainstEpoch(quorum, currentLeaderEpoch);
  if (refused !== ErrorCode.NONE) return answer({ errorCode: refused });
  const path = source.log.snapshotPath(id);
  const size = source.disk.status(path)?.size ?? -1;
  // What format wrote holds voters only; it is the same everywhere, or must not be.
  if (!source.log.hasSnapshot(id) || size < 0 || isBootstrapSnapshot(id)) {
    return answer({ errorCode: ErrorCode.SNAPSHOT_NOT_FOUND });
  }
  if (position < 0 || position >= size) {
    return answer({ errorCode: ErrorCode.POSITION_OUT_OF_RANGE });
  }
  const sizeMax = Math.min(Math.max(request.maxBytes, 0), FETCH_SIZE_MAX);
  const bytes = await readRange(source.disk, path, position, Math.min(sizeMax, size - position));
  return answer({ errorCode: ErrorCode.NONE, size, bytes });
}

const NOTHING = Buffer.alloc(0);

function onlyPartition(request: FetchRequest): FetchPartition | null {
  const [topic, ...others] = request.topics;
  if (topic === undefined || others.length > 0 || topic.partitions.length !== 1) return null;
  const partition = topic.partitions[0]!;
  return topic.topicId === METADATA_TOPIC_ID && partition.partition === 0 ? partition : null;
}

async function answerOnce(
  source: FetchSource,
  partition: FetchPartition,
  replicaId: number,
  maxBytes: number,
): Promise<FetchAnswer> {
  const { quorum, log } = source;
  const { fetchOffset, lastFetchedEpoch } = partition;
  const refused = reasonAgainstEpoch(quorum, partition.currentLeaderEpoch);
  if (refused !== ErrorCode.NONE) return empty(source, refused);
  const found = positionOf(log, fetchOffset, lastFetchedEpoch);
  if (found.kind === "valid") {
    source.observed(replicaId, partition.replicaDirectoryId, fetchOffset);
    if (fetchOffset >= log.endOffset) return empty(source, ErrorCode.NONE);
    const sizeMax = Math.min(Math.max(maxBytes, 0), FETCH_SIZE_MAX);
    const records = await log.read(fetchOffset, sizeMax, log.endOffset);
    return { ...empty(source, ErrorCode.NONE), records };
  }
  const { endOffset, epoch } = found;
  const elsewhere = { epoch, endOffset };
  const answer = empty(source, ErrorCode.NONE);
  if (found.kind === "diverging") return { ...answer, divergingEpoch: elsewhere };
  return { ...answer, snapshotId: elsewhere };
}

/** Who has nothing yet is quicker with a snapshot than with the whole log. */
function positionOf(raftLog: RaftLog, offset: number, epoch: number): FollowerPosition {
  const latest = raftLog.latestSnapshot;
  if (offset === 0 && latest !== null && !isBootstrapSnapshot(latest)) {
    return { kind: "snapshot", ...latest };
  }
  return raftLog.validate(offset, epoch);
}

function isWorthWaiting(answer: FetchAnswer, asked: FetchPartition): boolean {
  const isElsewhere = answer.divergingEpoch !== undefined || answer.snapshotId !== undefined;
  if (answer.errorCode !== ErrorCode.NONE || isElsewhere) return false;
  const hasRecords = answer.records !== null && answer.records !== NOTHING;
  return !hasRecords && asked.highWatermark >= answer.highWatermark;
}

function empty({ quorum, log }: FetchSource, errorCode: ErrorCode): FetchAnswer {
  return {
    partitionIndex: 0,
    errorCode,
    highWatermark: errorCode === ErrorCode.NONE ? log.highWatermark : -1,
    logStartOffset: log.startOffset,
    currentLeader: { leaderId: quorum.leaderId, leaderEpoch: quorum.epoch },
    abortedTransactions: null,
    records: NOTHING,
  };
}

function respond(
  { quorum }: FetchSource,
  context: RaftContext,
  partition: FetchAnswer,
): FetchResponse {
  const endpoints = leaderEndpoints(quorum, context, ENDPOINTS_SINCE);
  return {
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    responses: [
      { topic: CLUSTER_METADATA_TOPIC, topicId: METADATA_TOPIC_ID, partitions: [partition] },
    ],
    nodeEndpoints: endpoints.map((endpoint) => ({ ...endpoint, rack: null })),
  };
}

/** Only who is in the same epoch speaks of the same log. */
function reasonAgainstEpoch(quorum: Quorum, epoch: number): ErrorCode {
  if (epoch < quorum.epoch) return ErrorCode.FENCED_LEADER_EPOCH;
  if (epoch > quorum.epoch) return ErrorCode.UNKNOWN_LEADER_EPOCH;
  return ErrorCode.NONE;
}

async function readRange(
  disk: Disk,
  path: string,
  position: number,
  size: number,
): Promise<Buffer> {
  const file = disk.open(path, "read");
  try {
    const bytes = Buffer.alloc(size);
    const count = await file.readLater(bytes, 0, size, position);
    return bytes.subarray(0, count);
  } finally {
    file.close();
  }
}
