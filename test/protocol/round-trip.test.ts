/** What is encoded is decoded to the same value, and that to the same bytes: all messages. */
import { describe, expect, test } from "bun:test";
import { decode, encode, stepwiseOf } from "../../src/protocol/compile.ts";
import { isOptional, isPresent } from "../../src/protocol/field-layout.ts";
import { Reader } from "../../src/protocol/reader.ts";
import { Message, type StructType } from "../../src/protocol/schema.ts";
import { Writer } from "../../src/protocol/writer.ts";
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
            expectSteps(message, version, value, bytes);
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

/** However long the steps are in between, it is the same. */
function expectSteps(
  message: Message<unknown, unknown>,
  version: number,
  value: unknown,
  bytes: Buffer,
): void {
  const stepwise = stepwiseOf(message, version);
  if (stepwise === null) return;
  const writer = new Writer();
  for (const _ of stepwise.encode(writer, value));
  expect(writer.bytes()).toEqual(bytes);
  const decoding = stepwise.decode(new Reader(bytes));
  let step = decoding.next();
  while (step.done !== true) step = decoding.next();
  expect(step.value).toEqual(value);
}

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
