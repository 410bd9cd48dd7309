/**
 * Reads Kafka's own descriptions (facts/*.json, taken from the jars of 4.3.1) into one flat list of
 * fields a version, in the order of the wire; the conformance test makes the same list of ours.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** One field in one version. */
export interface FieldFact {
  /** Names from the message down, such as "topicData.partitionData.index". */
  readonly path: string;
  readonly type: string;
  /** Null where the version has the field; else nothing below is on the wire. */
  readonly absent: boolean;
  readonly nullable: boolean;
  readonly compact: boolean;
  readonly tag: number | null;
  /** As text, so that all types compare; null for structs, whose fields tell. */
  readonly default: string | null;
  readonly ignorable: boolean;
}

export interface MessageFact {
  readonly name: string;
  readonly key: number;
  readonly type: string;
  /** Null when Kafka has removed all versions. */
  readonly versions: readonly [number, number] | null;
  readonly flexibleFrom: number | null;
  readonly fieldsByVersion: ReadonlyMap<number, readonly FieldFact[]>;
}

export interface ApiFact {
  readonly id: number;
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly maxStable: number;
  readonly clusterAction: boolean;
  readonly forwardable: boolean;
  readonly listeners: string;
}

export interface ErrorFact {
  readonly code: number;
  readonly name: string;
  readonly retriable: boolean;
  readonly invalidMetadata: boolean;
}

type Range = readonly [number, number];
const NO_VERSIONS: Range = [0, -1];

export const messageFacts: readonly MessageFact[] = [
  ...read<RawMessage>("requests.json"),
  ...read<RawMessage>("records.json"),
].map(messageFact);

export const apiFacts = read<ApiFact>("api-keys.json");
export const errorFacts = read<ErrorFact>("error-codes.json");

interface RawField {
  readonly name: string;
  readonly type: string;
  readonly versions?: string;
  readonly nullableVersions?: string;
  readonly flexibleVersions?: string;
  readonly taggedVersions?: string;
  readonly tag?: number;
  readonly default?: string | number | boolean | null;
  readonly ignorable?: boolean;
  readonly fields?: readonly RawField[];
}

interface RawMessage {
  readonly name: string;
  readonly type: string;
  readonly apiKey?: number;
  readonly id?: number;
  readonly validVersions: string;
  readonly flexibleVersions?: string;
  readonly fields: readonly RawField[];
  readonly commonStructs?: readonly {
    readonly name: string;
    readonly fields: readonly RawField[];
  }[];
}

function read<T>(file: string): T[] {
  return JSON.parse(readFileSync(join(import.meta.dir, "facts", file), "utf8")) as T[];
}

function messageFact(raw: RawMessage): MessageFact {
  const valid = rangeOf(raw.validVersions);
  const flexible = rangeOf(raw.flexibleVersions ?? "none");
  const fieldsByVersion = new Map<number, FieldFact[]>();
  for (let version = valid[0]; version <= valid[1]; version++) {
    const context = { raw, valid, version, isFlexible: isWithin(version, flexible) };
    fieldsByVersion.set(version, fieldFacts(context, raw.fields, "", valid, true));
  }
  return {
    name: raw.name,
    key: raw.apiKey ?? raw.id ?? -1,
    type: raw.type,
    versions: valid === NO_VERSIONS ? null : valid,
    flexibleFrom: flexible === NO_VERSIONS ? null : flexible[0],
    fieldsByVersion,
  };
}

interface Context {
  readonly raw: RawMessage;
  readonly version: number;
  readonly isFlexible: boolean;
}

function fieldFacts(
  context: Context,
  fields: readonly RawField[],
  prefix: string,
  outer: Range,
  isOuterHere: boolean,
): FieldFact[] {
  return fields.flatMap((field) => {
    const own = rangeOf(field.versions ?? field.taggedVersions ?? "none");
    const range: Range = [Math.max(own[0], outer[0]), Math.min(own[1], outer[1])];
    // What no valid version has is history: nobody can send it.
    if (range[0] > range[1]) return [];
    const isHere = isOuterHere && isWithin(context.version, range);
    const path = prefix + field.name[0]!.toLowerCase() + field.name.slice(1);
    const [type, members] = typeOf(context.raw, field);
    const inner = members === null ? [] : fieldFacts(context, members, `${path}.`, range, isHere);
    return [oneField(context, field, { path, type, isHere }), ...inner];
  });
}

function oneField(
  { version, isFlexible }: Context,
  field: RawField,
  { path, type, isHere }: { path: string; type: string; isHere: boolean },
): FieldFact {
  const isSized = /^(string|bytes|records)$|^\[\]/.test(type);
  const isCompact = isFlexible && isSized && field.flexibleVersions !== "none";
  return {
    path,
    type,
    absent: !isHere,
    nullable: isHere && isWithin(version, rangeOf(field.nullableVersions ?? "none")),
    compact: isHere && isCompact,
    tag: isWithin(version, rangeOf(field.taggedVersions ?? "none")) && isHere ? field.tag! : null,
    default: defaultOf(field, type),
    ignorable: field.ignorable ?? false,
  };
}

function typeOf(message: RawMessage, field: RawField): [string, readonly RawField[] | null] {
  const array = field.type.startsWith("[]") ? "[]" : "";
  const element = field.type.slice(array.length);
  const isStruct = element[0] !== element[0]!.toLowerCase();
  if (!isStruct) return [array + element, null];
  const members =
    field.fields ?? message.commonStructs?.find(({ name }) => name === element)?.fields;
  if (members === undefined) throw new Error(`${message.name} does not describe ${element}`);
  return [`${array}struct`, members];
}

function defaultOf(field: RawField, type: string): string | null {
  if (field.default === "null") return "null";
  if (type.startsWith("[]")) return "[]";
  // Kafka's generator takes a bare null for no default at all.
  const declared = String(field.default ?? "");
  switch (type) {
    case "struct":
      return null;
    case "bool":
      return String(declared.toLowerCase() === "true");
    case "string":
      return JSON.stringify(declared);
    case "bytes":
      return "empty";
    case "records":
      return "null";
    case "uuid":
      return "zero";
    default:
      return BigInt(declared === "" ? 0 : declared).toString();
  }
}

function rangeOf(text: string): Range {
  if (text === "none") return NO_VERSIONS;
  const [from, to = from] = text.replace("+", "-32767").split("-").map(Number);
  return [from!, to!];
}

function isWithin(version: number, [from, to]: Range): boolean {
  return version >= from && version <= to;
}
