/**
 * Produce: v3-13.
 *
 * - Appends to the log at once, in the order of requests; then waits: for nothing (acks=1), for a
 *   flush where `flush.messages` asks for one, for the high watermark (acks=all).
 * - acks=0 is never answered; an error closes the connection instead, so that the client notices.
 * - The records are never decoded here: log/record-validation.ts walks them.
 * - The first records of a transaction in a partition wait until its coordinator has been asked
 *   (KIP-890); the requests behind them on the connection wait too, as all do in Kafka. Any others
 *   are appended in the turn in which they came; of hundreds of partitions the last may be in a
 *   later one, and then the requests behind them on the connection wait, too.
 *
 * Versions: v5 log start offset; v8 which records were wrong (KIP-467); v10 where the leader is now
 * (KIP-951); v11 TRANSACTION_ABORTABLE; v12 adds partitions to the transaction (KIP-890); v13 topic
 * ids (KIP-516).
 */
import { Pace, Slices } from "../base/slices.ts";
import type { Broker } from "../broker/broker.ts";
import { absenceError } from "../broker/find-partition.ts";
import type { ProducedTransaction } from "../broker/produced-transaction.ts";
import { aliveNodeView } from "../broker/topic-view.ts";
import type { AppendResult } from "../log/append-result.ts";
import type { Verification } from "../log/verifications.ts";
import { isInternalTopic } from "../metadata/internal-topics.ts";
import type { Partition } from "../partition/partition.ts";
import { CompressionType } from "../protocol/compression.ts";
import { ErrorCode, errorName } from "../protocol/error-code.ts";
import { produce } from "../protocol/messages/00-produce.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { compressionOf, isTransactional, magic, nextBatchSize } from "../protocol/record-batch.ts";
import { handler, type RequestContext } from "./handler.ts";
import { Late } from "./request.ts";
import { transactionOf } from "./produce-transaction.ts";
import {
  addConversion,
  Answer,
  failAll,
  knownTopic,
  TOPIC_IDS_VERSION,
  topicImageOf,
  type Produced,
  type ProduceRequest,
  type ProduceResponse,
  type TopicData,
  withoutRepeats,
} from "./produced.ts";

type MaybeResponse = ProduceResponse | null;
type Reply = MaybeResponse | Late<MaybeResponse> | Promise<MaybeResponse>;

const ACKS_ALL = -1;
/** Kafka's own admin client may write to internal topics. */
const ADMIN_CLIENT_ID = "__admin_client";

export const produceHandler = handler(
  produce,
  (request, context, broker) => {
    const topics = withoutRepeats(request.topicData);
    const responses = topics.map(({ name, topicId, partitionData }) => ({
      name,
      topicId,
      partitionResponses: partitionData.map(({ index }) => new Answer(index)),
    }));
    const gathered = mayGather(context, broker) ? broker.gatheredAppends : null;
    const conversion = null;
    const produced: Produced = {
      topics,
      responses,
      request,
      context,
      broker,
      gathered,
      conversion,
    };
    const found = checkForms(produced);
    if (found === Found.CORRUPT) return answer(produced);
    if (found === Found.PLAIN) return appendAll(produced, null);
    const transaction = transactionOf(produced);
    if (transaction === "refused") return answer(produced);
    if (transaction === null || !transaction.start()) return appendAll(produced, transaction);
    context.request.holdsBack = true;
    return transaction.verify().then(() => {
      // Others of this turn are long written.
      produced.gathered = null;
      return appendAlone(produced, transaction);
    });
  },
  { mayOverlap: true },
);

/** What the headers of the batches say of the whole request. */
const Found = { PLAIN: 0, TRANSACTIONAL: 1, CORRUPT: 2 } as const;
type Found = (typeof Found)[keyof typeof Found];

/** Fills in what is wrong with the form of records; of some it can be told that all is wrong. */
function checkForms(produced: Produced): Found {
  const { topics, responses, context } = produced;
  let found: Found = Found.PLAIN;
  for (let at = 0; at < topics.length; at++) {
    const { partitionData } = topics[at]!;
    const answers = responses[at]!.partitionResponses;
    for (let index = 0; index < partitionData.length; index++) {
      const bytes = partitionData[index]!.records ?? EMPTY;
      const errorCode = formError(bytes, context.apiVersion);
      answers[index]!.errorCode = errorCode;
      if (errorCode === ErrorCode.NONE) {
        if (isTransactional(bytes, 0)) found = Found.TRANSACTIONAL;
      } else if (errorCode === ErrorCode.CORRUPT_MESSAGE && found === Found.PLAIN) {
        // Kafka looks for transactions first, and sees of what it cannot read that it is corrupt.
        const text = corruptText(bytes);
        if (text === null) continue;
        failAll(produced, errorCode, text);
        return Found.CORRUPT;
      }
    }
  }
  return found;
}

/**
 * Where more comes from the same client, or others of this turn have begun, all of a turn is
 * written together, by a thread if it is much. A single request is not made to wait, and a
 * throttled client is told at once.
 */
function mayGather({ request }: RequestContext, { gatheredAppends, quotas }: Broker): boolean {
  if (!request.isFollowed && gatheredAppends.isIdle) return false;
  return !quotas.produce.isActive && !quotas.request.isActive;
}

function appendAll(produced: Produced, transaction: ProducedTransaction | null): Reply {
  const { gathered } = produced;
  if (gathered === null) return appendAlone(produced, transaction);
  if (areMany(produced)) return appendMany(produced, transaction);
  const waits = appendEach(produced, transaction);
  const { round } = gathered;
  if (waits !== null || round.isOver) return answerBehind(waits, produced);
  return new Late(() => {
    if (!round.isOver) gathered.write();
    return answer(produced);
  }, round);
}

/** Appends at once, and returns what the answer has to wait for. */
function appendEach(
  produced: Produced,
  transaction: ProducedTransaction | null,
): Promise<void>[] | null {
  const { topics } = produced;
  let waits: Promise<void>[] | null = null;
  for (let at = 0; at < topics.length; at++) {
    const { partitionData } = topics[at]!;
    for (let index = 0; index < partitionData.length; index++) {
      const wait = appendOne(produced, at, index, transaction);
      if (wait !== null) (waits ??= []).push(wait);
    }
  }
  return waits;
}

/** Null when the answer about this partition of this topic is complete. */
function appendOne(
  produced: Produced,
  at: number,
  index: number,
  transaction: ProducedTransaction | null,
): Promise<void> | null {
  const topic = produced.topics[at]!;
  const answer = produced.responses[at]!.partitionResponses[index]!;
  const partition = findPartition(topic, produced, answer);
  if (partition === null) return null;
  const part = transaction?.partOf(partition) ?? null;
  if (part !== null && part.errorCode !== ErrorCode.NONE) {
    answer.errorCode = part.errorCode;
    answer.errorMessage = part.message;
    return null;
  }
  const records = topic.partitionData[index]!.records ?? EMPTY;
  return append(partition, records, part?.verification ?? null, produced, answer);
}

/** Nothing is gathered. */
function appendAlone(
  produced: Produced,
  transaction: ProducedTransaction | null,
): MaybeResponse | Promise<MaybeResponse> {
  if (areMany(produced)) return appendMany(produced, transaction);
  return answerBehind(appendEach(produced, transaction), produced);
}

/** In slices; nothing is gathered, for the turn may end in between. */
function appendMany(
  produced: Produced,
  transaction: ProducedTransaction | null,
): MaybeResponse | Promise<MaybeResponse> {
  const { context, broker } = produced;
  produced.gathered = null;
  const slices = new Slices(broker.world.clock);
  const waits: Promise<void>[] = [];
  const steps = appendInSteps(produced, transaction, waits);
  while (!slices.isOver) {
    if (steps.next().done === true) return answerBehind(waits, produced);
  }
  context.request.holdsBack = true;
  return slices.finish(steps).then(() => answerBehind(waits, produced));
}

/** As `appendEach`; what the answer has to wait for goes to `waits`. */
function* appendInSteps(
  produced: Produced,
  transaction: ProducedTransaction | null,
  waits: Promise<void>[],
): Generator<undefined, void, undefined> {
  const { topics } = produced;
  const pace = new Pace(PARTITIONS_A_STEP);
  for (let at = 0; at < topics.length; at++) {
    const { partitionData } = topics[at]!;
    for (let index = 0; index < partitionData.length; index++) {
      const wait = appendOne(produced, at, index, transaction);
      if (wait !== null) waits.push(wait);
      if (pace.endsStep()) yield;
    }
  }
}

/** Each takes some microseconds, and more when its log is cold. */
function areMany({ topics }: Produced): boolean {
  let count = 0;
  for (const { partitionData } of topics) count += partitionData.length;
  return count >= MANY_PARTITIONS;
}

const MANY_PARTITIONS = 64;
const PARTITIONS_A_STEP = 8;

function answerBehind(
  waits: Promise<void>[] | null,
  produced: Produced,
): MaybeResponse | Promise<MaybeResponse> {
  if (waits === null || waits.length === 0) return answer(produced);
  const round = produced.gathered?.round ?? null;
  return Promise.all(waits).then(() => {
    if (round === null || round.isOver) return answer(produced);
    return new Promise((resolve) => round.whenOver(() => resolve(answer(produced))));
  });
}

/** Null when the answer says why nothing can be appended. */
function findPartition(
  topic: TopicData,
  { request, context, broker }: Produced,
  answer: Answer,
): Partition | null {
  const found = knownTopic(topic, context, broker);
  const partition = found?.partition(answer.index) ?? null;
  const absent = partition === null ? absence(topic, answer.index, context, broker) : null;
  if (absent !== null && absent !== ErrorCode.NOT_LEADER_OR_FOLLOWER) {
    answer.errorCode = absent;
  } else if (answer.errorCode !== ErrorCode.NONE) {
    return null;
  } else if (request.acks < ACKS_ALL || request.acks > 1) {
    answer.errorCode = ErrorCode.INVALID_REQUIRED_ACKS;
  } else if (isForbidden(found?.name ?? topicImageOf(topic, context, broker)!.name, context)) {
    answer.errorCode = ErrorCode.INVALID_TOPIC_EXCEPTION;
  } else {
    answer.errorCode = absent ?? partition!.produceError(request.acks === ACKS_ALL);
  }
  return answer.errorCode === ErrorCode.NONE ? partition : null;
}

function isForbidden(topic: string, { clientId }: RequestContext): boolean {
  return isInternalTopic(topic) && clientId !== ADMIN_CLIENT_ID;
}

function absence(
  topic: TopicData,
  index: number,
  context: RequestContext,
  broker: Broker,
): ErrorCode {
  const isNamedById = context.apiVersion >= TOPIC_IDS_VERSION;
  return absenceError(topicImageOf(topic, context, broker), index, isNamedById);
}

/** Null when the answer is complete. */
function append(
  partition: Partition,
  bytes: Buffer,
  verification: Verification | null,
  produced: Produced,
  answer: Answer,
): Promise<void> | null {
  const { request, broker, gathered } = produced;
  const nowMs = broker.world.clock.wallMs();
  const isForAll = request.acks === ACKS_ALL;
  const result = partition.produce(bytes, { nowMs, verification, isForAll, gathered });
  if (!(result instanceof Promise)) return appended(partition, result, produced, answer);
  return result.then((late) => {
    return appended(partition, late, produced, answer) ?? undefined;
  });
}

/** Null when the answer is complete, or is once all of the turn is written. */
function appended(
  partition: Partition,
  result: AppendResult,
  produced: Produced,
  answer: Answer,
): Promise<void> | null {
  const { request, gathered } = produced;
  fill(answer, result);
  if (result.conversion !== null) addConversion(produced, result.conversion);
  if (result.errorCode !== ErrorCode.NONE) return null;
  if (gathered !== null) answer.gatheredIn = partition;
  if (result.flushed !== null) return settle(partition, result, request, answer);
  if (request.acks !== ACKS_ALL || (gathered !== null && partition.commitsAlone)) return null;
  const committed = partition.whenCommitted(result.lastOffset + 1, request.timeoutMs);
  return committed === null ? null : committed.then((errorCode) => fail(answer, errorCode));
}

async function settle(
  partition: Partition,
  result: AppendResult,
  request: ProduceRequest,
  answer: Answer,
): Promise<void> {
  let errorCode: ErrorCode;
  try {
    errorCode = await partition.flushed(result);
  } catch {
    return fail(answer, ErrorCode.KAFKA_STORAGE_ERROR);
  }
  if (request.acks !== ACKS_ALL) return;
  if (errorCode !== ErrorCode.NONE) return fail(answer, errorCode);
  const committed = partition.whenCommitted(result.lastOffset + 1, request.timeoutMs);
  if (committed !== null) fail(answer, await committed);
}

const EMPTY = Buffer.alloc(0);
const MAGIC = 2;
/** KIP-110: older clients must not send what older consumers could not read. */
const ZSTD_VERSION = 7;

/** What must hold of a request's records before a log is asked: one whole batch of magic 2. */
function formError(bytes: Buffer, version: number): ErrorCode {
  try {
    const size = nextBatchSize(bytes, 0, bytes.length);
    if (size === 0 || magic(bytes, 0) !== MAGIC) return ErrorCode.INVALID_RECORD;
    if (version < ZSTD_VERSION && compressionOf(bytes, 0) === CompressionType.ZSTD) {
      return ErrorCode.UNSUPPORTED_COMPRESSION_TYPE;
    }
    const isOne = nextBatchSize(bytes, size, bytes.length) === 0;
    return isOne ? ErrorCode.NONE : ErrorCode.INVALID_RECORD;
  } catch (error) {
    if (error instanceof ProtocolError) return ErrorCode.CORRUPT_MESSAGE;
    throw error;
  }
}

/** What Kafka says of a first batch that it cannot even find the end of; null when it can. */
function corruptText(bytes: Buffer): string | null {
  try {
    nextBatchSize(bytes, 0, bytes.length);
    return null;
  } catch (error) {
    if (error instanceof ProtocolError) return error.message;
    throw error;
  }
}

/** With these Kafka does not say where the log starts; with every other error it does. */
const HIDES_LOG_START: ReadonlySet<ErrorCode> = new Set([
  ErrorCode.MESSAGE_TOO_LARGE,
  ErrorCode.RECORD_LIST_TOO_LARGE,
  ErrorCode.CORRUPT_MESSAGE,
  ErrorCode.KAFKA_STORAGE_ERROR,
]);

function fill(answer: Answer, result: AppendResult): void {
  answer.errorCode = result.errorCode;
  answer.baseOffset = result.firstOffset;
  answer.logAppendTimeMs = result.appendTimeMs;
  if (!HIDES_LOG_START.has(result.errorCode)) answer.logStartOffset = result.logStartOffset;
  if (result.recordErrors.length === 0) return;
  answer.recordErrors = result.recordErrors.map(({ batchIndex, message }) => ({
    batchIndex,
    batchIndexErrorMessage: message,
  }));
  answer.errorMessage = result.message;
}

/** Kafka says nothing of the offsets of records whose fate is not known. */
function fail(answer: Answer, errorCode: ErrorCode): void {
  if (errorCode === ErrorCode.NONE) return;
  answer.errorCode = errorCode;
  answer.baseOffset = -1;
  answer.logAppendTimeMs = -1;
  answer.logStartOffset = -1;
}

function answer(produced: Produced): MaybeResponse {
  const { responses, request, context, broker, conversion } = produced;
  if (conversion !== null) {
    context.request.converted?.(conversion.tookMs, conversion.temporaryBytes);
  }
  if (produced.gathered !== null) failUnwritten(produced);
  if (broker.quotas.produce.isActive) throttleForBytes(context, broker);
  if (request.acks === 0) {
    // Whoever gets no answer is not slowed down for the time that it takes.
    context.time = null;
    const failed = responses.flatMap((topic) =>
      topic.partitionResponses
        .filter(({ errorCode }) => errorCode !== ErrorCode.NONE)
        .map(({ index, errorCode }) => `${topic.name}-${index}: ${errorName(errorCode)}`),
    );
    if (failed.length === 0) return null;
    throw new ProtocolError(`produce with acks=0 failed: ${failed.join(", ")}`);
  }
  if (context.apiVersion < 10) return { responses };
  return { responses, nodeEndpoints: leadersOf(responses, context, broker) };
}

function throttleForBytes(context: RequestContext, broker: Broker): void {
  const nowMs = broker.world.clock.monotonicMs();
  const throttleMs = broker.quotas.produce.use(context, context.request.size, nowMs);
  context.throttleMs = Math.max(context.throttleMs, throttleMs);
}

function failUnwritten({ responses }: Produced): void {
  for (const { partitionResponses } of responses) {
    for (const answer of partitionResponses) {
      const { gatheredIn, errorCode } = answer;
      if (gatheredIn === null || gatheredIn.log.failure === null) continue;
      if (errorCode === ErrorCode.NONE) fail(answer, ErrorCode.KAFKA_STORAGE_ERROR);
    }
  }
}

/** KIP-951: where to go for the partitions that are led elsewhere. */
function leadersOf(
  responses: Produced["responses"],
  context: RequestContext,
  broker: Broker,
): ProduceResponse["nodeEndpoints"] {
  const leaders = new Set<number>();
  for (const topic of responses) {
    for (const answer of topic.partitionResponses) {
      if (answer.errorCode !== ErrorCode.NOT_LEADER_OR_FOLLOWER) continue;
      const known = topicImageOf(topic, context, broker);
      const registration = known?.partitions[answer.index];
      if (registration === undefined) continue;
      answer.currentLeader = {
        leaderId: registration.leader,
        leaderEpoch: registration.leaderEpoch,
      };
      leaders.add(registration.leader);
    }
  }
  return [...leaders].flatMap((id) => aliveNodeView(broker.image, id, context.listenerName) ?? []);
}
