/**
 * What a value must be beyond its type: ranges, words, lists. As traits of a row of the table.
 *
 * The messages are Kafka's, since people and tools look for them.
 */
import { durationMs } from "./duration.ts";
import { parseQuorumServer, parseVoters } from "./quorum-voters.ts";
import { SettingError, invalidValue } from "./setting-error.ts";
import type { Check, OneOf, SettingValue, Trait } from "./setting.ts";
import { formatValue } from "./value.ts";

export function atLeast(min: number): Trait {
  return range(min, Infinity, `[${min},...]`);
}

export function between(min: number, max: number): Trait {
  return range(min, max, `[${min},...,${max}]`);
}

/** -1 leaves the level to the compressor. */
export const gzipLevel: Trait = check("[1,...,9] or -1", (name, value) => {
  if (value === -1 || (typeof value === "number" && value >= 1 && value <= 9)) return;
  throw invalidValue(name, String(value), "Value must be between 1 and 9 or equal to -1");
});

export function oneOf<const V extends string>(...values: V[]): OneOf<V> {
  const known: readonly string[] = values;
  return {
    values,
    ...check(`[${values.join(", ")}]`, (name, value) => {
      if (typeof value === "string" && known.includes(value)) return;
      throw invalidValue(name, show(value), `String must be one of: ${values.join(", ")}`);
    }),
  };
}

/** The same, in any case. */
export function oneOfAnyCase(...values: string[]): Trait {
  const words = values.join(", ");
  return check(`(case insensitive) [${words}]`, (name, value) => {
    if (typeof value === "string" && values.includes(value.toUpperCase())) return;
    throw invalidValue(name, show(value), `String must be one of (case insensitive): ${words}`);
  });
}

export const nonNull: Trait = check("non-null string", (name, value) => {
  if (value === null) throw invalidValue(name, "null", "entry must be non null");
});

export const nonEmpty: Trait = check("non-empty string", (name, value) => {
  if (value === "") throw invalidValue(name, "", "String must be non-empty");
});

/** What else a list may be: lists are neither empty nor null unless they say so. */
interface ListRule {
  readonly empty?: boolean;
  readonly null?: boolean;
}

/** A list of different values. */
export function values(rule: ListRule = {}, ...words: string[]): Trait {
  const known = words.join(", ");
  const ensure = (name: string, list: SettingValue) => {
    if (!Array.isArray(list)) {
      if (list === null && rule.null === true) return;
      throw new SettingError(`Configuration '${name}' values must not be null.`);
    }
    if (list.length === 0 && rule.empty !== true) {
      const valid = words.length === 0 ? "any non-empty value" : `[${known}]`;
      throw new SettingError(
        `Configuration '${name}' must not be empty. Valid values include: ${valid}`,
      );
    }
    for (const value of list) {
      if (value === "") throw new SettingError(`Configuration '${name}' values must not be empty.`);
      if (words.length > 0 && !words.includes(value)) {
        throw invalidValue(name, value, `String must be one of: ${known}`);
      }
    }
  };
  const printed = words.length === 0 ? "" : `[${known}]`;
  return { check: { rule: printed, dropsRepeats: true, ensure } };
}

/** KIP-73: the replicas whose traffic is throttled, or all of them. */
export const throttledReplicas: Trait = check(
  "[partitionId]:[brokerId],[partitionId]:[brokerId],...",
  (name, value) => {
    const entries = Array.isArray(value) ? value : [];
    if (entries.every((entry) => /^(\d+:\d+)?$/.test(entry.trim()))) return;
    if (entries.map((entry) => entry.trim()).join("") === "*") return;
    throw invalidValue(
      name,
      show(value),
      `${name} must be the literal '*' or a list of replicas in the following format: ` +
        "[partitionId]:[brokerId],[partitionId]:[brokerId],...",
    );
  },
);

export const voters: Trait = check("non-empty list", (_name, value) => {
  if (Array.isArray(value)) parseVoters(value);
});

export const quorumServers: Trait = check("non-empty list", (_name, value) => {
  if (Array.isArray(value)) for (const entry of value) parseQuorumServer(entry);
});

/** KIP-1106: where a share group starts that has no position yet. */
export const offsetReset: Trait = check(
  "[latest, earliest, by_duration:PnDTnHnMn.nS]",
  (name, value) => {
    const text = String(value);
    if (text === "latest" || text === "earliest") return;
    if (text.startsWith("by_duration:") && durationMs(text.slice("by_duration:".length)) !== null)
      return;
    throw invalidValue(
      name,
      text,
      `Invalid value \`${text}\` for configuration ${name}. The value must be either 'earliest', ` +
        "'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'.",
    );
  },
);

function range(min: number, max: number, rule: string): Trait {
  return check(rule, (name, value, type) => {
    if (value === null) throw invalidValue(name, null, "Value must be non-null");
    if (typeof value !== "number") return;
    const shown = formatValue(type, value);
    if (value < min) throw invalidValue(name, shown, `Value must be at least ${min}`);
    if (value > max) throw invalidValue(name, shown, `Value must be no more than ${max}`);
  });
}

function check(rule: string, ensure: Check["ensure"]): { check: Check } {
  return { check: { rule, ensure } };
}

/** A value as Java prints it: a list in brackets. */
function show(value: SettingValue): string {
  return Array.isArray(value) ? `[${value.join(", ")}]` : String(value);
}
