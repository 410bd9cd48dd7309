/**
 * InitProducerId: v0-6.
 *
 * - A producer without a transactional id gets a new id, with epoch 0, whatever it had before.
 * - With one, it gets an epoch that shuts out all producers that had the transactional id before
 *   it. Their transaction is aborted first: CONCURRENT_TRANSACTIONS, and the client asks again.
 *
 * Versions: v3 what the producer had, with which it goes on after an error (KIP-360); v4
 * PRODUCER_FENCED, which is INVALID_PRODUCER_EPOCH before; v5 TRANSACTION_ABORTABLE (KIP-890); v6,
 * unstable, transactions that somebody else decides about (KIP-939): as in Kafka 4.3, they have no
 * timeout, and keeping a prepared one is UNSUPPORTED_VERSION.
 */
import { ErrorCode } from "../protocol/error-code.ts";
import { initProducerId } from "../protocol/messages/22-init-producer-id.ts";
import { handler } from "./handler.ts";
import { fencedError } from "./transactional.ts";

const NONE = -1;
const PRODUCER_FENCED_VERSION = 4;

export const initProducerIdHandler = handler(initProducerId, async (request, context, broker) => {
  const { transactionalId, producerId, producerEpoch } = request;
  if ((producerId === NONE) !== (producerEpoch === NONE)) return refused(ErrorCode.INVALID_REQUEST);
  if (transactionalId === null) {
    const given = await broker.producerIds.next();
    if (given.errorCode !== ErrorCode.NONE) return refused(given.errorCode);
    return { errorCode: ErrorCode.NONE, producerId: given.producerId, producerEpoch: 0 };
  }
  const expected = producerId === NONE ? null : { producerId, producerEpoch };
  const answer = await broker.transactions.initProducerId({
    ...request,
    transactionalId,
    expected,
  });
  const errorCode = fencedError(answer.errorCode, context, PRODUCER_FENCED_VERSION);
  return { ...answer, errorCode };
});

function refused(errorCode: ErrorCode) {
  return { errorCode, producerId: NONE, producerEpoch: NONE };
}
