/**
 * The records of `__consumer_offsets` that the coordinator writes, and those that it finds there.
 *
 *   key                            value
 *   0,1  group, topic, partition   a committed offset; null forgets it
 *   2    group                     a whole group of the classic protocol; null forgets it
 *   3..  group, ...                a group of the consumer protocol: see consumer-records.ts
 *   10.. group, ...                a share group: see share-group-records.ts
 *   17.. group, ...                a streams group: see streams-records.ts
 */
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { Value } from "../../protocol/schema.ts";
import {
  groupMetadataKey,
  groupMetadataValue,
  legacyOffsetCommitKey,
  legacyOffsetCommitValue,
  offsetCommitKey,
  offsetCommitValue,
} from "../../protocol/records/classic-group.ts";
import {
  decodeKey,
  decodeVersioned,
  encodeKey,
  encodeVersioned,
  keyOf,
} from "../../protocol/records/frame.ts";
import { ZERO_UUID } from "../../base/uuid.ts";
import type { EncodedRecord, RecordCodec } from "../record-codec.ts";
import { consumerKinds, type ConsumerRecord } from "./consumer-records.ts";
import type { RecordKind, RecordKinds } from "./record-kinds.ts";
import { shareGroupKinds, type ShareGroupRecord } from "./share-group-records.ts";
import { streamsKinds, type StreamsRecord } from "./streams-records.ts";

export type OffsetCommitValue = Value<typeof offsetCommitValue>;
export type GroupMetadataValue = Value<typeof groupMetadataValue>;
export type GroupMemberValue = GroupMetadataValue["members"][number];

export interface OffsetCommitRecord {
  readonly type: "offsetCommit";
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly value: OffsetCommitValue | null;
}

export interface GroupMetadataRecord {
  readonly type: "groupMetadata";
  readonly group: string;
  readonly value: GroupMetadataValue | null;
}

/** What a record is encoded to, where that was done ahead. */
interface EncodedAhead {
  encoded?: EncodedRecord;
}

export type GroupRecord = EncodedAhead &
  (OffsetCommitRecord | GroupMetadataRecord | ConsumerRecord | ShareGroupRecord | StreamsRecord);

/** No expiry of its own: the group's rules count. */
export const NO_EXPIRY = -1;

/** As of metadata.version 4.3; version 1 alone has a field for the expiry. */
const OFFSET_COMMIT_VERSION = 4;
const OFFSET_COMMIT_EXPIRING_VERSION = 1;
const GROUP_METADATA_VERSION = 3;

/** The highest key that Kafka 4.3 knows. */
const KEY_MAX = 23;

export const groupRecordCodec: RecordCodec<GroupRecord> = {
  encode: (record) => record.encoded ?? encodeRecord(record),
  decode: decodeRecord,
};

/** For those of many that are written at once. What cannot be encoded fails when it is written. */
export function encodeAhead(record: GroupRecord): void {
  try {
    record.encoded = encodeRecord(record);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
  }
}

const KINDS: RecordKinds<GroupRecord> = {
  ...consumerKinds,
  ...shareGroupKinds,
  ...streamsKinds,
  offsetCommit: {
    keyType: offsetCommitKey.key,
    encode: (record) => {
      return { key: encodeKey(offsetCommitKey, record), value: encodeOffset(record.value) };
    },
    decode: (key, value) => {
      const decoded = value === null ? null : decodeVersioned(offsetCommitValue, value);
      return { type: "offsetCommit", ...decodeKey(offsetCommitKey, key), value: decoded };
    },
  },
  groupMetadata: {
    keyType: groupMetadataKey.key,
    encode: (record) => {
      return { key: encodeKey(groupMetadataKey, record), value: encodeGroup(record.value) };
    },
    decode: (key, value) => {
      const decoded = value === null ? null : decodeGroup(value);
      return { type: "groupMetadata", ...decodeKey(groupMetadataKey, key), value: decoded };
    },
  },
};

const BY_KEY: ReadonlyMap<number, RecordKind<GroupRecord>> = new Map(
  Object.values(KINDS).map((kind) => [kind.keyType, kind as RecordKind<GroupRecord>]),
);

function encodeRecord(record: GroupRecord): EncodedRecord {
  return (KINDS[record.type] as RecordKind<GroupRecord>).encode(record);
}

function decodeRecord(key: Buffer, value: Buffer | null): GroupRecord | "ignored" | "unknown" {
  const type = keyOf(key);
  if (type === legacyOffsetCommitKey.key) {
    const decoded = value === null ? null : decodeLegacyOffset(value);
    return { type: "offsetCommit", ...decodeKey(legacyOffsetCommitKey, key), value: decoded };
  }
  return BY_KEY.get(type)?.decode(key, value) ?? notOurs(type);
}

function notOurs(type: number): "ignored" | "unknown" {
  return type >= 0 && type <= KEY_MAX ? "ignored" : "unknown";
}

function encodeOffset(value: OffsetCommitValue | null): Buffer | null {
  if (value === null) return null;
  const expires = value.expireTimestamp !== NO_EXPIRY;
  const version = expires ? OFFSET_COMMIT_EXPIRING_VERSION : OFFSET_COMMIT_VERSION;
  return encodeVersioned(offsetCommitValue, version, value);
}

function encodeGroup(value: GroupMetadataValue | null): Buffer | null {
  return value === null ? null : encodeVersioned(groupMetadataValue, GROUP_METADATA_VERSION, value);
}

function decodeLegacyOffset(bytes: Buffer): OffsetCommitValue {
  const { offset, metadata, commitTimestamp } = decodeVersioned(legacyOffsetCommitValue, bytes);
  return {
    offset,
    leaderEpoch: -1,
    metadata,
    commitTimestamp,
    expireTimestamp: NO_EXPIRY,
    topicId: ZERO_UUID,
  };
}

/** Members live as long as the group: they must not hold on to the bytes that were read. */
function decodeGroup(value: Buffer): GroupMetadataValue {
  const decoded = decodeVersioned(groupMetadataValue, value);
  for (const member of decoded.members) {
    member.subscription = Buffer.from(member.subscription);
    member.assignment = Buffer.from(member.assignment);
  }
  return decoded;
}
