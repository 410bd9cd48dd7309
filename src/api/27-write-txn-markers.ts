/**
 * WriteTxnMarkers: v1-2.
 *
 * - Ends transactions in partitions that this node leads: transaction coordinators send it, and
 *   Kafka's kafka-transactions.sh to abort what hangs. Answers when all markers are committed.
 * - A marker that is sent again is written again, as in Kafka: it ends nothing, and an epoch of its
 *   own (KIP-1228) keeps it from ending the next transaction.
 * - Partitions that are not here are UNKNOWN_TOPIC_OR_PARTITION. Those of `__consumer_offsets` are
 *   the group coordinator's: NOT_LEADER_OR_FOLLOWER while it is not ready.
 *
 * Versions: v2 the transaction version of each marker (KIP-1228); before it, a marker has the epoch
 * of the records.
 */
import { mergedByProducer } from "../broker/txn-marker-writer.ts";
import { writeTxnMarkers } from "../protocol/messages/27-write-txn-markers.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { handler } from "./handler.ts";

export const writeTxnMarkersHandler = handler(
  writeTxnMarkers,
  async ({ markers }, _context, broker) => {
    for (const { producerId } of markers) refuseUnwritable(producerId);
    return { markers: mergedByProducer(await broker.txnMarkers.write(markers, () => false)) };
  },
  { isExempt: true },
);

/** No cluster gives such an id, and a batch of it could not be made. */
function refuseUnwritable(producerId: number): void {
  if (Number.isSafeInteger(producerId)) return;
  throw new ProtocolError(`a marker for producer ${producerId}, which there cannot be`);
}
