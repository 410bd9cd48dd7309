/**
 * The records of `__share_group_state` (KIP-932), all of which have a group, topic id and partition
 * as their key.
 *
 *   key 0   snapshot    all that is known; null forgets it
 *   key 1   update      what is new since the snapshot before it
 */
import {
  decodeKey,
  decodeVersioned,
  encodeKey,
  encodeVersioned,
  keyOf,
} from "../../protocol/records/frame.ts";
import {
  shareSnapshotKey,
  shareSnapshotValue,
  shareUpdateKey,
  shareUpdateValue,
} from "../../protocol/records/share-state.ts";
import type { EncodedRecord, RecordCodec } from "../record-codec.ts";
import type { SharePartitionKey } from "./persister.ts";
import type { ShareState, ShareUpdate } from "./share-state.ts";

export type ShareStateRecord =
  | {
      readonly type: "snapshot";
      readonly key: SharePartitionKey;
      readonly state: ShareState | null;
    }
  | { readonly type: "update"; readonly key: SharePartitionKey; readonly update: ShareUpdate };

export const shareStateRecordCodec: RecordCodec<ShareStateRecord> = {
  encode: encodeRecord,
  decode: decodeRecord,
};

const VALUE_VERSION = 0;

function encodeRecord(record: ShareStateRecord): EncodedRecord {
  if (record.type === "update") {
    return {
      key: encodeKey(shareUpdateKey, record.key),
      value: encodeVersioned(shareUpdateValue, VALUE_VERSION, record.update),
    };
  }
  const key = encodeKey(shareSnapshotKey, record.key);
  if (record.state === null) return { key, value: null };
  return { key, value: encodeVersioned(shareSnapshotValue, VALUE_VERSION, record.state) };
}

function decodeRecord(key: Buffer, value: Buffer | null): ShareStateRecord | "ignored" | "unknown" {
  switch (keyOf(key)) {
    case shareSnapshotKey.key: {
      const state = value === null ? null : decodeVersioned(shareSnapshotValue, value);
      return { type: "snapshot", key: decodeKey(shareSnapshotKey, key), state };
    }
    case shareUpdateKey.key:
      if (value === null) return "ignored";
      return {
        type: "update",
        key: decodeKey(shareUpdateKey, key),
        update: decodeVersioned(shareUpdateValue, value),
      };
    default:
      return "unknown";
  }
}
