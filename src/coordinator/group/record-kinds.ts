/**
 * How the records of groups become bytes: one kind for each type of record, with its key and with
 * what its value is made of. A value of null forgets what the key names.
 */
import {
  decodeKey,
  decodeVersioned,
  encodeKey,
  encodeVersioned,
} from "../../protocol/records/frame.ts";
import type { Message } from "../../protocol/schema.ts";
import type { EncodedRecord } from "../record-codec.ts";

export interface RecordKind<R> {
  /** The key's first number. */
  readonly keyType: number;
  readonly encode: (record: R) => EncodedRecord;
  readonly decode: (key: Buffer, value: Buffer | null) => R;
}

/** By the type of the record: none is left out. */
export type RecordKinds<R extends { readonly type: string }> = {
  readonly [T in R["type"]]: RecordKind<Extract<R, { readonly type: T }>>;
};

export interface ValueCodec<V> {
  readonly encode: (value: V) => Buffer;
  readonly decode: (bytes: Buffer) => V;
}

interface OfGroup<T extends string, V> {
  readonly type: T;
  readonly group: string;
  readonly value: V | null;
}

interface OfMember<T extends string, V> extends OfGroup<T, V> {
  readonly member: string;
}

type GroupKey = Message<{ groupId: string }, { readonly groupId: string }>;
type MemberKey = Message<
  { groupId: string; memberId: string },
  { readonly groupId: string; readonly memberId: string }
>;

/** All values of groups have this one version. */
export const VALUE_VERSION = 0;

/** Of a value that is kept as it is decoded. */
export function asItIs<V extends I, I>(message: Message<V, I>): ValueCodec<V> {
  return {
    encode: (value) => encodeVersioned(message, VALUE_VERSION, value),
    decode: (bytes) => decodeVersioned(message, bytes),
  };
}

/** One record a group. */
export function ofGroup<T extends string, V>(
  type: T,
  key: GroupKey,
  content: ValueCodec<V>,
): RecordKind<OfGroup<T, V>> {
  return {
    keyType: key.key,
    encode: ({ group: groupId, value }) => ({
      key: encodeKey(key, { groupId }),
      value: value === null ? null : content.encode(value),
    }),
    decode: (bytes, value) => ({
      type,
      group: decodeKey(key, bytes).groupId,
      value: value === null ? null : content.decode(value),
    }),
  };
}

/** One record a member. */
export function ofMember<T extends string, V>(
  type: T,
  key: MemberKey,
  content: ValueCodec<V>,
): RecordKind<OfMember<T, V>> {
  return {
    keyType: key.key,
    encode: ({ group: groupId, member: memberId, value }) => ({
      key: encodeKey(key, { groupId, memberId }),
      value: value === null ? null : content.encode(value),
    }),
    decode: (bytes, value) => {
      const { groupId: group, memberId: member } = decodeKey(key, bytes);
      return { type, group, member, value: value === null ? null : content.decode(value) };
    },
  };
}
