/**
 * What a broker must know of every record before it takes a batch, found in one walk without an
 * object: in C where it was compiled (native/records.c), else here.
 */
import { loadCompiled } from "../base/native.ts";
import { ProtocolError } from "./protocol-error.ts";
import { RecordCursor } from "./record-cursor.ts";

/** The records are not what the batch says; a `RecordCursor` says where. */
export const MALFORMED = -2;
/** All can be read, but a key, a timestamp or an offset is not as asked for. */
export const UNUSUAL = -3;

/**
 * The greatest timestamp of `count` uncompressed records in `bytes[offset...offset + size]`, at
 * least -1; or MALFORMED, or UNUSUAL: with `keyed` a key is missing, a timestamp other than -1 is
 * not from `timestampMin` to `timestampMax`, or an offset delta is not its record's index.
 */
export type WalkRecords = (
  bytes: Buffer,
  offset: number,
  size: number,
  count: number,
  keyed: boolean,
  baseTimestamp: number,
  timestampMin: number,
  timestampMax: number,
) => number;

export const walkRecordsInTypeScript: WalkRecords = (
  bytes,
  offset,
  size,
  count,
  keyed,
  baseTimestamp,
  timestampMin,
  timestampMax,
) => {
  const frame = {
    bytes,
    start: offset,
    end: offset + size,
    count,
    baseOffset: 0,
    baseTimestamp,
    logAppendTime: null,
  };
  let maxTimestamp = -1;
  let usual = true;
  try {
    const cursor = new RecordCursor(frame);
    while (cursor.next()) {
      const delta = cursor.timestampDelta;
      const timestamp = baseTimestamp + delta;
      usual &&=
        (timestamp === -1 || (timestamp >= timestampMin && timestamp <= timestampMax)) &&
        delta <= Number.MAX_SAFE_INTEGER &&
        delta >= -Number.MAX_SAFE_INTEGER &&
        cursor.offsetDelta === cursor.index &&
        (!keyed || cursor.keySize >= 0);
      if (timestamp > maxTimestamp) maxTimestamp = timestamp;
    }
  } catch (error) {
    if (error instanceof ProtocolError) return MALFORMED;
    throw error;
  }
  return usual ? maxTimestamp : UNUSUAL;
};

export const walkRecords: WalkRecords =
  loadCompiled()?.functions.walkRecords ?? walkRecordsInTypeScript;
