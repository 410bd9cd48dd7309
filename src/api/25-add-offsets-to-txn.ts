/**
 * AddOffsetsToTxn: v0-4.
 *
 * - Adds the partition of `__consumer_offsets` that holds a group's offsets to a transaction.
 *   Clients of transaction version 2 do without: TxnOffsetCommit adds it for them (KIP-890).
 *
 * Versions: v2 PRODUCER_FENCED, which is INVALID_PRODUCER_EPOCH before; v4 TRANSACTION_ABORTABLE.
 */
import { CONSUMER_OFFSETS_TOPIC } from "../metadata/internal-topics.ts";
import { addOffsetsToTxn } from "../protocol/messages/25-add-offsets-to-txn.ts";
import { handler } from "./handler.ts";
import { fencedError } from "./transactional.ts";

const PRODUCER_FENCED_VERSION = 2;

export const addOffsetsToTxnHandler = handler(addOffsetsToTxn, async (request, context, broker) => {
  const { transactionalId, producerId, producerEpoch, groupId } = request;
  const partition = broker.groups.runtime.partitionFor(groupId);
  const error = await broker.transactions.addPartitions(transactionalId, {
    producerId,
    producerEpoch,
    partitions: [{ topic: CONSUMER_OFFSETS_TOPIC, partition }],
    clientTransactionVersion: 0,
  });
  return { errorCode: fencedError(error, context, PRODUCER_FENCED_VERSION) };
});
