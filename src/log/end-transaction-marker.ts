/** What the one record of a control batch says that ends a transaction. */
import {
  controlRecordTypeOf,
  ControlRecordType,
  coordinatorEpochOf,
} from "../protocol/control-record.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { openBatch } from "../protocol/record.ts";

export type ControlType = "abort" | "commit";

export interface EndTransactionMarker {
  readonly controlType: ControlType;
  readonly coordinatorEpoch: number;
  readonly timestamp: number;
}

/**
 * Of the control batch at `at`; null when compaction took its record away, when it is no end of a
 * transaction, or when its bytes are no record at all: such a batch decides nothing.
 */
export function readEndTransactionMarker(bytes: Buffer, at: number): EndTransactionMarker | null {
  try {
    return readMarker(bytes, at);
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}

function readMarker(bytes: Buffer, at: number): EndTransactionMarker | null {
  const cursor = openBatch(bytes, at);
  if (!cursor.next()) return null;
  const type = controlRecordTypeOf(cursor.key());
  if (type !== ControlRecordType.ABORT && type !== ControlRecordType.COMMIT) return null;
  const controlType = type === ControlRecordType.COMMIT ? "commit" : "abort";
  const coordinatorEpoch = coordinatorEpochOf(cursor.value());
  return { controlType, coordinatorEpoch, timestamp: cursor.timestamp };
}
