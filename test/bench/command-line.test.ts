import { describe, expect, test } from "bun:test";
import { parseCommandLine, USAGE } from "../../bench/command-line.ts";
import { rowsOf, SUITES } from "../../bench/rows/index.ts";

describe("the command line", () => {
  test("alone it is the quick suite in few and short rounds, beside others in more", () => {
    const alone = parseCommandLine([]);
    expect(alone.suites).toEqual(["quick"]);
    expect(alone.rounds).toBe(2);
    expect(alone.seconds).toBe(5);
    const beside = parseCommandLine(["--against", "kafka"]);
    expect([beside.rounds, beside.seconds]).toEqual([3, 10]);
    expect(parseCommandLine(["--bootstrap", "h:9092"]).rounds).toBe(3);
    expect(parseCommandLine(["--rounds", "7"]).rounds).toBe(7);
  });

  test("a pattern looks through all suites unless some are named", () => {
    expect(parseCommandLine(["--rows", "fetch"]).suites).toEqual(["all"]);
    expect(parseCommandLine(["--rows", "1p", "--suite", "produce"]).suites).toEqual(["produce"]);
    const several = parseCommandLine(["--suite", "produce,fetch", "--suite", "latency"]);
    expect(several.suites).toEqual(["produce", "fetch", "latency"]);
  });

  test("what is no number, or nothing that it knows, is refused", () => {
    expect(() => parseCommandLine(["--rounds", "many"])).toThrow("--rounds many");
    expect(() => parseCommandLine(["--gb", "0"])).toThrow("--gb 0");
    expect(() => parseCommandLine(["--agianst", "kafka"])).toThrow();
  });

  test("the help names every option", () => {
    for (const name of "against kafka-home bootstrap pid without suite rows rounds seconds gb scale folder json svg markdown profile load list".split(
      " ",
    )) {
      expect(USAGE).toContain(`--${name}`);
    }
  });
});

describe("suites", () => {
  test("no two rows have the same name", () => {
    const names = rowsOf(["all"]).map(({ row }) => row.name);
    expect(new Set(names).size).toBe(names.length);
  });

  test("a suite that is in several is run once", () => {
    expect(rowsOf(["quick", "produce"])).toEqual(rowsOf(["quick"]));
  });

  test("a suite that is none is refused with those that are", () => {
    expect(() => rowsOf(["slow"])).toThrow(Object.keys(SUITES).join(", "));
  });
});
