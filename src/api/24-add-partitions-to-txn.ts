/**
 * AddPartitionsToTxn: v0-5.
 *
 * - Adds partitions to a transaction, and begins one with the first: all of them, or none. Where a
 *   partition does not exist or may not be written, the others are OPERATION_NOT_ATTEMPTED.
 * - Partitions of Kafka's own topics are TOPIC_AUTHORIZATION_FAILED for clients.
 *
 * Versions: v2 PRODUCER_FENCED, which is INVALID_PRODUCER_EPOCH before; v4, for brokers (KIP-890),
 * many transactions at once, each added to or, with verifyOnly, only looked at; v5
 * TRANSACTION_ABORTABLE.
 */
import type { Broker } from "../broker/broker.ts";
import type { TopicPartition } from "../coordinator/transaction/participants.ts";
import { isInternalTopic } from "../metadata/internal-topics.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { addPartitionsToTxn } from "../protocol/messages/24-add-partitions-to-txn.ts";
import type { Value } from "../protocol/schema.ts";
import { handler, type RequestContext } from "./handler.ts";
import { OTHER_KIND } from "./request.ts";
import { fencedError } from "./transactional.ts";

type Request = Value<typeof addPartitionsToTxn.request>;
type Transaction = Request["transactions"][number];
type TopicResult = Value<typeof addPartitionsToTxn.response>["resultsByTopicV3AndBelow"][number];

const PRODUCER_FENCED_VERSION = 2;
/** From here on it is brokers that ask. */
const BROKER_VERSION = 4;
/** Of producers whose broker adds partitions for them. */
const EPOCH_BUMP_TRANSACTION_VERSION = 2;

export const addPartitionsToTxnHandler = handler(
  addPartitionsToTxn,
  async (request, context, broker) => {
    const transactions = transactionsOf(request, context);
    if (transactions.every(({ verifyOnly }) => verifyOnly)) context.request.variant = OTHER_KIND;
    const results = transactions.map(async (transaction) => ({
      transactionalId: transaction.transactionalId,
      topicResults: await resultsOf(transaction, context, broker),
    }));
    const resultsByTransaction = await Promise.all(results);
    if (context.apiVersion >= BROKER_VERSION) {
      return { errorCode: ErrorCode.NONE, resultsByTransaction, resultsByTopicV3AndBelow: [] };
    }
    const resultsByTopicV3AndBelow = resultsByTransaction[0]?.topicResults ?? [];
    return { errorCode: ErrorCode.NONE, resultsByTransaction: [], resultsByTopicV3AndBelow };
  },
);

function transactionsOf(request: Request, context: RequestContext): readonly Transaction[] {
  if (context.apiVersion >= BROKER_VERSION) return request.transactions;
  return [
    {
      transactionalId: request.v3AndBelowTransactionalId,
      producerId: request.v3AndBelowProducerId,
      producerEpoch: request.v3AndBelowProducerEpoch,
      verifyOnly: false,
      topics: request.v3AndBelowTopics,
    },
  ];
}

async function resultsOf(
  transaction: Transaction,
  context: RequestContext,
  broker: Broker,
): Promise<TopicResult[]> {
  const isClient = context.apiVersion < BROKER_VERSION;
  const partitions = transaction.topics.flatMap(({ name, partitions: indexes }) =>
    indexes.map((partition) => ({ topic: name, partition })),
  );
  const refusals = partitions.map((partition) => refusal(partition, isClient, broker));
  if (refusals.some((error) => error !== ErrorCode.NONE)) {
    return resultsFrom(transaction, refusals.map(attempted));
  }
  const { transactionalId, producerId, producerEpoch } = transaction;
  const asked = { producerId, producerEpoch, partitions };
  if (transaction.verifyOnly) {
    const errors = await broker.transactions.verifyPartitions(transactionalId, asked);
    return resultsFrom(transaction, errors);
  }
  const clientTransactionVersion = isClient ? 0 : EPOCH_BUMP_TRANSACTION_VERSION;
  const request = { ...asked, clientTransactionVersion };
  const error = await broker.transactions.addPartitions(transactionalId, request);
  const told = fencedError(error, context, PRODUCER_FENCED_VERSION);
  return resultsFrom(
    transaction,
    partitions.map(() => told),
  );
}

function refusal(
  { topic, partition }: TopicPartition,
  isClient: boolean,
  broker: Broker,
): ErrorCode {
  if (isClient && isInternalTopic(topic)) return ErrorCode.TOPIC_AUTHORIZATION_FAILED;
  const exists = broker.image.topics.byName(topic)?.partitions[partition] !== undefined;
  return exists ? ErrorCode.NONE : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
}

function attempted(error: ErrorCode): ErrorCode {
  return error === ErrorCode.NONE ? ErrorCode.OPERATION_NOT_ATTEMPTED : error;
}

/** `errors` are those of all partitions of all topics, one behind the other. */
function resultsFrom({ topics }: Transaction, errors: readonly ErrorCode[]): TopicResult[] {
  let count = 0;
  return topics.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map((partitionIndex) => ({
      partitionIndex,
      partitionErrorCode: errors[count++]!,
    })),
  }));
}
