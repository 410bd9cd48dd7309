/** Outcomes of scenarios: reading them from a driver's lines, and comparing two of them. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type Outcomes = { [scenario: string]: Json };

/** Something the harness itself could not do; its message is for people. */
export class CompatError extends Error {}

/** Reads one line of a driver: an object with one scenario's outcome, or undefined. */
export function parseOutcomeLine(line: string): Outcomes | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function isJsonObject(value: unknown): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isFailure(outcome: Json | undefined): boolean {
  return outcome === undefined || (isJsonObject(outcome) && outcome["failed"] !== undefined);
}

/** The places where two outcomes differ, each as one line `path: expected X, got Y`. */
export function differences(expected: Json | undefined, got: Json | undefined): string[] {
  const lines: string[] = [];
  collect("", expected, got, lines);
  return lines;
}

function collect(
  path: string,
  expected: Json | undefined,
  got: Json | undefined,
  lines: string[],
): void {
  if (areLines(expected) && areLines(got) && expected.length !== got.length) {
    // Of two lists of lines, those that only one has say more than all that moved.
    for (const line of expected) {
      if (!got.includes(line)) lines.push(`${path || "outcome"}: missing ${short(line)}`);
    }
    for (const line of got) {
      if (!expected.includes(line)) lines.push(`${path || "outcome"}: not expected ${short(line)}`);
    }
    if (lines.length === 0) lines.push(`${path || "outcome"}: repeated lines`);
  } else if (Array.isArray(expected) && Array.isArray(got)) {
    for (let index = 0; index < Math.max(expected.length, got.length); index++) {
      collect(`${path}[${index}]`, expected[index], got[index], lines);
    }
  } else if (isJsonObject(expected) && isJsonObject(got)) {
    for (const key of new Set([...Object.keys(expected), ...Object.keys(got)])) {
      collect(path === "" ? key : `${path}.${key}`, expected[key], got[key], lines);
    }
  } else if (expected !== got) {
    lines.push(`${path || "outcome"}: expected ${short(expected)}, got ${short(got)}`);
  }
}

function areLines(value: Json | undefined): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function short(value: Json | undefined): string {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length > 240 ? `${text.slice(0, 240)}...` : text;
}
