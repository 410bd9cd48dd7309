/** Decoders of all messages on bytes that are nearly right. */
import { expect } from "bun:test";
import { decode, decoderOf, encode } from "../../src/protocol/compile.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import { Reader } from "../../src/protocol/reader.ts";
import type { Message } from "../../src/protocol/schema.ts";
import { allMessages, versionsOf } from "../protocol/all-messages.ts";
import { randomValue } from "../protocol/random-value.ts";
import type { Chance } from "./chance.ts";
import { fuzzer } from "./fuzzer.ts";

const messages = (allMessages as readonly Message<unknown, unknown>[]).filter(
  (message) => versionsOf(message).length > 0,
);

fuzzer("damaged bytes give a value or a ProtocolError", {
  rounds: 6000,
  run(chance) {
    const message = chance.pick(messages);
    const version = chance.pick(versionsOf(message));
    const bytes = encode(message, version, randomValue(message, version, chance));
    const damaged = damage(bytes, chance);
    const value = decodeOrNull(message, version, damaged);
    if (value === null) return;
    // Whatever was understood can be said again.
    const again = encode(message, version, value);
    expect(decode(message, version, again)).toEqual(value);
  },
});

fuzzer("bytes of one message are no danger to the decoder of another", {
  rounds: 3000,
  run(chance) {
    const [from, to] = [chance.pick(messages), chance.pick(messages)];
    const fromVersion = chance.pick(versionsOf(from));
    const bytes = encode(from, fromVersion, randomValue(from, fromVersion, chance));
    const value = decodeOrNull(to, chance.pick(versionsOf(to)), bytes);
    expect(typeof value).toBe("object");
  },
});

fuzzer("plain noise", {
  rounds: 3000,
  run(chance) {
    const message = chance.pick(messages);
    const noise = chance.bytes(chance.below(300));
    // Zeros let a decoder go on longer than high bytes do.
    for (let index = 0; index < noise.length; index++) if (chance.oneIn(2)) noise[index] = 0;
    expect(typeof decodeOrNull(message, chance.pick(versionsOf(message)), noise)).toBe("object");
  },
});

fuzzer("whatever is cut off, the decoder notices or does not need it", {
  rounds: 1500,
  run(chance) {
    const message = chance.pick(messages);
    const version = chance.pick(versionsOf(message));
    const bytes = encode(message, version, randomValue(message, version, chance));
    if (bytes.length === 0) return;
    expect(
      decodeOrNull(message, version, bytes.subarray(0, chance.below(bytes.length))),
    ).toBeNull();
    // What lies behind the end of the reader is not the message's.
    const reader = new Reader(Buffer.concat([bytes, bytes]), 0, bytes.length);
    expect(decoderOf(message, version)(reader)).toEqual(decode(message, version, bytes));
    expect(reader.remaining).toBe(0);
  },
});

function decodeOrNull(
  message: Message<unknown, unknown>,
  version: number,
  bytes: Buffer,
): object | null {
  try {
    return decode(message, version, bytes) as object;
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}

function damage(bytes: Buffer, chance: Chance): Buffer {
  const damaged = Buffer.from(bytes);
  for (let left = 1 + chance.below(4); left > 0 && damaged.length > 0; left--) {
    const at = chance.below(damaged.length);
    const size = Math.min(damaged.length - at, chance.pick([1, 2, 4, 5]));
    const choices = [0, 1, 0x7f, 0x80, 0xff, chance.below(256)];
    damaged.fill(chance.pick(choices), at, at + size);
  }
  if (chance.oneIn(4)) return damaged.subarray(0, chance.below(damaged.length + 1));
  if (chance.oneIn(4)) return Buffer.concat([damaged, chance.bytes(chance.below(20))]);
  return damaged;
}
