/**
 * InitProducerId: v0-5.
 *
 * - A producer without a transactional id gets a new id, with epoch 0, whatever it had before.
 * - Transactional ids are refused for good: transactions are not supported yet.
 *
 * Versions: v3 what the producer had (KIP-360); v4 PRODUCER_FENCED; v5 TRANSACTION_ABORTABLE.
 */
import { ErrorCode } from "../protocol/error-code.ts";
import { initProducerId } from "../protocol/messages/22-init-producer-id.ts";
import { handler } from "./handler.ts";

const NONE = -1;

export const initProducerIdHandler = handler(initProducerId, async (request, _context, broker) => {
  const { transactionalId, producerId, producerEpoch } = request;
  if ((producerId === NONE) !== (producerEpoch === NONE)) return refused(ErrorCode.INVALID_REQUEST);
  if (transactionalId === "") return refused(ErrorCode.INVALID_REQUEST);
  if (transactionalId !== null) return refused(ErrorCode.UNSUPPORTED_VERSION);
  const given = await broker.producerIds.next();
  if (given.errorCode !== ErrorCode.NONE) return refused(given.errorCode);
  return { errorCode: ErrorCode.NONE, producerId: given.producerId, producerEpoch: 0 };
});

function refused(errorCode: ErrorCode) {
  return { errorCode, producerId: NONE, producerEpoch: NONE };
}
