/**
 * What Kafka writes in front of a record's bytes, so that a reader knows what they are:
 *
 *   metadata, remote log   varint 1 (frame version) | varint key | varint version | body
 *   coordinator key        int16 key     | body (v0)
 *   everything else        int16 version | body
 */
import { decoderOf, encoderOf } from "../compile.ts";
import { ProtocolError } from "../protocol-error.ts";
import { Reader } from "../reader.ts";
import type { AnyMessage, Message, Value } from "../schema.ts";
import { Writer } from "../writer.ts";

/** One of several messages, told apart by `name`. */
export type NamedRecord<M> = M extends { readonly name: infer Name }
  ? { readonly name: Name; readonly version: number; readonly value: Value<M> }
  : never;

export function encodeFramed<V, I>(message: Message<V, I>, version: number, input: I): Buffer {
  const writer = new Writer();
  writer.uvarint(FRAME_VERSION);
  writer.uvarint(message.key);
  writer.uvarint(version);
  encoderOf(message, version)(writer, input);
  return writer.bytes();
}

/** Reads a frame that holds one of `messages`, a list such as `metadataRecords`. */
export function decodeFramed<M extends AnyMessage>(
  messages: readonly M[],
  bytes: Buffer,
): NamedRecord<M> {
  const reader = new Reader(bytes);
  const frameVersion = reader.uvarint();
  if (frameVersion !== FRAME_VERSION) throw new ProtocolError(`frame version ${frameVersion}`);
  const key = reader.uvarint();
  const version = reader.uvarint();
  const message = byKey(messages)[key];
  if (message === undefined) throw new ProtocolError(`record type ${key} is unknown`);
  const value = decoderOf(message, version)(reader);
  if (reader.remaining > 0) {
    throw new ProtocolError(`${reader.remaining} bytes of garbage behind a ${message.name}`);
  }
  return { name: message.name, version, value } as NamedRecord<M>;
}

export function encodeKey<V, I>(message: Message<V, I>, input: I): Buffer {
  const writer = new Writer();
  writer.int16(message.key);
  encoderOf(message, 0)(writer, input);
  return writer.bytes();
}

/** Which key a coordinator record has. */
export function keyOf(bytes: Buffer): number {
  return new Reader(bytes).int16();
}

/** `bytes` must have the message's key. */
export function decodeKey<V, I>(message: Message<V, I>, bytes: Buffer): V {
  const reader = new Reader(bytes);
  const key = reader.int16();
  if (key !== message.key) throw new ProtocolError(`record type ${key} is no ${message.name}`);
  return decoderOf(message, 0)(reader);
}

export function encodeVersioned<V, I>(message: Message<V, I>, version: number, input: I): Buffer {
  const writer = new Writer();
  writer.int16(version);
  encoderOf(message, version)(writer, input);
  return writer.bytes();
}

export function decodeVersioned<V, I>(message: Message<V, I>, bytes: Buffer): V {
  const reader = new Reader(bytes);
  return decoderOf(message, reader.int16())(reader);
}

const FRAME_VERSION = 1;
const indexes = new WeakMap<readonly AnyMessage[], AnyMessage[]>();

function byKey<M extends AnyMessage>(messages: readonly M[]): readonly (M | undefined)[] {
  let index = indexes.get(messages) as M[] | undefined;
  if (index === undefined) {
    index = [];
    for (const message of messages) index[message.key] = message;
    indexes.set(messages, index);
  }
  return index;
}
