/**
 * Bunka's descriptions against Kafka's: every message, every version, every field.
 *
 * The facts stand in test/protocol/facts, as taken from the jars of Apache Kafka 4.3.1.
 */
import { createHash } from "node:crypto";
import { describe, expect, test } from "bun:test";
import {
  ErrorCode,
  errorName,
  isInvalidMetadata,
  isRetriable,
} from "../../src/protocol/error-code.ts";
import { isNullable, isPresent, isTagged } from "../../src/protocol/field-layout.ts";
import { requestHeaderVersion, responseHeaderVersion } from "../../src/protocol/messages/header.ts";
import { apis } from "../../src/protocol/messages/index.ts";
import {
  defaultOf,
  type AnyField,
  type AnyMessage,
  type StructType,
} from "../../src/protocol/schema.ts";
import { ZERO_UUID } from "../../src/base/uuid.ts";
import { allMessages, recordMessages, requestMessages, versionsOf } from "./all-messages.ts";
import { apiFacts, errorFacts, messageFacts, type FieldFact } from "./facts.ts";

describe("messages", () => {
  test("all are there, and no others", () => {
    expect(requestMessages.length).toBe(188);
    expect(recordMessages.length).toBe(92);
    const names = allMessages.map(({ name }) => name).sort();
    expect(names).toEqual(messageFacts.map(({ name }) => name).sort());
  });

  for (const fact of messageFacts) {
    test(`${fact.name} is Kafka's`, () => {
      const ours = allMessages.find(({ name }) => name === fact.name)!;
      expect(ours.key).toBe(fact.key);
      expect(ours.versions).toEqual(fact.versions ?? [0, -1]);
      const versions = versionsOf(ours);
      expect(versions).toEqual([...fact.fieldsByVersion.keys()]);
      for (const version of versions) {
        const isFlexible = fact.flexibleFrom !== null && version >= fact.flexibleFrom;
        expect(ours.isFlexible(version)).toBe(isFlexible);
        expect(fieldsOf(ours, version)).toEqual([...fact.fieldsByVersion.get(version)!]);
      }
    });
  }

  test("the facts themselves are those of 4.3.1", () => {
    const hash = createHash("sha256");
    let fieldCount = 0;
    for (const { name, fieldsByVersion } of messageFacts) {
      for (const [version, fields] of fieldsByVersion) {
        hash.update(`${name} ${version} ${JSON.stringify(fields)}\n`);
        fieldCount += fields.length;
      }
    }
    expect(fieldCount).toBe(7020);
    expect(hash.digest("hex")).toBe(FACTS_SHA256);
  });
});

describe("APIs", () => {
  test("all are there, with what dispatch must know", () => {
    const ours = apis.map((api) => ({
      id: api.key,
      name: api.name,
      min: api.versions[0],
      max: api.versions[1],
      maxStable: api.stableVersion,
      clusterAction: api.clusterAction,
      forwardable: api.forwardable,
      listeners: `[${api.listeners.map((listener) => listener.toUpperCase()).join(", ")}]`,
    }));
    expect(ours).toEqual(apiFacts);
  });

  test("headers are flexible when the message is, except the answer to ApiVersions", () => {
    for (const api of apis) {
      for (const version of versionsOf(api.request)) {
        const isFlexible = api.request.isFlexible(version);
        expect(requestHeaderVersion(api, version)).toBe(isFlexible ? 2 : 1);
        const isOldAnswer = !isFlexible || api.name === "ApiVersions";
        expect(responseHeaderVersion(api, version)).toBe(isOldAnswer ? 0 : 1);
      }
    }
  });
});

describe("error codes", () => {
  test("all are there, and no others", () => {
    const facts = Object.fromEntries(errorFacts.map(({ name, code }) => [name, code]));
    expect(ErrorCode as Record<string, number>).toEqual(facts);
  });

  test("what a client makes of them", () => {
    for (const { code, name, retriable, invalidMetadata } of errorFacts) {
      expect(String(errorName(code))).toBe(name);
      expect(isRetriable(code)).toBe(retriable);
      expect(isInvalidMetadata(code)).toBe(invalidMetadata);
    }
    expect(errorName(9999)).toBe("UNKNOWN_SERVER_ERROR");
  });
});

const FACTS_SHA256 = "87235c3ff4624b5675b08e651566b9e43fbcd958e819c01440a7d3eef9cd0e90";

function fieldsOf(message: AnyMessage, version: number): FieldFact[] {
  return structFields(message, message.struct, { version, prefix: "", isHere: true });
}

interface Place {
  readonly version: number;
  readonly prefix: string;
  /** Whether all structs around it are on the wire. */
  readonly isHere: boolean;
}

function structFields(message: AnyMessage, type: StructType, place: Place): FieldFact[] {
  return Object.entries(type.fields).flatMap(([name, field]) => {
    const path = place.prefix + name;
    const isHere = place.isHere && isPresent(field, place.version);
    const element = field.type.kind === "array" ? field.type.element : field;
    const inner = { ...place, prefix: `${path}.`, isHere };
    const members =
      element.type.kind === "struct" ? structFields(message, element.type, inner) : [];
    return [oneField(message, field, { path, isHere, version: place.version }), ...members];
  });
}

function oneField(
  message: AnyMessage,
  field: AnyField,
  { path, isHere, version }: { path: string; isHere: boolean; version: number },
): FieldFact {
  const { kind } = field.type;
  const isSized = ["string", "bytes", "records", "array"].includes(kind);
  return {
    path,
    type: typeName(field),
    absent: !isHere,
    nullable: isHere && isNullable(field, version),
    compact: isHere && isSized && message.isFlexible(version) && !field.rules.isInflexible,
    tag: isHere && isTagged(field) ? field.rules.tag : null,
    default: defaultText(field),
    ignorable: field.rules.isIgnorable,
  };
}

function typeName(field: AnyField): string {
  if (field.type.kind === "array") return `[]${typeName(field.type.element)}`;
  if (field.type.kind === "boolean") return "bool";
  return field.type.kind === "int64Big" ? "int64" : field.type.kind;
}

function defaultText(field: AnyField): string | null {
  const value = defaultOf(field);
  if (value === null) return "null";
  if (value === ZERO_UUID) return "zero";
  // Long.MAX_VALUE, as a double.
  if (value === 2 ** 63) return (2n ** 63n - 1n).toString();
  if (Buffer.isBuffer(value)) return "empty";
  if (Array.isArray(value)) return "[]";
  if (typeof value === "object") return null;
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
