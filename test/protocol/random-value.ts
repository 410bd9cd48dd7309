/** Values for any description, from chance: what a decoder must give back of what was encoded. */
import { uuidFromBytes } from "../../src/base/uuid.ts";
import { isNullable, isPresent } from "../../src/protocol/field-layout.ts";
import {
  defaultOf,
  type AnyField,
  type AnyMessage,
  type StructType,
} from "../../src/protocol/schema.ts";
import type { Chance } from "../fuzz/chance.ts";

/** What makes a value of each kind. */
export type Primitives = Record<
  Exclude<AnyField["type"]["kind"], "array" | "struct">,
  (chance: Chance) => unknown
>;

/** Fields that the version lacks have their default, as a decoded value has. */
export function randomValue(
  message: AnyMessage,
  version: number,
  chance: Chance,
  primitives: Primitives = PRIMITIVES,
): unknown {
  return randomStruct(message.struct, version, chance, primitives);
}

function randomStruct(
  type: StructType,
  version: number,
  chance: Chance,
  primitives: Primitives,
): Record<string, unknown> {
  const entries = Object.entries(type.fields).map(([name, field]): [string, unknown] => {
    const keepsDefault =
      !isPresent(field, version) || (field.rules.tag !== null && chance.oneIn(3));
    return [
      name,
      keepsDefault ? defaultOf(field) : randomField(field, version, chance, primitives),
    ];
  });
  return Object.fromEntries(entries);
}

function randomField(
  field: AnyField,
  version: number,
  chance: Chance,
  primitives: Primitives,
): unknown {
  if (isNullable(field, version) && chance.oneIn(4)) return null;
  const { type } = field;
  if (type.kind === "struct") return randomStruct(type, version, chance, primitives);
  if (type.kind !== "array") return primitives[type.kind](chance);
  const count = chance.pick([0, 1, 1, 2, 3]);
  return Array.from({ length: count }, () =>
    randomField(type.element, version, chance, primitives),
  );
}

const INT64_EDGES = [2 ** 63, -(2 ** 63), 2 ** 53 - 1, 1 - 2 ** 53, 2 ** 32, -1, 0];
const TEXTS = [
  "",
  "a",
  "topic-7",
  "Zoë",
  "日本",
  "🦆",
  "x".repeat(43),
  "é".repeat(64),
  "y".repeat(300),
];
const SIZES = [0, 1, 5, 126, 127, 128, 1000];

const PRIMITIVES: Primitives = {
  boolean: (chance) => chance.oneIn(2),
  int8: (chance) => chance.below(0x100) - 0x80,
  int16: (chance) => chance.below(0x1_0000) - 0x8000,
  uint16: (chance) => chance.below(0x1_0000),
  int32: (chance) => chance.uint32() | 0,
  uint32: (chance) => chance.uint32(),
  int64: (chance) =>
    chance.oneIn(4)
      ? chance.pick(INT64_EDGES)
      : (chance.uint32() - 0x8000_0000) * 0x20_0000 + chance.below(0x20_0000),
  int64Big: (chance) =>
    BigInt.asIntN(64, (BigInt(chance.uint32()) << 32n) | BigInt(chance.uint32())),
  float64: (chance) => (chance.uint32() - 0x8000_0000) / 1000,
  uuid: (chance) => uuidFromBytes(chance.bytes(16), 0),
  string: (chance) => chance.pick(TEXTS),
  bytes: (chance) => chance.bytes(chance.pick(SIZES)),
  records: (chance) => chance.bytes(chance.pick(SIZES)),
};
