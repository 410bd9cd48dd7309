/**
 * Control records, which brokers write between those of clients: their keys, and the markers that
 * end a transaction. The other values are described in records/control.ts.
 */
import { ProtocolError } from "./protocol-error.ts";
import { NO_PRODUCER_EPOCH, NO_PRODUCER_ID } from "./record-batch.ts";
import { buildBatch } from "./record-batch-builder.ts";

export const ControlRecordType = {
  ABORT: 0,
  COMMIT: 1,
  LEADER_CHANGE: 2,
  SNAPSHOT_HEADER: 3,
  SNAPSHOT_FOOTER: 4,
  KRAFT_VERSION: 5,
  KRAFT_VOTERS: 6,
} as const;
export type ControlRecordType = (typeof ControlRecordType)[keyof typeof ControlRecordType];

/** The marker that ends a producer's transaction in one partition. */
export function buildEndTransactionMarker(marker: {
  readonly isCommit: boolean;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
  readonly timestamp: number;
}): Buffer {
  const value = Buffer.alloc(6);
  value.writeInt32BE(marker.coordinatorEpoch, 2);
  const type = marker.isCommit ? ControlRecordType.COMMIT : ControlRecordType.ABORT;
  return buildBatch({
    records: [{ timestamp: marker.timestamp, key: controlRecordKey(type), value }],
    producerId: marker.producerId,
    producerEpoch: marker.producerEpoch,
    isTransactional: true,
    isControl: true,
  });
}

/** Kafka cannot build a marker of nobody, and fails. */
export function isOfProducer(marker: {
  readonly producerId: number;
  readonly producerEpoch: number;
}): boolean {
  return marker.producerId !== NO_PRODUCER_ID && marker.producerEpoch !== NO_PRODUCER_EPOCH;
}

/** Version 0, then the type. */
function controlRecordKey(type: ControlRecordType): Buffer {
  const key = Buffer.alloc(4);
  key.writeInt16BE(type, 2);
  return key;
}

/** Null for a type that this program does not know, which is to be passed over. */
export function controlRecordTypeOf(key: Buffer | null): ControlRecordType | null {
  if (key === null || key.length < 4) throw new ProtocolError("a control record without a type");
  if (key.readInt16BE(0) < 0) throw new ProtocolError("a control record of a negative version");
  const type = key.readInt16BE(2);
  return isControlRecordType(type) ? type : null;
}

/** What the value of an ABORT or COMMIT says. */
export function coordinatorEpochOf(value: Buffer | null): number {
  if (value === null || value.length < 6) throw new ProtocolError("a marker without an epoch");
  if (value.readInt16BE(0) < 0) throw new ProtocolError("a marker of a negative version");
  return value.readInt32BE(2);
}

function isControlRecordType(type: number): type is ControlRecordType {
  return type >= ControlRecordType.ABORT && type <= ControlRecordType.KRAFT_VOTERS;
}
