/**
 * What KRaft writes for itself into the log and into snapshots, in batches marked as control:
 *
 *   key    int16 version = 0 | int16 type
 *   value  by the type, flexible; its first field is its version again
 */
import { assert } from "../base/assert.ts";
import { decode, encode } from "../protocol/compile.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import {
  kRaftVersionRecord,
  leaderChangeMessage,
  snapshotFooterRecord,
  snapshotHeaderRecord,
  votersRecord,
} from "../protocol/records/control.ts";
import type { Input, Message, Value } from "../protocol/schema.ts";

/** By the type in the key; 0 and 1 are the ends of transactions, which KRaft has not. */
const MESSAGES = new Map(
  Object.entries({
    2: leaderChangeMessage,
    3: snapshotHeaderRecord,
    4: snapshotFooterRecord,
    5: kRaftVersionRecord,
    6: votersRecord,
  }).map(([type, message]) => [Number(type), message]),
);

type ControlMessage =
  | typeof leaderChangeMessage
  | typeof snapshotHeaderRecord
  | typeof snapshotFooterRecord
  | typeof kRaftVersionRecord
  | typeof votersRecord;

export type ControlRecord = Of<ControlMessage>;
type Of<M> = M extends { readonly name: infer Name }
  ? { readonly name: Name; readonly value: Value<M> }
  : never;

export type NewControlRecord = NewOf<ControlMessage>;
type NewOf<M> = M extends { readonly name: infer Name }
  ? { readonly name: Name; readonly value: Input<M> }
  : never;

const KEY_SIZE = 4;
const VERSION = 0;

export function encodeControl(record: NewControlRecord): {
  readonly key: Buffer;
  readonly value: Buffer;
} {
  const found = [...MESSAGES].find(([, message]) => message.name === record.name);
  assert(found !== undefined, `a known control record: ${record.name}`);
  const [type, message] = found;
  const key = Buffer.alloc(KEY_SIZE);
  key.writeInt16BE(type, 2);
  return { key, value: encode(message as Message<unknown, unknown>, VERSION, record.value) };
}

/** Throws `ProtocolError` for what this program does not know: it must not be skipped. */
export function decodeControl(key: Buffer | null, value: Buffer | null): ControlRecord {
  if (key === null || value === null || key.length < KEY_SIZE) {
    throw new ProtocolError("a control record without key or value");
  }
  const type = key.readInt16BE(2);
  const message = MESSAGES.get(type);
  if (message === undefined) throw new ProtocolError(`unknown control record type ${type}`);
  // The version of a value is its first field, so that the value says how to read itself.
  const version = value.length >= 2 ? value.readInt16BE(0) : -1;
  const decoded = decode(message as Message<unknown, unknown>, version, value);
  return { name: message.name, value: decoded } as ControlRecord;
}
