/**
 * Bytes that Apache Kafka's own classes wrote, for every message and version: they mean here what
 * they mean there, and come out again as they went in. On damaged bytes the verdict is the same.
 *
 * fixtures/MessageFixtures.java makes the file and says how to run it.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "bun:test";
import { decode, decoderOf, encode } from "../../src/protocol/compile.ts";
import { isPresent } from "../../src/protocol/field-layout.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import { Reader } from "../../src/protocol/reader.ts";
import {
  defaultOf,
  type AnyField,
  type Message,
  type StructType,
} from "../../src/protocol/schema.ts";
import { allMessages, versionsOf } from "./all-messages.ts";

interface Fixture {
  readonly name: string;
  readonly version: number;
  readonly json: Json;
  readonly bytes: string;
  readonly damaged: readonly (readonly [bytes: string, remaining: number])[];
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

const fixtures = gunzipSync(
  readFileSync(join(import.meta.dir, "fixtures/kafka-4.3.1-messages.jsonl.gz")),
)
  .toString()
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Fixture);

/** What Kafka would take and Bunka does not, on purpose. */
const STRICTER = /^int64 at .* is beyond 2\^53$/;

describe("bytes of Apache Kafka", () => {
  test("there are some for every version of every message", () => {
    const wanted = allMessages.flatMap((message) =>
      versionsOf(message).map((version) => `${message.name} v${version}`),
    );
    const there = new Set(fixtures.map(({ name, version }) => `${name} v${version}`));
    expect([...there].sort()).toEqual(wanted.sort());
  });

  for (const message of allMessages as readonly Message<unknown, unknown>[]) {
    const ours = fixtures.filter(({ name }) => name === message.name);
    if (ours.length === 0) continue;
    test(`${message.name} means the same`, () => {
      for (const { version, json, bytes } of ours) {
        const expected = Buffer.from(bytes, "base64");
        const value = decode(message, version, expected);
        expect(value).toEqual(structOf(message.struct, version, json));
        expect(encode(message, version, value).toString("base64")).toBe(bytes);
      }
    });
  }

  test("damaged ones are refused or taken as Kafka does", () => {
    let takenCount = 0;
    let stricterCount = 0;
    for (const { name, version, damaged } of fixtures) {
      const message = allMessages.find((candidate) => candidate.name === name)!;
      for (const [bytes, kafkaRemaining] of damaged) {
        const [remaining, reason] = verdict(message, version, Buffer.from(bytes, "base64"));
        if (remaining >= 0) takenCount++;
        if (STRICTER.test(reason)) stricterCount++;
        else
          expect([name, version, bytes, remaining]).toEqual([name, version, bytes, kafkaRemaining]);
      }
    }
    expect(takenCount).toBeGreaterThan(1000);
    expect(stricterCount).toBeLessThan(500);
  });
});

/** Bytes that remain, or -1 and why they were refused. */
function verdict(
  message: Message<unknown, never>,
  version: number,
  bytes: Buffer,
): [remaining: number, reason: string] {
  const reader = new Reader(bytes);
  try {
    decoderOf(message, version)(reader);
    return [reader.remaining, ""];
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return [-1, error.message];
  }
}

/** Kafka's JSON leaves out what the version lacks, and tagged fields that have their default. */
function structOf(type: StructType, version: number, json: Json): Record<string, unknown> {
  const members = json as { readonly [name: string]: Json };
  const entries = Object.entries(type.fields).map(([name, field]): [string, unknown] => {
    const isThere = isPresent(field, version) && members[name] !== undefined;
    return [name, isThere ? valueOf(field, version, members[name]!) : defaultOf(field)];
  });
  expect(Object.keys(members).filter((name) => type.fields[name] === undefined)).toEqual([]);
  return Object.fromEntries(entries);
}

function valueOf({ type }: AnyField, version: number, json: Json): unknown {
  if (json === null) return null;
  switch (type.kind) {
    case "struct":
      return structOf(type, version, json);
    case "array":
      return (json as readonly Json[]).map((element) => valueOf(type.element, version, element));
    case "bytes":
    case "records":
      return Buffer.from(json as string, "base64");
    case "int64Big":
      return BigInt.asIntN(64, BigInt(json as number) - (json === 2 ** 63 ? 1n : 0n));
    default:
      return json;
  }
}
