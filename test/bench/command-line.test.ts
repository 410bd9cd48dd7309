import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { parseCommandLine, USAGE } from "../../bench/command-line.ts";
import { UsageError } from "../../bench/kit/usage-error.ts";
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

  test("replicas want as many nodes, and have a suite of their own", () => {
    const suite = parseCommandLine(["--suite", "replication"]);
    expect([suite.replicationFactor, suite.nodes]).toEqual([3, 3]);
    const asked = parseCommandLine(["--nodes", "5", "--replication-factor", "2"]);
    expect([asked.replicationFactor, asked.nodes, asked.suites]).toEqual([2, 5, ["replication"]]);
    expect(parseCommandLine(["--nodes", "3"]).replicationFactor).toBe(1);
    const refused = ["--nodes", "2", "--replication-factor", "3"];
    expect(() => parseCommandLine(refused)).toThrow("--nodes 2");
  });

  test("what is no number, or nothing that it knows, is refused", () => {
    expect(() => parseCommandLine(["--rounds", "many"])).toThrow("--rounds many");
    expect(() => parseCommandLine(["--gb", "0"])).toThrow("--gb 0");
    expect(() => parseCommandLine(["--agianst", "kafka"])).toThrow(UsageError);
    expect(() => parseCommandLine(["--rounds", "1.5"])).toThrow("whole");
    expect(() => parseCommandLine(["--load", "Rust"])).toThrow("--load Rust");
  });

  test("who asks for nothing that there is gets one line, before anything is started", () => {
    const asked = (...args: string[]) => {
      const run = join(import.meta.dir, "../../bench/run.ts");
      const { exitCode, stderr } = Bun.spawnSync([process.execPath, run, ...args]);
      return [exitCode, stderr.toString()];
    };
    const help = "(bun run bench --help)\n";
    expect(asked("--rows", "nonsense")).toEqual([2, `no row has "nonsense" in its name ${help}`]);
    expect(asked("--json", "/nowhere/a.json")).toEqual([2, `there is no folder /nowhere ${help}`]);
    expect(asked("--suite", "slow")[0]).toBe(2);
    expect(asked("--turns")).toEqual([2, `--turns: needs --profile DIR ${help}`]);
  });

  test("the help names every option", () => {
    for (const name of "against kafka-home bootstrap pid nodes replication-factor without suite rows rounds seconds gb scale folder json svg markdown profile turns loop load list".split(
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
