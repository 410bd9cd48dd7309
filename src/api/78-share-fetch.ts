/**
 * ShareFetch: v1-2 (KIP-932).
 *
 * - Acquires records for a member of a share group, and delivers them: from the file to the socket
 *   as they lie, with the offsets that the member has now. Waits for as long as the client allows.
 * - Acknowledges earlier records on the way; an error of the one does not touch the other.
 * - Epoch 0 opens a session, -1 closes it: then what the member has acquired is free.
 *
 * Versions: v2 no record more than was asked for (KIP-1206); more time for records, without a fetch
 * (KIP-1222).
 */
import { waitUntil } from "../base/signal.ts";
import type { Broker } from "../broker/broker.ts";
import type { ShareError } from "../broker/share/share-error.ts";
import {
  giveBack,
  releaseAll,
  type ShareFetchTarget,
  type ShareRead,
} from "../broker/share/share-fetch-operation.ts";
import type { AskedPartition } from "../broker/share/share-fetching.ts";
import {
  epochAfter,
  type SessionPartition,
  type ShareSessionContext,
  type SharePartitionName,
} from "../broker/share/share-sessions.ts";
import { isShareProtocolEnabled } from "../broker/supported-features.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { shareFetch } from "../protocol/messages/78-share-fetch.ts";
import type { Input, Value } from "../protocol/schema.ts";
import { fetchBytesMax, isFetchThrottled } from "./fetch-throttle.ts";
import { type Body, handler, type RequestContext } from "./handler.ts";
import { type AcknowledgeAnswers, acknowledgeAll, shareCaller } from "./share-acknowledgements.ts";
import { ShareLeaders } from "./share-leaders.ts";

type ShareFetchRequest = Value<typeof shareFetch.request>;
type ShareFetchResponse = Body<Input<typeof shareFetch.response>>;
type TopicAnswer = ShareFetchResponse["responses"][number];
type PartitionAnswer = TopicAnswer["partitions"][number];
type OpenSession = Exclude<ShareSessionContext, { readonly kind: "error" }>;

/** Of `shareAcquireMode` (KIP-1206). */
const BATCH_OPTIMIZED = 0;
const RECORD_LIMIT = 1;
const ACQUIRE_MODES = [BATCH_OPTIMIZED, RECORD_LIMIT];
const EMPTY = Buffer.alloc(0);

export const shareFetchHandler = handler(shareFetch, fetchShares);

async function fetchShares(
  request: ShareFetchRequest,
  context: RequestContext,
  broker: Broker,
): Promise<ShareFetchResponse> {
  const { shareFetching } = broker;
  if (!isShareProtocolEnabled(broker.image)) {
    shareFetching.forgetAll();
    return refusal(ErrorCode.UNSUPPORTED_VERSION);
  }
  const caller = shareCaller(request);
  if (caller === null || !isLikeRenewal(request)) return refusal(ErrorCode.INVALID_REQUEST);
  const { groupId, memberId } = caller;
  const session = resolveSession(caller, request, context, broker);
  if (session.kind === "error") {
    if (session.errorCode === ErrorCode.SHARE_SESSION_LIMIT_REACHED) {
      await idle(request.maxWaitMs, context, broker);
    }
    return refusal(session.errorCode);
  }
  const { isRenewAck, topics } = request;
  const { apiVersion } = context;
  const asked = { groupId, memberId, apiVersion, isRenewAck, topics };
  const acknowledging = hasAcknowledgements(request) ? acknowledgeAll(asked, broker) : null;
  const isFetching = session.kind !== "final" && !isRenewAck;
  // Kafka stumbles over it, but only when there is something to fetch.
  if (isFetching && !ACQUIRE_MODES.includes(request.shareAcquireMode) && session.session.size > 0) {
    return refusal(ErrorCode.UNKNOWN_SERVER_ERROR);
  }
  const found = isFetching
    ? await fetchFor(caller, session, request, context, broker)
    : { reads: [], failed: [] };
  const acknowledged = await acknowledging;
  const response = respond(groupId, session, request, found, context, broker);
  if (acknowledged !== null) addAcknowledged(response, acknowledged);
  if (session.kind === "final") void shareFetching.closeSession(session.session);
  return response;
}

/** KIP-1222: whoever asks for more time is answered at once, and so cannot fetch. */
function isLikeRenewal(request: ShareFetchRequest): boolean {
  const { isRenewAck, maxBytes, minBytes, maxRecords, maxWaitMs } = request;
  if (!isRenewAck) return true;
  return maxBytes === 0 && minBytes === 0 && maxRecords === 0 && maxWaitMs === 0;
}

function hasAcknowledgements({ topics }: ShareFetchRequest): boolean {
  return topics.some(({ partitions }) =>
    partitions.some(({ acknowledgementBatches }) => acknowledgementBatches.length > 0),
  );
}

function resolveSession(
  { groupId, memberId }: { readonly groupId: string; readonly memberId: string },
  request: ShareFetchRequest,
  context: RequestContext,
  broker: Broker,
): ShareSessionContext {
  const nameOf = (topicId: string, partition: number): SharePartitionName => ({
    topicId,
    partition,
    topic: broker.image.topics.byId(topicId)?.name ?? null,
  });
  return broker.shareFetching.sessions.resolve(
    {
      groupId,
      memberId,
      epoch: request.shareSessionEpoch,
      partitions: request.topics.flatMap(({ topicId, partitions }) =>
        partitions.map(({ partitionIndex }) => nameOf(topicId, partitionIndex)),
      ),
      forgotten: request.forgottenTopicsData.flatMap(({ topicId, partitions }) =>
        partitions.map((partition) => nameOf(topicId, partition)),
      ),
      hasAcknowledgements: hasAcknowledgements(request),
    },
    context.connection,
  );
}

/** There is no room for a session: the client is not to try again and again at once. */
function idle(maxWaitMs: number, { connection }: RequestContext, { world }: Broker) {
  const isOver = (): boolean => connection.isClosing;
  return waitUntil(world.clock, [connection.closing], maxWaitMs, isOver);
}

interface Found {
  readonly reads: readonly ShareRead[];
  readonly failed: readonly ShareFetchTarget[];
}

async function fetchFor(
  caller: { readonly groupId: string; readonly memberId: string },
  { session }: OpenSession,
  request: ShareFetchRequest,
  context: RequestContext,
  broker: Broker,
): Promise<Found> {
  const { groupId, memberId } = caller;
  const { shareFetching, settings } = broker;
  const maxBytes = Math.min(
    request.maxBytes,
    settings.get("fetch.max.bytes"),
    fetchBytesMax(context, broker),
  );
  const limits = {
    memberId,
    maxWaitMs: request.maxWaitMs,
    minBytes: Math.min(request.minBytes, maxBytes),
    maxBytes,
    recordsMax: request.maxRecords,
    batchSize: request.batchSize,
    isStrict: request.shareAcquireMode === RECORD_LIMIT,
    isolationLevel: shareFetching.isolationLevel(groupId),
  };
  const asked = rotated(session.partitions(), request.shareSessionEpoch).map((name) =>
    askedPartition(name, broker),
  );
  const found = await shareFetching.fetch(groupId, asked, limits, context.connection);
  context.release = () => releaseAll(found.reads);
  return found;
}

/** Each fetch begins with another partition. */
function rotated(partitions: SessionPartition[], sessionEpoch: number): SessionPartition[] {
  if (partitions.length < 2 || sessionEpoch < 1) return partitions;
  const from = sessionEpoch % partitions.length;
  return [...partitions.slice(from), ...partitions.slice(0, from)];
}

function askedPartition(name: SessionPartition, { image, partitions }: Broker): AskedPartition {
  if (name.topic === null) return { name, partition: null, errorCode: ErrorCode.UNKNOWN_TOPIC_ID };
  const partition = partitions.topicById(name.topicId)?.partition(name.partition) ?? null;
  const isKnown = image.topics.byId(name.topicId)?.partitions[name.partition] !== undefined;
  const errorCode = isKnown
    ? ErrorCode.NOT_LEADER_OR_FOLLOWER
    : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  return { name, partition, errorCode };
}

function respond(
  groupId: string,
  context: OpenSession,
  request: ShareFetchRequest,
  { reads, failed }: Found,
  caller: RequestContext,
  broker: Broker,
): ShareFetchResponse {
  const leaders = new ShareLeaders(broker, caller.listenerName);
  const { session } = context;
  const told: { name: SessionPartition; answer: PartitionAnswer }[] = [];
  const tell = (name: SessionPartition, error: ErrorCode, read: ShareRead | null) => {
    const isKnown = context.kind === "new";
    const hasNews = name.mustTell || error !== ErrorCode.NONE || (read?.slice ?? null) !== null;
    if (!isKnown && !hasNews) return;
    told.push({ name, answer: partitionAnswer(name, error, read, leaders) });
  };
  for (const { name, error } of failed) tell(name, error!.errorCode, null);
  for (const read of reads) tell(read.target.name, read.errorCode, read);
  const responses: TopicAnswer[] = [];
  for (const { name, answer } of told) topicAnswer(responses, name.topicId).push(answer);
  const response = {
    errorCode: ErrorCode.NONE,
    acquisitionLockTimeoutMs: broker.shareFetching.recordLockDurationMs(groupId),
    responses,
    nodeEndpoints: leaders.endpoints(),
  };
  const isThrottled = isFetchThrottled(shareFetch, response, caller, broker);
  // Another request of this member has come in between.
  const isLate =
    context.kind === "known" && session.epoch !== epochAfter(request.shareSessionEpoch);
  if (isThrottled || isLate) {
    giveBack(reads, request.memberId ?? "");
    const errorCode = isLate ? ErrorCode.INVALID_SHARE_SESSION_EPOCH : ErrorCode.NONE;
    return { ...response, errorCode, responses: [] };
  }
  if (context.kind === "known") for (const { name, answer } of told) remember(name, answer);
  return response;

  function remember(name: SessionPartition, answer: PartitionAnswer): void {
    name.mustTell = answer.errorCode !== ErrorCode.NONE;
    if (answer.records !== EMPTY) session.moveToEnd(name);
  }
}

function partitionAnswer(
  { topicId, partition }: SessionPartition,
  errorCode: ErrorCode,
  read: ShareRead | null,
  leaders: ShareLeaders,
): PartitionAnswer {
  return {
    partitionIndex: partition,
    errorCode,
    acknowledgeErrorCode: ErrorCode.NONE,
    currentLeader: leaders.of(topicId, partition, errorCode),
    records: read?.slice ?? EMPTY,
    acquiredRecords: read?.ranges ?? [],
  };
}

function topicAnswer(responses: TopicAnswer[], topicId: string): PartitionAnswer[] {
  const known = responses.find((topic) => topic.topicId === topicId);
  if (known !== undefined) return known.partitions as PartitionAnswer[];
  const partitions: PartitionAnswer[] = [];
  responses.push({ topicId, partitions });
  return partitions;
}

/** What was acknowledged is told beside what was fetched. */
function addAcknowledged(response: ShareFetchResponse, answers: AcknowledgeAnswers): void {
  const responses = response.responses as TopicAnswer[];
  for (const [topicId, partitions] of answers) {
    if (partitions.size === 0) continue;
    const told = topicAnswer(responses, topicId);
    for (const [partition, error] of partitions) {
      const at = told.findIndex(({ partitionIndex }) => partitionIndex === partition);
      if (at === -1) told.push(acknowledgedAnswer(NOTHING_FETCHED, partition, error));
      else told[at] = acknowledgedAnswer(told[at]!, partition, error);
    }
  }
}

function acknowledgedAnswer(
  fetched: PartitionAnswer,
  partitionIndex: number,
  error: ShareError | null,
): PartitionAnswer {
  const acknowledgeErrorCode = error?.errorCode ?? ErrorCode.NONE;
  const acknowledgeErrorMessage = error?.message ?? null;
  return { ...fetched, partitionIndex, acknowledgeErrorCode, acknowledgeErrorMessage };
}

const NOTHING_FETCHED: PartitionAnswer = {
  partitionIndex: -1,
  errorCode: ErrorCode.NONE,
  acknowledgeErrorCode: ErrorCode.NONE,
  currentLeader: { leaderId: 0, leaderEpoch: 0 },
  records: EMPTY,
  acquiredRecords: [],
};

function refusal(errorCode: ErrorCode): ShareFetchResponse {
  return { errorCode, acquisitionLockTimeoutMs: 0, responses: [], nodeEndpoints: [] };
}
