/** What is encoded is decoded to the same value, and that to the same bytes: all messages. */
import { describe, expect, test } from "bun:test";
import { decode, encode } from "../../src/protocol/compile.ts";
import { isOptional, isPresent } from "../../src/protocol/field-layout.ts";
import { Message, type StructType } from "../../src/protocol/schema.ts";
import { Chance } from "../fuzz/chance.ts";
import { runRound } from "../fuzz/fuzzer.ts";
import { allMessages, versionsOf } from "./all-messages.ts";
import { randomValue } from "./random-value.ts";

const ROUNDS = 20;

describe("round trip", () => {
  for (const message of allMessages as readonly Message<unknown, unknown>[]) {
    const versions = versionsOf(message);
    if (versions.length === 0) continue;
    test(`${message.name} v${versions.join(", v")}`, () => {
      for (const version of versions) {
        for (let seed = 1; seed <= ROUNDS; seed++) {
          runRound((chance) => {
            const value = randomValue(message, version, chance);
            const bytes = encode(message, version, value);
            const decoded = decode(message, version, bytes);
            expect(decoded).toEqual(value);
            expect(encode(message, version, decoded)).toEqual(bytes);
          }, seed);
        }
      }
    });
  }

  test("a field that may be left out is encoded as its default", () => {
    for (const message of allMessages as readonly Message<unknown, unknown>[]) {
      for (const version of versionsOf(message)) {
        const value = randomValue(message, version, new Chance(version)) as Record<string, unknown>;
        const sparse = withoutOptional(message.struct, value, version);
        const decoded = decode(message, version, encode(message, version, sparse));
        const again = decode(message, version, encode(message, version, decoded));
        expect(again).toEqual(decoded);
        expect(Object.keys(decoded as object)).toEqual(Object.keys(message.struct.fields));
      }
    }
  });
});

function withoutOptional(
  type: StructType,
  value: Record<string, unknown>,
  version: number,
): Record<string, unknown> {
  const required = Object.entries(type.fields).filter(
    ([, field]) => !isOptional(field) && isPresent(field, version),
  );
  return Object.fromEntries(required.map(([name]) => [name, value[name]]));
}
