/**
 * Flags of a command line, as Kafka's tools take them:
 *
 *     --config FILE   --config=FILE   -c FILE   -cFILE   -- ends the flags
 */

export interface Flag {
  readonly long: `--${string}`;
  readonly short?: `-${string}`;
  /** What its value is called; a flag without a value says yes. */
  readonly value?: string;
  readonly isRequired?: boolean;
  readonly isRepeated?: boolean;
  readonly about: string;
}

export interface CommandLine {
  readonly flags: readonly Flag[];
  /** At most one of these may be given. */
  readonly exclusive?: readonly Flag[];
  /** What the arguments without a flag are called; `[NAME]` may be left out. */
  readonly positionals?: readonly string[];
}

export interface Arguments {
  has(flag: Flag): boolean;
  /** The last one given, or null. */
  value(flag: Flag): string | null;
  values(flag: Flag): readonly string[];
  readonly positionals: readonly string[];
}

/** The command line is wrong; the message is one line. */
export class UsageError extends Error {}

export const HELP: Flag = { long: "--help", short: "-h", about: "Say how this is used." };

/** Throws a `UsageError`. With --help nothing else is required. */
export function parseArguments(words: readonly string[], line: CommandLine): Arguments {
  const given = new Map<Flag, string[]>();
  const positionals: string[] = [];
  const flags = [...line.flags, HELP];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? "";
    if (word === "--") {
      positionals.push(...words.slice(index + 1));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      positionals.push(word);
      continue;
    }
    const { flag, attached } = flagOf(flags, word);
    const taken = takeValue(flag, attached, words[index + 1]);
    if (taken.isNext) index++;
    given.set(flag, [...(given.get(flag) ?? []), taken.value]);
  }
  if (!given.has(HELP)) checkComplete(line, given, positionals);
  return {
    has: (flag) => given.has(flag),
    value: (flag) => given.get(flag)?.at(-1) ?? null,
    values: (flag) => given.get(flag) ?? [],
    positionals,
  };
}

/** How a command is used, in lines. */
export function helpLines(command: string, about: string, line: CommandLine): string[] {
  const words = [...(line.positionals ?? [])];
  for (const flag of line.flags) if (flag.isRequired === true) words.push(usageOf(flag));
  words.push("[FLAG]...");
  const rows = [...line.flags, HELP].map((flag): [string, string] => {
    const short = flag.short === undefined ? "" : `, ${flag.short}`;
    const value = flag.value === undefined ? "" : ` ${flag.value}`;
    return [`${flag.long}${short}${value}`, flag.about];
  });
  return [`usage: ${[command, ...words].join(" ")}`, "", about, "", ...tableLines(rows)];
}

/** Two columns, the second as far left as the first allows. */
export function tableLines(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}

function usageOf(flag: Flag): string {
  const value = flag.value === undefined ? "" : ` ${flag.value}`;
  const more = flag.isRepeated === true ? "..." : "";
  return `${flag.long}${value}${more}`;
}

function flagOf(
  flags: readonly Flag[],
  word: string,
): { readonly flag: Flag; readonly attached: string | null } {
  const equals = word.startsWith("--") ? word.indexOf("=") : -1;
  const name = equals < 0 ? word : word.slice(0, equals);
  for (const flag of flags) {
    if (flag.long === name) {
      return { flag, attached: equals < 0 ? null : word.slice(equals + 1) };
    }
    if (flag.short === undefined || !word.startsWith(flag.short) || word.startsWith("--")) continue;
    const attached = word.slice(flag.short.length);
    if (attached === "" || flag.value !== undefined) {
      return { flag, attached: attached === "" ? null : attached };
    }
  }
  throw new UsageError(`unrecognized arguments: '${word}'`);
}

function takeValue(
  flag: Flag,
  attached: string | null,
  next: string | undefined,
): { readonly value: string; readonly isNext: boolean } {
  if (flag.value === undefined) {
    if (attached === null) return { value: "", isNext: false };
    throw new UsageError(`argument ${nameOf(flag)}: ignored explicit argument '${attached}'`);
  }
  if (attached !== null) return { value: attached, isNext: false };
  if (next === undefined || (next.startsWith("-") && next !== "-")) {
    throw new UsageError(`argument ${nameOf(flag)}: expected one argument`);
  }
  return { value: next, isNext: true };
}

function checkComplete(
  line: CommandLine,
  given: ReadonlyMap<Flag, readonly string[]>,
  positionals: readonly string[],
): void {
  const [first, second] = (line.exclusive ?? []).filter((flag) => given.has(flag));
  if (first !== undefined && second !== undefined) {
    throw new UsageError(`argument ${nameOf(second)}: not allowed with argument ${nameOf(first)}`);
  }
  for (const flag of line.flags) {
    if (flag.isRequired === true && !given.has(flag)) {
      throw new UsageError(`argument ${nameOf(flag)} is required`);
    }
  }
  const expected = line.positionals ?? [];
  const extra = positionals[expected.length];
  if (extra !== undefined) throw new UsageError(`unrecognized arguments: '${extra}'`);
  const missing = expected.slice(positionals.length).find((name) => !name.startsWith("["));
  if (missing !== undefined) throw new UsageError(`argument ${missing} is required`);
}

function nameOf(flag: Flag): string {
  return flag.short === undefined ? flag.long : `${flag.long}/${flag.short}`;
}
