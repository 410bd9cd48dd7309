/**
 * Turns a description (schema.ts) into a decoder or an encoder for one version: straight-line
 * source, one function per struct, made with `new Function` at first use. For Heartbeat v4:
 *
 *   function read0(reader) {                       function write0(writer, value) {
 *     const _groupId = reader.compactString();       writer.compactString(value.groupId);
 *     const _generationId = reader.int32();          writer.int32(value.generationId);
 *     ...                                            ...
 *     reader.skipTags();                             writer.uvarint(0);
 *     return { groupId: _groupId, ... };           }
 *   }
 *
 * All versions of a message give objects with the same properties in the same order. Descriptions
 * are trees without recursion, so the depth of what is decoded is bounded by them.
 */
import { assert } from "../base/assert.ts";
import { DecoderSource } from "./compile-decoder.ts";
import { EncoderSource } from "./compile-encoder.ts";
import { ProtocolError, UnsupportedVersionError } from "./protocol-error.ts";
import { Reader } from "./reader.ts";
import type { Message } from "./schema.ts";
import { Writer } from "./writer.ts";

export type Decoder<V> = (reader: Reader) => V;
export type Encoder<I> = (writer: Writer, input: I) => void;

/** What lies behind the message is left alone, as in Kafka: newer peers may append. */
export function decode<V, I>(message: Message<V, I>, version: number, bytes: Buffer): V {
  return decoderOf(message, version)(new Reader(bytes));
}

export function encode<V, I>(message: Message<V, I>, version: number, input: I): Buffer {
  const writer = new Writer();
  encoderOf(message, version)(writer, input);
  return writer.bytes();
}

export function decoderOf<V, I>(message: Message<V, I>, version: number): Decoder<V> {
  return message.decoders[version] ?? compileDecoder(message, version);
}

export function encoderOf<V, I>(message: Message<V, I>, version: number): Encoder<I> {
  return message.encoders[version] ?? compileEncoder(message, version);
}

/** The version may come from the bytes themselves, so an unknown one is their fault. */
function compileDecoder<V, I>(message: Message<V, I>, version: number): Decoder<V> {
  if (!hasVersion(message, version)) {
    throw new ProtocolError(`${message.name} has no version ${version}`);
  }
  const source = new DecoderSource(version, message.isFlexible(version));
  const name = source.structFunction(message.struct);
  const decoder = evaluate(source.text, name, refuseNothing) as Decoder<V>;
  message.decoders[version] = decoder;
  return decoder;
}

function compileEncoder<V, I>(message: Message<V, I>, version: number): Encoder<I> {
  assert(hasVersion(message, version), `${message.name} has no version ${version}`);
  const source = new EncoderSource(version, message.isFlexible(version));
  const name = source.structFunction(message.struct);
  const encoder = evaluate(source.text, name, (field) => {
    throw new UnsupportedVersionError(`${message.name} v${version} has no field ${field}`);
  }) as Encoder<I>;
  message.encoders[version] = encoder;
  return encoder;
}

function hasVersion(message: Message<unknown, never>, version: number): boolean {
  const [lowest, highest] = message.versions;
  return Number.isInteger(version) && version >= lowest && version <= highest;
}

/** The only text that becomes code: names and constants of our own descriptions. */
function evaluate(text: string, name: string, refuse: (field: string) => void): unknown {
  return new Function("EMPTY", "refuse", `"use strict";\n${text}return ${name};`)(EMPTY, refuse);
}

function refuseNothing(): void {}

const EMPTY = Buffer.alloc(0);
