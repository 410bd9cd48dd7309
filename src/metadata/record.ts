/** Records of the metadata log: as they are read, and as the controller makes them. */
import { assert } from "../base/assert.ts";
import { type NamedRecord, decodeFramed, encodeFramed } from "../protocol/records/frame.ts";
import { metadataRecords } from "../protocol/records/metadata.ts";
import type { Input, Message } from "../protocol/schema.ts";

type MetadataMessage = (typeof metadataRecords)[number];

/** As read: every field is there. */
export type MetadataRecord = NamedRecord<MetadataMessage>;

/** As the controller makes it: fields with a default may be left out. */
export type NewRecord = NewRecordOf<MetadataMessage>;
type NewRecordOf<M> = M extends { readonly name: infer Name }
  ? { readonly name: Name; readonly version: number; readonly value: Input<M> }
  : never;

const MESSAGES = new Map(metadataRecords.map((message) => [message.name, message]));

export function encodeRecord(record: NewRecord): Buffer {
  const message = MESSAGES.get(record.name);
  assert(message !== undefined, `a known record: ${record.name}`);
  // That `value` is of this message follows from `name`, which the compiler cannot see in the map.
  return encodeFramed(message as Message<unknown, unknown>, record.version, record.value);
}

/** Throws `ProtocolError` for what this program does not know: it must not be skipped. */
export function decodeRecord(value: Buffer): MetadataRecord {
  return decodeFramed(metadataRecords, value);
}
