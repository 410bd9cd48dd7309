/**
 * `--add-scram`: a user's SCRAM credential, which goes into the metadata.
 *
 *     SCRAM-SHA-256=[name=alice,password=secret]
 *     SCRAM-SHA-512=[name=alice,iterations=8192,salt="N3E=",saltedpassword="YCE="]
 */
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import type { Random } from "../base/world.ts";
import type { NewRecord } from "../metadata/record.ts";
import { CommandFailure } from "./command.ts";

interface Mechanism {
  readonly id: number;
  readonly hash: "sha256" | "sha512";
  readonly size: number;
  /** As Kafka's tool names it. */
  readonly label: string;
}

const MECHANISMS: ReadonlyMap<string, Mechanism> = new Map([
  ["SCRAM-SHA-256", { id: 1, hash: "sha256", size: 32, label: "SCRAM_SHA_256" }],
  ["SCRAM-SHA-512", { id: 2, hash: "sha512", size: 64, label: "SCRAM_SHA_512" }],
]);

const ITERATIONS_MIN = 4096;
const ITERATIONS_MAX = 16_384;
const SALT_SIZE = 16;

export function scramRecord(argument: string, random: Random): NewRecord {
  const { mechanism, parts } = parseArgument(argument.trim());
  const name = parts.get("name");
  if (name === undefined) throw new CommandFailure("You must supply 'name' to add-scram");
  const salt = saltOf(parts, random);
  const iterations = iterationsOf(parts, mechanism);
  const salted = saltedPasswordOf(parts, mechanism, salt, iterations);
  const unknown = [...parts.keys()].filter((part) => !PARTS.includes(part)).sort();
  if (unknown.length > 0) {
    throw new CommandFailure(`Unknown SCRAM configurations: ${unknown.join(", ")}`);
  }
  const hmac = (text: string) => createHmac(mechanism.hash, salted).update(text).digest();
  const storedKey = createHash(mechanism.hash).update(hmac("Client Key")).digest();
  const serverKey = hmac("Server Key");
  return {
    name: "UserScramCredentialRecord",
    version: 0,
    value: { name, mechanism: mechanism.id, salt, storedKey, serverKey, iterations },
  };
}

const PARTS = ["name", "salt", "iterations", "password", "saltedpassword"];

function parseArgument(text: string): {
  readonly mechanism: Mechanism;
  readonly parts: ReadonlyMap<string, string>;
} {
  const equals = text.indexOf("=");
  if (equals < 0) {
    throw new CommandFailure(`Failed to find equals sign in SCRAM argument '${text}'`);
  }
  const mechanism = MECHANISMS.get(text.slice(0, equals));
  if (mechanism === undefined) {
    throw new CommandFailure(`The add-scram mechanism ${text.slice(0, equals)} is not supported.`);
  }
  const list = text.slice(equals + 1);
  if (!list.startsWith("[") || !list.endsWith("]")) {
    throw new CommandFailure("The value of add-scram stands in brackets: [name=...,password=...]");
  }
  return { mechanism, parts: new Map(list.slice(1, -1).split(",").map(parsePart)) };
}

function parsePart(text: string): [string, string] {
  const equals = text.indexOf("=");
  if (equals < 0) throw new CommandFailure(`No equals sign found in SCRAM component: ${text}`);
  return [text.slice(0, equals), text.slice(equals + 1).replace(/^"(.*)"$/s, "$1")];
}

function saltOf(parts: ReadonlyMap<string, string>, random: Random): Buffer {
  const text = parts.get("salt");
  if (text !== undefined) return decodeBase64(text, "salt");
  const salt = Buffer.alloc(SALT_SIZE);
  random.fill(salt);
  return salt;
}

function iterationsOf(parts: ReadonlyMap<string, string>, { label }: Mechanism): number {
  const text = parts.get("iterations");
  if (text === undefined) return ITERATIONS_MIN;
  if (!/^[+-]?\d{1,9}$/.test(text)) {
    throw new CommandFailure(`Failed to parse iterations count: ${text}`);
  }
  const iterations = Number(text);
  const problem = "The 'iterations' value must be";
  if (iterations < ITERATIONS_MIN) {
    throw new CommandFailure(`${problem} >= ${ITERATIONS_MIN} for add-scram using ${label}`);
  }
  if (iterations > ITERATIONS_MAX) {
    throw new CommandFailure(`${problem} <= ${ITERATIONS_MAX} for add-scram using ${label}`);
  }
  return iterations;
}

function saltedPasswordOf(
  parts: ReadonlyMap<string, string>,
  { hash, size }: Mechanism,
  salt: Buffer,
  iterations: number,
): Buffer {
  const password = parts.get("password");
  if (password !== undefined) return pbkdf2Sync(password, salt, iterations, size, hash);
  const salted = parts.get("saltedpassword");
  if (salted === undefined) {
    throw new CommandFailure("You must supply one of 'password' or 'saltedpassword' to add-scram");
  }
  if (!parts.has("salt")) {
    throw new CommandFailure("You must supply 'salt' with 'saltedpassword' to add-scram");
  }
  return decodeBase64(salted, "saltedPassword");
}

function decodeBase64(text: string, what: string): Buffer {
  if (!/^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}(==)?|[A-Za-z0-9+/]{3}=?)?$/.test(text)) {
    throw new CommandFailure(`Failed to decode given ${what}: ${text}`);
  }
  return Buffer.from(text, "base64");
}
