/**
 * The one language in which the bytes of Kafka's requests, responses, headers and records are
 * described. Types follow from a description (`Value`, `Input`), decoders and encoders are compiled
 * from it, for one version at a time (compile.ts).
 *
 *   export const heartbeat = api({
 *     key: 12, name: "Heartbeat", versions: [0, 4], flexibleFrom: 4, listeners: ["broker"],
 *     request: struct({
 *       groupId: string,
 *       groupInstanceId: string.nullable().since(3).default(null),
 *       ...
 *     }),
 *     ...
 *   });
 *   type HeartbeatRequest = Value<typeof heartbeat.request>;
 *
 * A decoded value has all fields of all versions: a field that its version lacks has its default.
 * Fields are written in the order in which they are declared, tagged ones last.
 */
import { assert } from "../base/assert.ts";
import { ZERO_UUID } from "../base/uuid.ts";
import type { Reader } from "./reader.ts";
import type { FileSlice, Writer } from "./writer.ts";

/** What a decoder of this message or field gives. */
export type Value<S> = S extends { readonly types?: { readonly value: infer V } } ? V : never;

/** What an encoder takes: fields that are versioned, tagged or have a default may be left out. */
export type Input<S> = S extends { readonly types?: { input: (input: infer I) => void } }
  ? I
  : never;

/** Java's Long.MAX_VALUE as a double; also what stands for it in a decoded int64. */
export const INT64_MAX = 2 ** 63;

/** Later than any version. */
export const EVER = 0x7fff;

export type Primitive =
  | "boolean"
  | "int8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "int64Big"
  | "float64"
  | "uuid"
  | "string"
  | "bytes"
  | "records";

export type Type =
  | { readonly kind: Primitive }
  | { readonly kind: "array"; readonly element: AnyField }
  | StructType;

export interface StructType {
  readonly kind: "struct";
  readonly fields: Fields;
}

export type AnyField = Field<unknown, never, boolean>;
export type Fields = Readonly<Record<string, AnyField>>;

/** Versions are inclusive; a range that ends before it starts is empty. */
export interface Rules {
  readonly from: number;
  readonly to: number;
  readonly nullableFrom: number;
  readonly nullableTo: number;
  /** Null unless the field lies in the tagged section. */
  readonly tag: number | null;
  /** Undefined: none is declared, and the type's own (0, "", [], ...) counts. */
  readonly declaredDefault: unknown;
  /** A value that the version has no field for is dropped, instead of refused. */
  readonly isIgnorable: boolean;
  /** Compact encoding is never used, even in flexible versions. */
  readonly isInflexible: boolean;
}

/** A type with its rules. Every modifier gives a new field and leaves this one as it is. */
export class Field<V, I = V, Optional extends boolean = false> {
  /** For the type checker alone. */
  declare readonly types?: {
    readonly value: V;
    readonly input: (input: I) => void;
    readonly optional: Optional;
  };

  constructor(
    readonly type: Type,
    readonly rules: Rules = PLAIN,
  ) {}

  since(version: number): Field<V, I, true> {
    return new Field<V, I, true>(this.type, { ...this.rules, from: version });
  }

  until(version: number): Field<V, I, true> {
    return new Field<V, I, true>(this.type, { ...this.rules, to: version });
  }

  nullable(from = 0, to = EVER): Field<V | null, I | null, Optional> {
    const rules = { ...this.rules, nullableFrom: from, nullableTo: to };
    return new Field<V | null, I | null, Optional>(this.type, rules);
  }

  tagged(tag: number): Field<V, I, true> {
    return new Field<V, I, true>(this.type, { ...this.rules, tag });
  }

  default(value: V & (boolean | number | bigint | string | null)): Field<V, I, true> {
    return new Field<V, I, true>(this.type, { ...this.rules, declaredDefault: value });
  }

  ignorable(): Field<V, I, Optional> {
    return new Field<V, I, Optional>(this.type, { ...this.rules, isIgnorable: true });
  }

  inflexible(): Field<V, I, Optional> {
    return new Field<V, I, Optional>(this.type, { ...this.rules, isInflexible: true });
  }
}

const PLAIN: Rules = {
  from: 0,
  to: EVER,
  nullableFrom: EVER,
  nullableTo: -1,
  tag: null,
  declaredDefault: undefined,
  isIgnorable: false,
  isInflexible: false,
};

export const boolean = new Field<boolean>({ kind: "boolean" });
export const int8 = new Field<number>({ kind: "int8" });
export const int16 = new Field<number>({ kind: "int16" });
export const uint16 = new Field<number>({ kind: "uint16" });
export const int32 = new Field<number>({ kind: "int32" });
export const uint32 = new Field<number>({ kind: "uint32" });
/** Below 2^53 on either side, and Java's Long.MAX_VALUE and MIN_VALUE as 2^63 and -2^63. */
export const int64 = new Field<number>({ kind: "int64" });
/** All 64 bits: for hashes. */
export const int64Big = new Field<bigint>({ kind: "int64Big" });
export const float64 = new Field<number>({ kind: "float64" });
/** 22 characters of base64url. */
export const uuid = new Field<string>({ kind: "uuid" });
export const string = new Field<string>({ kind: "string" });
/** Decoded as a view into the bytes that are read, not a copy. */
export const bytes = new Field<Buffer, Uint8Array>({ kind: "bytes" });
/** Record batches back to back, opaque here. A view, as `bytes`; encoded from a file, too. */
export const records = new Field<Buffer, Uint8Array | FileSlice>({ kind: "records" });

export function array<V, I>(element: Field<V, I, boolean>): Field<V[], readonly I[]> {
  return new Field<V[], readonly I[]>({ kind: "array", element });
}

export function struct<F extends Fields>(fields: F): Field<StructValue<F>, StructInput<F>> {
  return new Field<StructValue<F>, StructInput<F>>({ kind: "struct", fields });
}

type StructValue<F> = { [K in keyof F]: Value<F[K]> };

type StructInput<F> = Flat<
  { [K in keyof F as IsOptional<F[K]> extends true ? never : K]: Input<F[K]> } & {
    [K in keyof F as IsOptional<F[K]> extends true ? K : never]?: Input<F[K]> | undefined;
  }
>;

type IsOptional<S> = S extends { readonly types?: { readonly optional: infer O } } ? O : never;
type Flat<T> = { [K in keyof T]: T[K] };

/** Work that may be left between two steps, and gone on with later. */
export type Steps<T> = Generator<undefined, T, undefined>;

export interface StepwiseCodec<V, I> {
  readonly decode: (reader: Reader) => Steps<V>;
  readonly encode: (writer: Writer, input: I) => Steps<void>;
}

/** A struct with versions: the unit that is decoded and encoded. */
export class Message<V, I, Name extends string = string> {
  declare readonly types?: { readonly value: V; readonly input: (input: I) => void };

  /** By version; filled by compile.ts at first use. */
  readonly decoders: (((reader: Reader) => V) | undefined)[] = [];
  readonly encoders: (((writer: Writer, input: I) => void) | undefined)[] = [];
  /** The same for long messages: see `stepwiseOf`. */
  readonly stepwise: (StepwiseCodec<V, I> | null | undefined)[] = [];
  readonly rowCounters: (((input: I) => number) | undefined)[] = [];

  constructor(
    readonly name: Name,
    /** The API key of a request or response, the type of a record, else -1. */
    readonly key: number,
    /** Lowest and highest, inclusive. */
    readonly versions: Versions,
    /** From this version on with compact lengths and tagged fields. */
    readonly flexibleFrom: number,
    readonly struct: StructType,
  ) {}

  isFlexible(version: number): boolean {
    return version >= this.flexibleFrom;
  }
}

export type AnyMessage = Message<unknown, never>;
export type Versions = readonly [lowest: number, highest: number];
export type ListenerKind = "broker" | "controller";

/** One API key: its request, its response, and what the server must know to dispatch it. */
export interface Api<Request, RequestInput, Response, ResponseInput> {
  readonly key: number;
  readonly name: string;
  readonly versions: Versions;
  /** The highest version that is advertised unless unstable ones are asked for. */
  readonly stableVersion: number;
  readonly flexibleFrom: number;
  /** Where a server answers it. */
  readonly listeners: readonly ListenerKind[];
  /** A broker hands it to the active controller. */
  readonly forwardable: boolean;
  /** Needs CLUSTER_ACTION: spoken among nodes. */
  readonly clusterAction: boolean;
  readonly request: Message<Request, RequestInput>;
  readonly response: Message<Response, ResponseInput>;
}

export type AnyApi = Api<unknown, never, unknown, never>;

interface ApiDescription<Request, RequestInput, Response, ResponseInput> {
  readonly key: number;
  readonly name: string;
  readonly versions: Versions;
  readonly stableVersion?: number;
  /** Left out: never. */
  readonly flexibleFrom?: number;
  readonly listeners: readonly ListenerKind[];
  readonly forwardable?: boolean;
  readonly clusterAction?: boolean;
  readonly request: Field<Request, RequestInput>;
  readonly response: Field<Response, ResponseInput>;
}

export function api<Request, RequestInput, Response, ResponseInput>(
  description: ApiDescription<Request, RequestInput, Response, ResponseInput>,
): Api<Request, RequestInput, Response, ResponseInput> {
  const { key, name, versions, flexibleFrom = EVER } = description;
  const common = { key, versions, flexibleFrom };
  return {
    key,
    name,
    versions,
    stableVersion: description.stableVersion ?? versions[1],
    flexibleFrom,
    listeners: description.listeners,
    forwardable: description.forwardable ?? false,
    clusterAction: description.clusterAction ?? false,
    request: message({ ...common, name: `${name}Request`, fields: description.request }),
    response: message({ ...common, name: `${name}Response`, fields: description.response }),
  };
}

/** A header, or the key or value of a record. */
export function message<V, I, const Name extends string>(description: {
  readonly name: Name;
  readonly key?: number;
  readonly versions: Versions;
  /** Left out: never. */
  readonly flexibleFrom?: number;
  readonly fields: Field<V, I>;
}): Message<V, I, Name> {
  const { name, key = -1, versions, flexibleFrom = EVER, fields } = description;
  assert(fields.type.kind === "struct", `${name} is a struct`);
  return new Message(name, key, versions, flexibleFrom, fields.type);
}

/** The value that a field has where nothing is said: declared, or its type's own. */
export function defaultOf(field: AnyField): unknown {
  const { declaredDefault } = field.rules;
  if (declaredDefault !== undefined) return declaredDefault;
  switch (field.type.kind) {
    case "boolean":
      return false;
    case "string":
      return "";
    case "uuid":
      return ZERO_UUID;
    case "int64Big":
      return 0n;
    case "records":
      return null;
    case "bytes":
      return Buffer.alloc(0);
    case "array":
      return [];
    case "struct":
      return defaultsOf(field.type);
    default:
      return 0;
  }
}

function defaultsOf(type: StructType): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(type.fields).map(([name, field]) => [name, defaultOf(field)]),
  );
}
