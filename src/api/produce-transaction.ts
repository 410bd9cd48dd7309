/** What a produce request says of its transaction. */
import type { Broker } from "../broker/broker.ts";
import { ProducedTransaction } from "../broker/produced-transaction.ts";
import { isInternalTopic } from "../metadata/internal-topics.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import {
  baseSequence,
  hasProducerId,
  isTransactional,
  producerEpoch,
  producerId,
} from "../protocol/record-batch.ts";
import type { RequestContext } from "./handler.ts";
import { failAll, knownTopic, type Produced } from "./produced.ts";

/** From here on a produce adds its partitions to the transaction (KIP-890). */
const ADD_VERSION = 12;
/** From here on producers know TRANSACTION_ABORTABLE. */
const ABORTABLE_VERSION = 11;

/**
 * Null when there is none to be asked about, "refused" when the request is, as a whole. Batches
 * that no producer claims are in no transaction, whatever their attributes say.
 */
export function transactionOf(produced: Produced): ProducedTransaction | null | "refused" {
  const { topics, request, context, broker } = produced;
  const { transactionalId } = request;
  if (transactionalId === null) {
    failAll(produced, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, null);
    return "refused";
  }
  let transaction: ProducedTransaction | null = null;
  let first: Buffer | null = null;
  for (let at = 0; at < topics.length; at++) {
    const { partitionData } = topics[at]!;
    for (let index = 0; index < partitionData.length; index++) {
      const { records } = partitionData[index]!;
      const { errorCode } = produced.responses[at]!.partitionResponses[index]!;
      if (records === null || errorCode !== ErrorCode.NONE) continue;
      if (!isTransactional(records, 0) || !hasProducerId(records, 0)) continue;
      first ??= records;
      if (!isOfSameProducer(first, records)) {
        const text = "Transactional records contained more than one producer ID";
        failAll(produced, ErrorCode.INVALID_PRODUCER_ID_MAPPING, text);
        return "refused";
      }
      transaction ??= newTransaction(transactionalId, records, context, broker);
      const partition = knownTopic(topics[at]!, context, broker)?.partition(
        partitionData[index]!.index,
      );
      if (partition === null || partition === undefined) continue;
      if (!isInternalTopic(partition.topic)) transaction.add(partition, baseSequence(records, 0));
    }
  }
  return transaction;
}

function newTransaction(
  transactionalId: string,
  records: Buffer,
  { apiVersion }: RequestContext,
  { settings, transactionVerifier, world }: Broker,
): ProducedTransaction {
  const mayBeAbortable = apiVersion >= ABORTABLE_VERSION;
  const retryMaxMs = settings.get("add.partitions.to.txn.retry.backoff.max.ms");
  return new ProducedTransaction({
    transactionalId,
    producerId: producerId(records, 0),
    producerEpoch: producerEpoch(records, 0),
    operation: apiVersion >= ADD_VERSION ? "add" : mayBeAbortable ? "verifyAbortable" : "verify",
    isVerified: settings.get("transaction.partition.verification.enable"),
    retryBackoffMs: settings.get("add.partitions.to.txn.retry.backoff.ms"),
    retryMaxMs: Math.min(retryMaxMs, settings.get("request.timeout.ms")),
    verifier: transactionVerifier,
    clock: world.clock,
  });
}

function isOfSameProducer(first: Buffer, records: Buffer): boolean {
  return (
    producerId(first, 0) === producerId(records, 0) &&
    producerEpoch(first, 0) === producerEpoch(records, 0)
  );
}
