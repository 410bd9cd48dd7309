/**
 * Produce: v3-13.
 *
 * - Appends to the log at once, in the order of requests; then waits: for nothing (acks=1), for a
 *   flush where `flush.messages` asks for one, for the high watermark (acks=all).
 * - acks=0 is never answered; an error closes the connection instead, so that the client notices.
 * - The records are never decoded here: log/record-validation.ts walks them.
 *
 * Versions: v5 log start offset; v8 which records were wrong (KIP-467); v10 where the leader is now
 * (KIP-951); v13 topic ids (KIP-516).
 */
import type { Broker } from "../broker/broker.ts";
import { nodeView } from "../broker/topic-view.ts";
import type { AppendResult } from "../log/append-result.ts";
import { isInternalTopic } from "../metadata/internal-topics.ts";
import type { Partition } from "../partition/partition.ts";
import { ErrorCode, errorName } from "../protocol/error-code.ts";
import { produce } from "../protocol/messages/00-produce.ts";
import { CompressionType } from "../protocol/compression.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { compressionOf, magic, nextBatchSize } from "../protocol/record-batch.ts";
import type { Input, Value } from "../protocol/schema.ts";
import { type Body, handler, type RequestContext } from "./handler.ts";

type ProduceRequest = Value<typeof produce.request>;
type TopicData = ProduceRequest["topicData"][number];
type ProduceResponse = Body<Input<typeof produce.response>>;
type TopicAnswer = ProduceResponse["responses"][number];
type PartitionAnswer = TopicAnswer["partitionResponses"][number];

const ACKS_ALL = -1;
/** Kafka's own admin client may write to internal topics. */
const ADMIN_CLIENT_ID = "__admin_client";

export const produceHandler = handler(
  produce,
  (request, context, broker) => {
    const waits: Promise<void>[] = [];
    const responses = request.topicData.map((topic) => {
      const partitionResponses: PartitionAnswer[] = [];
      for (const data of topic.partitionData) {
        const answer = new Answer(data.index);
        partitionResponses.push(answer);
        const partition = findPartition(topic, data.index, request, context, broker, answer);
        if (partition === null) continue;
        const wait = append(partition, data.records, request, context, broker, answer);
        if (wait !== null) waits.push(wait);
      }
      return { name: topic.name, topicId: topic.topicId, partitionResponses };
    });
    if (waits.length === 0) return answer(responses, request, context, broker);
    return Promise.all(waits).then(() => answer(responses, request, context, broker));
  },
  { mayOverlap: true },
);

/** One shape for every partition's answer; the error is filled in as it is found. */
class Answer implements PartitionAnswer {
  errorCode: ErrorCode = ErrorCode.NONE;
  baseOffset = -1;
  logAppendTimeMs = -1;
  logStartOffset = -1;
  recordErrors: { batchIndex: number; batchIndexErrorMessage: string }[] = NO_RECORD_ERRORS;
  errorMessage: string | null = null;
  currentLeader: { leaderId: number; leaderEpoch: number } | undefined = undefined;

  constructor(readonly index: number) {}
}

const NO_RECORD_ERRORS: { batchIndex: number; batchIndexErrorMessage: string }[] = [];

/** Null when the answer says why nothing can be appended. */
function findPartition(
  topic: TopicData,
  index: number,
  request: ProduceRequest,
  context: RequestContext,
  broker: Broker,
  answer: Answer,
): Partition | null {
  const found =
    context.apiVersion >= 13
      ? broker.partitions.topicById(topic.topicId)
      : broker.partitions.topicByName(topic.name);
  const partition = found?.partition(index) ?? null;
  if (found === null) {
    answer.errorCode =
      context.apiVersion >= 13 ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  } else if (partition === null) {
    answer.errorCode = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  } else if (request.acks < ACKS_ALL || request.acks > 1) {
    answer.errorCode = ErrorCode.INVALID_REQUIRED_ACKS;
  } else if (isInternalTopic(found.name) && context.clientId !== ADMIN_CLIENT_ID) {
    answer.errorCode = ErrorCode.INVALID_TOPIC_EXCEPTION;
  } else {
    answer.errorCode = partition.leaderError();
    if (answer.errorCode === ErrorCode.NONE && request.acks === ACKS_ALL) {
      answer.errorCode = partition.minIsrError();
    }
  }
  return answer.errorCode === ErrorCode.NONE ? partition : null;
}

/** Null when the answer is complete. */
function append(
  partition: Partition,
  records: Buffer | null,
  request: ProduceRequest,
  context: RequestContext,
  broker: Broker,
  answer: Answer,
): Promise<void> | null {
  const bytes = records ?? EMPTY;
  answer.errorCode = formError(bytes, context.apiVersion);
  if (answer.errorCode !== ErrorCode.NONE) return null;
  const nowMs = broker.world.clock.wallMs();
  const result = partition.append(bytes, { origin: "client", nowMs });
  fill(answer, result);
  if (result.errorCode !== ErrorCode.NONE) return null;
  if (result.flushed !== null) return settle(partition, result, request, answer);
  if (request.acks !== ACKS_ALL) return null;
  const committed = partition.whenCommitted(result.lastOffset + 1, request.timeoutMs);
  return committed === null ? null : committed.then((errorCode) => fail(answer, errorCode));
}

async function settle(
  partition: Partition,
  result: AppendResult,
  request: ProduceRequest,
  answer: Answer,
): Promise<void> {
  try {
    await partition.flushed(result);
  } catch {
    return fail(answer, ErrorCode.KAFKA_STORAGE_ERROR);
  }
  if (request.acks !== ACKS_ALL) return;
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

function answer(
  responses: TopicAnswer[],
  request: ProduceRequest,
  context: RequestContext,
  broker: Broker,
): ProduceResponse | null {
  if (request.acks === 0) {
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

/** KIP-951: where to go for the partitions that are led elsewhere. */
function leadersOf(
  responses: readonly TopicAnswer[],
  context: RequestContext,
  broker: Broker,
): ProduceResponse["nodeEndpoints"] {
  const leaders = new Set<number>();
  for (const topic of responses) {
    for (const answer of topic.partitionResponses) {
      if (answer.errorCode !== ErrorCode.NOT_LEADER_OR_FOLLOWER) continue;
      const image =
        context.apiVersion >= 13
          ? broker.image.topics.byId(topic.topicId ?? "")
          : broker.image.topics.byName(topic.name ?? "");
      const registration = image?.partitions[answer.index];
      if (registration === undefined) continue;
      answer.currentLeader = {
        leaderId: registration.leader,
        leaderEpoch: registration.leaderEpoch,
      };
      leaders.add(registration.leader);
    }
  }
  return [...leaders].flatMap((id) => nodeView(broker.image, id, context.listenerName) ?? []);
}
