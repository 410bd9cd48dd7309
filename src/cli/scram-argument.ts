/**
 * `--add-scram`: a user's SCRAM credential, which goes into the metadata.
 *
 *     SCRAM-SHA-256=[name=alice,password=secret]
 *     SCRAM-SHA-512=[name=alice,iterations=8192,salt="N3E=",saltedpassword="YCE="]
 */
import { pbkdf2Sync } from "node:crypto";
import type { Random } from "../base/world.ts";
import type { NewRecord } from "../metadata/record.ts";
import {
  SCRAM_ITERATIONS_MAX,
  SCRAM_ITERATIONS_MIN,
  SCRAM_MECHANISMS,
  type ScramMechanism,
  scramKeys,
} from "../metadata/scram.ts";
import { CommandFailure } from "./command.ts";

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
  const keys = scramKeys(mechanism, salted);
  return {
    name: "UserScramCredentialRecord",
    version: 0,
    value: { name, mechanism: mechanism.id, salt, ...keys, iterations },
  };
}

const PARTS = ["name", "salt", "iterations", "password", "saltedpassword"];

function parseArgument(text: string): {
  readonly mechanism: ScramMechanism;
  readonly parts: ReadonlyMap<string, string>;
} {
  const equals = text.indexOf("=");
  if (equals < 0) {
    throw new CommandFailure(`Failed to find equals sign in SCRAM argument '${text}'`);
  }
  const mechanism = SCRAM_MECHANISMS.get(text.slice(0, equals));
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

function iterationsOf(parts: ReadonlyMap<string, string>, { hash }: ScramMechanism): number {
  const text = parts.get("iterations");
  if (text === undefined) return SCRAM_ITERATIONS_MIN;
  if (!/^[+-]?\d{1,9}$/.test(text)) {
    throw new CommandFailure(`Failed to parse iterations count: ${text}`);
  }
  const iterations = Number(text);
  // As Kafka's tool names the mechanism.
  const label = hash === "sha256" ? "SCRAM_SHA_256" : "SCRAM_SHA_512";
  const problem = "The 'iterations' value must be";
  if (iterations < SCRAM_ITERATIONS_MIN) {
    throw new CommandFailure(`${problem} >= ${SCRAM_ITERATIONS_MIN} for add-scram using ${label}`);
  }
  if (iterations > SCRAM_ITERATIONS_MAX) {
    throw new CommandFailure(`${problem} <= ${SCRAM_ITERATIONS_MAX} for add-scram using ${label}`);
  }
  return iterations;
}

function saltedPasswordOf(
  parts: ReadonlyMap<string, string>,
  { hash, hashSize }: ScramMechanism,
  salt: Buffer,
  iterations: number,
): Buffer {
  const password = parts.get("password");
  if (password !== undefined) return pbkdf2Sync(password, salt, iterations, hashSize, hash);
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
