import { expect, test } from "bun:test";
import {
  HELP,
  UsageError,
  helpLines,
  parseArguments,
  type CommandLine,
  type Flag,
} from "../../src/cli/arguments.ts";

const CONFIG: Flag = {
  long: "--config",
  short: "-c",
  value: "FILE",
  isRequired: true,
  about: "A.",
};
const FORCE: Flag = { long: "--force", short: "-f", about: "B." };
const SOFT: Flag = { long: "--soft", about: "C." };
const ADD: Flag = { long: "--add", value: "X", isRepeated: true, about: "D." };
const LINE: CommandLine = {
  flags: [CONFIG, FORCE, SOFT, ADD],
  exclusive: [FORCE, SOFT],
  positionals: ["[NAME]"],
};

function parse(text: string) {
  return parseArguments(text === "" ? [] : text.split(" "), LINE);
}

test("a value may stand apart or attached, by its long or its short name", () => {
  for (const text of ["--config a=b", "--config=a=b", "-c a=b", "-ca=b"]) {
    expect(parse(text).value(CONFIG)).toBe("a=b");
  }
});

test("of a repeated flag all are there, and the last one is its value", () => {
  const given = parse("-c a --add x --add=y -c b");
  expect(given.values(ADD)).toEqual(["x", "y"]);
  expect(given.value(CONFIG)).toBe("b");
  expect(given.values(FORCE)).toEqual([]);
  expect([given.has(FORCE), given.value(FORCE)]).toEqual([false, null]);
});

test("what is no flag is a positional, and so is all behind --", () => {
  expect(parse("one -c a -f").positionals).toEqual(["one"]);
  expect(parse("-c a -- -f").positionals).toEqual(["-f"]);
  expect(parse("-c - -").value(CONFIG)).toBe("-");
});

test("help needs nothing else", () => {
  expect(parse("-h").has(HELP)).toBe(true);
  expect(parse("--help --soft --force").has(HELP)).toBe(true);
});

const REFUSED: [text: string, message: string][] = [
  ["", "argument --config/-c is required"],
  ["-c", "argument --config/-c: expected one argument"],
  ["-c --force", "argument --config/-c: expected one argument"],
  ["-c a --what", "unrecognized arguments: '--what'"],
  ["-c a -x", "unrecognized arguments: '-x'"],
  ["-c a --conf=b", "unrecognized arguments: '--conf=b'"],
  ["-c a one two", "unrecognized arguments: 'two'"],
  ["-c a --force=yes", "argument --force/-f: ignored explicit argument 'yes'"],
  ["-c a --soft -f", "argument --soft: not allowed with argument --force/-f"],
];

for (const [text, message] of REFUSED) {
  test(`'${text}' is refused`, () => {
    expect(() => parse(text)).toThrow(UsageError);
    expect(() => parse(text)).toThrow(message);
  });
}

test("a positional may be required", () => {
  expect(() => parseArguments([], { flags: [], positionals: ["NAME"] })).toThrow(
    "argument NAME is required",
  );
});

test("help names every flag", () => {
  expect(helpLines("bunka do", "Does it.", LINE)).toEqual([
    "usage: bunka do [NAME] --config FILE [FLAG]...",
    "",
    "Does it.",
    "",
    "  --config, -c FILE  A.",
    "  --force, -f        B.",
    "  --soft             C.",
    "  --add X            D.",
    "  --help, -h         Say how this is used.",
  ]);
});
