/**
 * The text of a setting and its value, as Kafka reads and prints them.
 *
 * Text is what a file or a request holds. Canonical text is what Kafka prints for the value it has
 * read from that text: trimmed, a list without spaces, a double as Java spells it.
 */
import { SettingError, invalidValue } from "./setting-error.ts";
import { LONG_MAX, type Setting, type SettingType, type SettingValue } from "./setting.ts";

/** Reads and checks a value; throws a `SettingError` with Kafka's words. */
export function parseSetting<V extends SettingValue>(
  name: string,
  setting: Setting<V>,
  text: string,
): V {
  const value = distinct(setting, parseValue(name, setting.type, text)) as V;
  setting.check?.ensure(name, value, setting.type);
  return value;
}

/** The default, or a refusal when there is none. */
export function defaultOf<V extends SettingValue>(name: string, setting: Setting<V>): V {
  if (setting.fallback === undefined) {
    throw new SettingError(`Missing required configuration "${name}" which has no default value.`);
  }
  return setting.fallback;
}

/** Canonical text of a value; null stays null. */
export function formatValue(type: SettingType, value: SettingValue): string | null {
  if (value === null) return null;
  if (Array.isArray(value)) return value.join(",");
  if (typeof value !== "number") return String(value);
  if (type === "double") return javaDouble(value);
  return wholeNumber(value);
}

/** Canonical text of text that is known to be good; exact for every int64. */
export function canonicalText(name: string, setting: Setting, text: string): string {
  if (setting.type === "long") return BigInt(trimmed(text)).toString();
  const value = formatValue(setting.type, parseSetting(name, setting, text));
  return value ?? "";
}

/** A double as Java's Double.toString spells it. */
export function javaDouble(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "Infinity" : "-Infinity";
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e7) {
    const text = String(value);
    return text.includes(".") ? text : `${text}.0`;
  }
  const [digits = "", exponent = "0"] = value.toExponential().split("e");
  return `${digits.includes(".") ? digits : `${digits}.0`}E${Number(exponent)}`;
}

/** Java's String.trim: cuts everything up to and including the space character. */
function trimmed(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text.charCodeAt(start) <= 32) start++;
  while (end > start && text.charCodeAt(end - 1) <= 32) end--;
  return text.slice(start, end);
}

/** A list as Kafka splits it: by commas, each with the white space around it. */
export function splitList(text: string): string[] {
  const inner = trimmed(text);
  return inner === "" ? [] : inner.split(/[ \t\n\v\f\r]*,[ \t\n\v\f\r]*/);
}

const BITS = { short: 16, int: 32, long: 64 } as const;

function parseValue(name: string, type: SettingType, text: string): SettingValue {
  const inner = trimmed(text);
  switch (type) {
    case "boolean": {
      const lower = inner.toLowerCase();
      if (lower === "true") return true;
      if (lower === "false") return false;
      throw invalidValue(name, text, "Expected value to be either true or false");
    }
    case "short":
    case "int":
    case "long":
      return parseWhole(name, type, text, inner);
    case "double": {
      if (!/^[+-]?(NaN|Infinity|(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[dDfF]?)$/.test(inner)) {
        throw notANumber(name, type, text);
      }
      return Number(inner.replace(/[dDfF]$/, "").replace(/^[+-]NaN$/, "NaN"));
    }
    case "list":
      return splitList(text);
    case "string":
    case "class":
    case "password":
      return inner;
  }
}

function parseWhole(name: string, type: keyof typeof BITS, text: string, inner: string): number {
  if (!/^[+-]?\d+$/.test(inner)) throw notANumber(name, type, text);
  const value = Number(inner);
  if (Number.isSafeInteger(value)) {
    const bound = 2 ** (BITS[type] - 1);
    if (value >= bound || value < -bound) throw notANumber(name, type, text);
    return value;
  }
  if (type !== "long") throw notANumber(name, type, text);
  const exact = BigInt(inner.replace("+", ""));
  if (BigInt.asIntN(64, exact) !== exact) throw notANumber(name, type, text);
  return value;
}

function notANumber(name: string, type: SettingType, text: string): SettingError {
  return invalidValue(name, text, `Not a number of type ${type.toUpperCase()}`);
}

/** Int64 at the edge is held as 2^63, which has no exact text of its own. */
function wholeNumber(value: number): string {
  if (value >= LONG_MAX) return "9223372036854775807";
  return Number.isSafeInteger(value) ? String(value) : BigInt(value).toString();
}

/** KIP-1161: a list whose values must differ loses its repetitions, keeping the first of each. */
function distinct(setting: Setting, value: SettingValue): SettingValue {
  if (!Array.isArray(value) || setting.check?.dropsRepeats !== true) return value;
  return [...new Set(value)];
}
