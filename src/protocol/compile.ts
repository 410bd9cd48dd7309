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
import { hasRows, rowFields } from "./field-layout.ts";
import { ProtocolError, UnsupportedVersionError } from "./protocol-error.ts";
import { Reader } from "./reader.ts";
import type { Message, StepwiseCodec, StructType } from "./schema.ts";
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
  return (message.decoders[version] ??= compileDecoder(message, version) as Decoder<V>);
}

export function encoderOf<V, I>(message: Message<V, I>, version: number): Encoder<I> {
  return (message.encoders[version] ??= compileEncoder(message, version) as Encoder<I>);
}

/** For messages that may be long; null for those that have no rows. */
export function stepwiseOf<V, I>(
  message: Message<V, I>,
  version: number,
): StepwiseCodec<V, I> | null {
  const known = message.stepwise[version];
  if (known !== undefined) return known;
  const codec: StepwiseCodec<V, I> = {
    decode: compileDecoder(message, version, true) as StepwiseCodec<V, I>["decode"],
    encode: compileEncoder(message, version, true) as StepwiseCodec<V, I>["encode"],
  };
  return (message.stepwise[version] = hasRows({ type: message.struct }, version) ? codec : null);
}

/** How many structs the arrays of a message have, and the arrays in each of those. */
export function rowCounterOf<V, I>(message: Message<V, I>, version: number): (input: I) => number {
  const known = message.rowCounters[version];
  if (known !== undefined) return known;
  const source = rowCountSource(message.struct, version);
  const counter = evaluate(source, "rowCount", refuseNothing) as (input: I) => number;
  return (message.rowCounters[version] = counter);
}

/** The version may come from the bytes themselves, so an unknown one is their fault. */
function compileDecoder<V, I>(
  message: Message<V, I>,
  version: number,
  isStepwise = false,
): unknown {
  if (!hasVersion(message, version)) {
    throw new ProtocolError(`${message.name} has no version ${version}`);
  }
  const source = new DecoderSource(version, message.isFlexible(version), isStepwise);
  const name = source.structFunction(message.struct);
  return evaluate(source.text, name, refuseNothing);
}

function compileEncoder<V, I>(
  message: Message<V, I>,
  version: number,
  isStepwise = false,
): unknown {
  assert(hasVersion(message, version), `${message.name} has no version ${version}`);
  const source = new EncoderSource(version, message.isFlexible(version), isStepwise);
  const name = source.structFunction(message.struct);
  return evaluate(source.text, name, (field) => {
    throw new UnsupportedVersionError(`${message.name} v${version} has no field ${field}`);
  });
}

function rowCountSource(type: StructType, version: number): string {
  const arraysIn = (struct: StructType) =>
    rowFields(struct, version).flatMap(([name, { type: fieldType }]) =>
      fieldType.kind === "array" && fieldType.element.type.kind === "struct"
        ? [{ name, element: fieldType.element.type }]
        : [],
    );
  const counts = arraysIn(type).map(({ name, element }) => {
    const inner = arraysIn(element).map((each) => `count += list[at].${each.name}?.length ?? 0;`);
    const within =
      inner.length === 0 ? "" : `for (let at = 0; at < list.length; at++) { ${inner.join(" ")} }`;
    return `{ const list = value.${name} ?? EMPTY; count += list.length; ${within} }`;
  });
  return `function rowCount(value) { let count = 0; ${counts.join(" ")} return count; }\n`;
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
