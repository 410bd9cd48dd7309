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
import { endOfTurn, Slices } from "../base/slices.ts";
import { ZERO_UUID } from "../base/uuid.ts";
import type { Broker } from "../broker/broker.ts";
import {
  type FetchLimits,
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
import type { ReplicationQuota } from "../broker/quotas/replication-quota.ts";
import type { PartitionRegistration } from "../metadata/partition-registration.ts";
import { NO_REPLICA, type PartitionRead, READ_LOG_END } from "../partition/fetch-read.ts";
import type { Partition } from "../partition/partition.ts";
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

/** KIP-392: whoever speaks this can be told to read elsewhere, and be served by any replica. */
const RACK_VERSION = 11;
const TOPIC_IDS_VERSION = 13;
const EMPTY = Buffer.alloc(0);

export const fetchHandler = handler(fetch, fetchFromPartitions, { listeners: ["broker"] });

async function fetchFromPartitions(
  request: FetchRequest,
  context: RequestContext,
  broker: Broker,
): Promise<FetchResponse> {
  const usesTopicIds = context.apiVersion >= TOPIC_IDS_VERSION;
  const replicaId = replicaIdOf(request);
  const isFollower = replicaId >= 0;
  if (isFollower) context.request.variant = OTHER_KIND;
  const asked = {
    sessionId: request.sessionId,
    sessionEpoch: request.sessionEpoch,
    usesTopicIds,
    isFollower,
    replicaId: isFollower ? replicaId : NO_REPLICA,
    partitions: requestedPartitions(request, usesTopicIds),
    forgotten: forgottenPartitions(request, usesTopicIds),
  };
  const session = broker.fetchSessions.resolve(asked, broker.world.clock.monotonicMs());
  if (session.kind === "error") {
    const refused = { errorCode: session.errorCode, sessionId: NO_SESSION_ID, responses: [] };
    // As Kafka: whoever is throttled does not hear of it.
    if (isFollower || !isFetchThrottled(fetch, refused, context, broker)) return refused;
    return { ...refused, errorCode: ErrorCode.NONE };
  }
  const maxBytes = Math.min(
    request.maxBytes,
    broker.settings.get("fetch.max.bytes"),
    isFollower ? Infinity : fetchBytesMax(context, broker),
  );
  const reader = isFollower
    ? asFollower(replicaId, request, context, broker)
    : asConsumer(request, context, broker);
  const { clock } = broker.world;
  const source = sourceOf(session, reader.isolationLevel, usesTopicIds, broker);
  if (asked.partitions.length > TARGETS_AT_ONCE) await endOfTurn(clock);
  const { targets, reads } = await runFetch(
    clock,
    source,
    {
      maxWaitMs: request.maxWaitMs,
      minBytes: Math.min(request.minBytes, maxBytes),
      maxBytes,
      ...reader,
    },
    context.connection,
    broker.fetchSessions.waits,
  );
  context.release = () => releaseAll(reads);
  const fetched = { asked, session, reader, context, broker, targets, reads };
  const told: Told = { responses: [], leaders: new Set() };
  if (targets.length <= TARGETS_AT_ONCE) tell(told, fetched, 0);
  else {
    const slices = new Slices(clock);
    for (let from = 0; from < targets.length; from += TARGETS_AT_ONCE) {
      if (from === 0 || slices.isOver) await slices.next();
      tell(told, fetched, from);
    }
    // A session of as many takes a slice of its own.
    await slices.next();
  }
  return answer(fetched, told);
}

/** Of consumers below zero. */
function replicaIdOf({ replicaId, replicaState }: FetchRequest): number {
  return replicaState.replicaId >= 0 ? replicaState.replicaId : replicaId;
}

type Reader = Pick<FetchLimits, "isolationLevel" | "follower" | "mayFollow" | "selectReplica">;

function asFollower(
  replicaId: number,
  { replicaState }: FetchRequest,
  { request }: RequestContext,
  { replication }: Broker,
): Reader {
  const follower = {
    replicaId,
    brokerEpoch: replicaState.replicaEpoch,
    receivedMs: request.receivedMs,
    holdsBack: (partition: Partition) => {
      const { leaderQuota } = replication;
      // As Kafka: one that is in sync goes on, lest it falls out.
      return leaderQuota.holdsBack(partition) && !partition.registration.isr.includes(replicaId);
    },
  };
  return { isolationLevel: READ_LOG_END, follower };
}

function asConsumer(
  { isolationLevel, rackId }: FetchRequest,
  { apiVersion }: RequestContext,
  { replication, image }: Broker,
): Reader {
  const mayFollow = apiVersion >= RACK_VERSION;
  const { selector } = replication;
  if (!mayFollow || selector === null || rackId === "") return { isolationLevel, mayFollow };
  const selectReplica = (partition: Partition, fetchOffset: number) => {
    return selector(rackId, fetchOffset, partition, image.cluster);
  };
  return { isolationLevel, mayFollow, selectReplica };
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
  isolationLevel: number,
  usesTopicIds: boolean,
  broker: Broker,
): FetchSource {
  if (session.kind === "incremental") {
    session.session.readAs(isolationLevel);
    return new SessionSource(session.session, broker);
  }
  return new ListSource(session.partitions.map((each) => targetOf(each, usesTopicIds, broker)));
}

interface Fetched {
  readonly asked: FetchSessionRequest;
  readonly session: FetchContext;
  readonly reader: Reader;
  readonly context: RequestContext;
  readonly broker: Broker;
  readonly targets: readonly FetchTarget[];
  readonly reads: readonly PartitionRead[];
}

/** What is answered of the partitions so far. */
interface Told {
  readonly responses: TopicAnswer[];
  readonly leaders: Set<number>;
}

/** To answer of one takes up to a microsecond. */
const TARGETS_AT_ONCE = 256;

function tell({ responses, leaders }: Told, fetched: Fetched, from: number): void {
  const { context, broker, targets, reads } = fetched;
  const end = Math.min(from + TARGETS_AT_ONCE, targets.length);
  for (let index = from; index < end; index++) {
    const target = targets[index]!;
    if (!isTold(target, reads[index]!)) continue;
    topicAnswer(responses, target.request).push(
      partitionAnswer(target, reads[index]!, context.apiVersion, leaders, broker.image),
    );
  }
}

function answer(fetched: Fetched, { responses, leaders }: Told): FetchResponse {
  const { asked, session, reader, context, broker, targets, reads } = fetched;
  const nodeEndpoints = [...leaders].flatMap(
    (id) => aliveNodeView(broker.image, id, context.listenerName) ?? [],
  );
  const sessionId = session.kind === "incremental" ? session.session.id : NO_SESSION_ID;
  const response = { errorCode: ErrorCode.NONE, sessionId, responses, nodeEndpoints };
  if (asked.isFollower) context.time = null;
  else if (isFetchThrottled(fetch, response, context, broker))
    return { ...response, responses: [] };
  countSent(targets, reads, asked.isFollower ? broker.replication.leaderQuota : null);
  if (session.kind === "full") {
    response.sessionId = openSession(fetched);
  } else if (session.kind === "incremental") {
    const { isolationLevel } = reader;
    rememberAnswers(session.session, targets, reads, isolationLevel, asked.replicaId);
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
  image: Broker["image"],
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
    preferredReadReplica: read.preferredReadReplica,
    currentLeader: undefined,
  };
  const isMoved =
    read.errorCode === ErrorCode.NOT_LEADER_OR_FOLLOWER ||
    read.errorCode === ErrorCode.FENCED_LEADER_EPOCH;
  if (version < 16 || !isMoved) return answer;
  const registration = partition?.registration ?? registrationOf(request, image);
  if (registration === null) return answer;
  const { leader, leaderEpoch } = registration;
  leaders.add(leader);
  return { ...answer, currentLeader: { leaderId: leader, leaderEpoch } };
}

/** Of a partition that other nodes have. */
function registrationOf(
  { topic, topicId, partition }: FetchPartitionRequest,
  { topics }: Broker["image"],
): PartitionRegistration | null {
  const known = topicId === "" ? topics.byName(topic ?? "") : topics.byId(topicId);
  return known?.partitions[partition] ?? null;
}

/** What has records is always told. `quota`: of those who replicate. */
function countSent(
  targets: readonly FetchTarget[],
  reads: readonly PartitionRead[],
  quota: ReplicationQuota | null,
): void {
  for (let index = 0; index < targets.length; index++) {
    const { partition } = targets[index]!;
    if (partition === null) continue;
    const { slice, errorCode } = reads[index]!;
    if (errorCode === ErrorCode.KAFKA_STORAGE_ERROR) partition.stats.failedFetchRequests++;
    if (slice === null) continue;
    if (quota === null) {
      partition.stats.bytesOut += slice.size;
      continue;
    }
    partition.stats.replicationBytesOut += slice.size;
    quota.record(partition, slice.size);
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
