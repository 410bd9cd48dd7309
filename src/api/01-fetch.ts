/**
 * Fetch: v4-18.
 *
 * - Answers at once when there is enough (`minBytes`) or something to tell, else waits for as long
 *   as the client allows: woken by appends, never polling.
 * - Records go from the file to the socket as they lie; at least one whole batch is sent however
 *   small the client's limits are.
 *
 * Versions: v5 log start offset; v7 sessions (KIP-227); v9 leader epochs (KIP-320); v11 rack
 * (KIP-392); v12 diverging epochs (KIP-595); v13 topic ids (KIP-516); v15 replica state; v16 where
 * the leader is now (KIP-951); v17 directory ids (KIP-853); v18 the follower's high watermark.
 */
import { ZERO_UUID } from "../base/uuid.ts";
import type { Broker } from "../broker/broker.ts";
import {
  type FetchSource,
  type FetchTarget,
  ListSource,
  releaseAll,
  runFetch,
} from "../broker/fetch-operation.ts";
import {
  type FetchContext,
  type FetchPartitionRequest,
  type FetchSessionRequest,
  NO_SESSION_ID,
  type PartitionKey,
  SessionPartition,
} from "../broker/fetch-sessions.ts";
import { rememberAnswers, SessionSource, targetOf } from "../broker/session-source.ts";
import { aliveNodeView } from "../broker/topic-view.ts";
import type { PartitionRead } from "../partition/fetch-read.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { fetch } from "../protocol/messages/01-fetch.ts";
import type { Input, Value } from "../protocol/schema.ts";
import { fetchBytesMax, isFetchThrottled } from "./fetch-throttle.ts";
import { type Body, handler, type RequestContext } from "./handler.ts";
import { OTHER_KIND } from "./request.ts";

type FetchRequest = Value<typeof fetch.request>;
type FetchResponse = Body<Input<typeof fetch.response>>;
type TopicAnswer = FetchResponse["responses"][number];
type PartitionAnswer = TopicAnswer["partitions"][number];

const TOPIC_IDS_VERSION = 13;
const EMPTY = Buffer.alloc(0);

export const fetchHandler = handler(fetch, fetchFromPartitions, { listeners: ["broker"] });

async function fetchFromPartitions(
  request: FetchRequest,
  context: RequestContext,
  broker: Broker,
): Promise<FetchResponse> {
  const usesTopicIds = context.apiVersion >= TOPIC_IDS_VERSION;
  if (isFollower(request)) context.request.variant = OTHER_KIND;
  const asked = {
    sessionId: request.sessionId,
    sessionEpoch: request.sessionEpoch,
    usesTopicIds,
    isFollower: isFollower(request),
    partitions: requestedPartitions(request, usesTopicIds),
    forgotten: forgottenPartitions(request, usesTopicIds),
  };
  const session = broker.fetchSessions.resolve(asked, broker.world.clock.monotonicMs());
  if (session.kind === "error") {
    const refused = { errorCode: session.errorCode, sessionId: NO_SESSION_ID, responses: [] };
    // As Kafka: whoever is throttled does not hear of it.
    if (isFollower(request) || !isFetchThrottled(fetch, refused, context, broker)) return refused;
    return { ...refused, errorCode: ErrorCode.NONE };
  }
  const maxBytes = Math.min(
    request.maxBytes,
    broker.settings.get("fetch.max.bytes"),
    isFollower(request) ? Infinity : fetchBytesMax(context, broker),
  );
  const { targets, reads } = await runFetch(
    broker.world.clock,
    sourceOf(session, request, usesTopicIds, broker),
    {
      maxWaitMs: request.maxWaitMs,
      minBytes: Math.min(request.minBytes, maxBytes),
      maxBytes,
      isolationLevel: request.isolationLevel,
    },
    context.connection,
    broker.fetchSessions.waits,
  );
  context.release = () => releaseAll(reads);
  return answer({ asked, session, request, context, broker, targets, reads });
}

function isFollower({ replicaId, replicaState }: FetchRequest): boolean {
  return replicaId >= 0 || replicaState.replicaId >= 0;
}

function requestedPartitions(
  request: FetchRequest,
  usesTopicIds: boolean,
): FetchPartitionRequest[] {
  const requested: FetchPartitionRequest[] = [];
  for (const { topic, topicId, partitions } of request.topics) {
    for (const partition of partitions) {
      requested.push({
        topic: usesTopicIds ? null : topic,
        topicId: usesTopicIds ? topicId : "",
        partition: partition.partition,
        currentLeaderEpoch: partition.currentLeaderEpoch,
        fetchOffset: partition.fetchOffset,
        lastFetchedEpoch: partition.lastFetchedEpoch,
        logStartOffset: partition.logStartOffset,
        partitionMaxBytes: partition.partitionMaxBytes,
      });
    }
  }
  return requested;
}

function forgottenPartitions(request: FetchRequest, usesTopicIds: boolean): PartitionKey[] {
  return request.forgottenTopicsData.flatMap(({ topic, topicId, partitions }) =>
    partitions.map((partition) => ({
      topic: usesTopicIds ? null : topic,
      topicId: usesTopicIds ? topicId : "",
      partition,
    })),
  );
}

function sourceOf(
  session: Exclude<FetchContext, { readonly kind: "error" }>,
  request: FetchRequest,
  usesTopicIds: boolean,
  { partitions }: Broker,
): FetchSource {
  if (session.kind === "incremental") {
    session.session.readAs(request.isolationLevel);
    return new SessionSource(session.session, partitions);
  }
  return new ListSource(session.partitions.map((each) => targetOf(each, usesTopicIds, partitions)));
}

interface Fetched {
  readonly asked: FetchSessionRequest;
  readonly session: FetchContext;
  readonly request: FetchRequest;
  readonly context: RequestContext;
  readonly broker: Broker;
  readonly targets: readonly FetchTarget[];
  readonly reads: readonly PartitionRead[];
}

function answer(fetched: Fetched): FetchResponse {
  const { session, request, context, broker, targets, reads } = fetched;
  const responses: TopicAnswer[] = [];
  const leaders = new Set<number>();
  for (const [index, target] of targets.entries()) {
    if (!isTold(target, reads[index]!)) continue;
    topicAnswer(responses, target.request).push(
      partitionAnswer(target, reads[index]!, context.apiVersion, leaders),
    );
  }
  const nodeEndpoints = [...leaders].flatMap(
    (id) => aliveNodeView(broker.image, id, context.listenerName) ?? [],
  );
  const sessionId = session.kind === "incremental" ? session.session.id : NO_SESSION_ID;
  const response = { errorCode: ErrorCode.NONE, sessionId, responses, nodeEndpoints };
  if (isFollower(request)) context.time = null;
  else if (isFetchThrottled(fetch, response, context, broker))
    return { ...response, responses: [] };
  countSent(targets, reads, isFollower(request));
  if (session.kind === "full") {
    response.sessionId = openSession(fetched);
  } else if (session.kind === "incremental") {
    rememberAnswers(session.session, targets, reads, request.isolationLevel);
  }
  return response;
}

/** In an incremental session only of what has changed. */
function isTold({ request }: FetchTarget, read: PartitionRead): boolean {
  return !(request instanceof SessionPartition) || request.mustRespond(read);
}

function openSession({ asked, broker, targets, reads }: Fetched): number {
  const session = broker.fetchSessions.create(asked, broker.world.clock.monotonicMs());
  if (session === null) return NO_SESSION_ID;
  const created = session.partitionsByRequest(asked.partitions);
  for (const [index, target] of targets.entries()) {
    created.get(target.request)?.responded(reads[index]!);
  }
  return session.id;
}

/** Neighbours of one topic share its entry, in the order of the request. */
function topicAnswer(responses: TopicAnswer[], request: FetchPartitionRequest): PartitionAnswer[] {
  const last = responses.at(-1);
  const isSame = last?.topic === (request.topic ?? "") && last.topicId === idOf(request);
  if (isSame) return last.partitions as PartitionAnswer[];
  const partitions: PartitionAnswer[] = [];
  responses.push({ topic: request.topic ?? "", topicId: idOf(request), partitions });
  return partitions;
}

function partitionAnswer(
  { request, partition }: FetchTarget,
  read: PartitionRead,
  version: number,
  leaders: Set<number>,
): PartitionAnswer {
  const { slice } = read;
  const answer: PartitionAnswer = {
    partitionIndex: request.partition,
    errorCode: storageErrorFor(version, read.errorCode),
    highWatermark: read.highWatermark,
    lastStableOffset: read.lastStableOffset,
    logStartOffset: read.logStartOffset,
    divergingEpoch: read.divergingEpoch ?? undefined,
    // Kafka gives an empty list where it did not look, and none where it did and was not asked to.
    abortedTransactions: partition === null ? [] : read.abortedTransactions,
    records: slice === null || slice.size === 0 ? EMPTY : slice,
    currentLeader: undefined,
  };
  const isMoved =
    read.errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER ||
    read.errorCode === ErrorCode.FENCED_LEADER_EPOCH;
  if (version < 16 || !isMoved || partition === null) return answer;
  const { leader, leaderEpoch } = partition.registration;
  leaders.add(leader);
  return { ...answer, currentLeader: { leaderId: leader, leaderEpoch } };
}

/** What has records is always told. */
function countSent(
  targets: readonly FetchTarget[],
  reads: readonly PartitionRead[],
  isReplica: boolean,
): void {
  for (let index = 0; index < targets.length; index++) {
    const { partition } = targets[index]!;
    if (partition === null) continue;
    const { slice, errorCode } = reads[index]!;
    if (errorCode === ErrorCode.KAFKA_STORAGE_ERROR) partition.stats.failedFetchRequests++;
    if (slice === null) continue;
    if (isReplica) partition.stats.replicationBytesOut += slice.size;
    else partition.stats.bytesOut += slice.size;
  }
}

function idOf(request: FetchPartitionRequest): string {
  return request.topicId === "" ? ZERO_UUID : request.topicId;
}

/** Clients before v6 do not know KAFKA_STORAGE_ERROR. */
function storageErrorFor(version: number, errorCode: ErrorCode): ErrorCode {
  const isUnknown = errorCode === ErrorCode.KAFKA_STORAGE_ERROR && version <= 5;
  return isUnknown ? ErrorCode.NOT_LEADER_OR_FOLLOWER : errorCode;
}
