/**
 * EndTxn: v0-5.
 *
 * - Commits or aborts a transaction: answered when it is decided for good. The partitions get their
 *   markers behind the answer; until then the next transaction is told CONCURRENT_TRANSACTIONS.
 * - To ask again is harmless: what was decided before is answered again.
 *
 * Versions: v2 PRODUCER_FENCED, which is INVALID_PRODUCER_EPOCH before; v4 TRANSACTION_ABORTABLE;
 * v5 every end raises the producer's epoch, and the answer has it (KIP-890, transaction version 2).
 */
import { endTxn } from "../protocol/messages/26-end-txn.ts";
import { handler } from "./handler.ts";
import { fencedError } from "./transactional.ts";

const PRODUCER_FENCED_VERSION = 2;
const EPOCH_BUMP_VERSION = 5;

export const endTxnHandler = handler(endTxn, async (request, context, broker) => {
  const { transactionalId, producerId, producerEpoch, committed } = request;
  const answer = await broker.transactions.endTransaction({
    transactionalId,
    producerId,
    producerEpoch,
    isCommit: committed,
    clientTransactionVersion: context.apiVersion >= EPOCH_BUMP_VERSION ? 2 : 0,
  });
  return { ...answer, errorCode: fencedError(answer.errorCode, context, PRODUCER_FENCED_VERSION) };
});
