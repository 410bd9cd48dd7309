import { describe, expect, test } from "bun:test";
import type { Contender } from "../../bench/contenders/contender.ts";
import { type ContestOptions, type Entry, runContest } from "../../bench/contest.ts";
import type { Load } from "../../bench/load/load.ts";
import { hasFailure } from "../../bench/results/results.ts";
import type { Row } from "../../bench/rows/row.ts";

const NO_LOAD: Load = {
  language: "C",
  run: () => Promise.reject(new Error("nothing is loaded here")),
  start() {
    throw new Error("nothing is loaded here");
  },
};

/** What happened, in order. */
class Record {
  readonly events: string[] = [];

  entry(name: string, isFloor = false): Entry {
    return {
      name,
      isFloor,
      start: async () => {
        this.events.push(`start ${name}`);
        const stop = async () => void this.events.push(`stop ${name}`);
        return { ...STRANGER, name, isFloor, stop };
      },
    };
  }

  row(name: string, more: Partial<Row> = {}): Row {
    return {
      name,
      excludes: () => null,
      run: async ({ contender, scale }) => {
        this.events.push(`${name} ${contender.name} ${scale}`);
        return { "": { megabytesPerSecond: this.events.length } };
      },
      ...more,
    };
  }
}

const STRANGER: Omit<Contender, "name" | "isFloor" | "stop"> = {
  host: "127.0.0.1",
  port: 1,
  pids: [],
  dataDirectories: [],
  startedMs: 0,
};

function optionsOf(rows: readonly Row[], more: Partial<ContestOptions> = {}): ContestOptions {
  return {
    warmUps: [],
    rows: rows.map((row) => ({ suite: "some", row })),
    load: NO_LOAD,
    folder: "/nowhere",
    rounds: 2,
    seconds: 1,
    gigabytes: 1,
    replicationFactor: 1,
    scale: 1,
    profile: null,
    progress() {},
    done() {},
    ...more,
  };
}

describe("a contest", () => {
  test("contenders take turns in each round, behind a smaller one that does not count", async () => {
    const record = new Record();
    const entries = [record.entry("a"), record.entry("b")];
    const [row] = await runContest(entries, optionsOf([record.row("r")]));
    expect(record.events).toEqual([
      "start a",
      "start b",
      ...["r a 0.3", "r b 0.3"],
      ...["r a 1", "r b 1"],
      ...["r a 1", "r b 1"],
      "stop a",
      "stop b",
    ]);
    expect(row!.passes["a"]).toHaveLength(2);
    expect(row!.passes["b"]!.map((parts) => parts[""]!.megabytesPerSecond)).toEqual([6, 8]);
  });

  test("brokers are warmed up first; the floor begins anew each time and needs none", async () => {
    const record = new Record();
    const entries = [record.entry("a"), record.entry("floor", true)];
    const warmUps = [record.row("warm")];
    await runContest(entries, optionsOf([record.row("r")], { warmUps, rounds: 1 }));
    const once = ["start floor", "r floor 1", "stop floor"];
    expect(record.events).toEqual([
      "start a",
      "warm a 1",
      "r a 0.3",
      ...once.map((event) => event.replace("1", "0.3")),
      "r a 1",
      ...once,
      "stop a",
    ]);
  });

  test("a row that needs no warming up has as many passes as there are rounds", async () => {
    const record = new Record();
    const row = record.row("r", { warmsUp: false });
    await runContest([record.entry("a")], optionsOf([row]));
    expect(record.events).toEqual(["start a", "r a 1", "r a 1", "stop a"]);
  });

  test("whoever is excluded from a row is left out of it with the reason", async () => {
    const record = new Record();
    const row = record.row("r", {
      excludes: ({ name }) => (name === "b" ? "no such thing" : null),
    });
    const entries = [record.entry("a"), record.entry("b")];
    const [result] = await runContest(entries, optionsOf([row, record.row("s")]));
    expect(result!.skipped).toEqual({ b: "no such thing" });
    expect(Object.keys(result!.passes)).toEqual(["a"]);
    expect(record.events).not.toContain("r b 1");
    expect(record.events).toContain("s b 1");
  });

  test("whoever fails in a row is left out of it, and goes on with the next", async () => {
    const record = new Record();
    const fails = record.row("r");
    const run: Row["run"] = (site) => {
      if (site.contender.name === "b") return Promise.reject(new Error("the load failed"));
      return fails.run(site);
    };
    const entries = [record.entry("a"), record.entry("b")];
    const options = optionsOf([{ ...fails, run }, record.row("s")]);
    const [failed, next] = await runContest(entries, options);
    expect(failed!.skipped).toEqual({ b: "it failed: the load failed" });
    expect(hasFailure(failed!)).toBe(true);
    expect(failed!.passes["a"]).toHaveLength(2);
    expect(next!.passes["b"]).toHaveLength(2);
    expect(hasFailure(next!)).toBe(false);
  });

  test("when nobody can be warmed up all are stopped, and the failure is seen", async () => {
    const record = new Record();
    const row = record.row("r", { run: () => Promise.reject(new Error("the load failed")) });
    const entries = [record.entry("a"), record.entry("b")];
    const contest = runContest(entries, optionsOf([], { warmUps: [row] }));
    await expect(contest).rejects.toThrow("the load failed");
    expect(record.events.slice(-2)).toEqual(["stop a", "stop b"]);
  });
});
