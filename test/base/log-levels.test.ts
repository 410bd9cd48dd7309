import { describe, expect, test } from "bun:test";
import { leveledLogger, LogLevels } from "../../src/base/log-levels.ts";
import { createLogger } from "../../src/base/logger.ts";
import { FakeClock } from "../sim/fake-clock.ts";

describe("the level of a part", () => {
  test("is its own, else its parent's, else that of the root", () => {
    const levels = new LogLevels("INFO");
    for (const name of ["log", "log.cleaner", "log.cleaner.one", "logs"]) levels.add(name);
    levels.set("log", "DEBUG");
    levels.set("log.cleaner.one", "ERROR");
    expect(Object.fromEntries(levels.all())).toEqual({
      root: "INFO",
      log: "DEBUG",
      "log.cleaner": "DEBUG",
      "log.cleaner.one": "ERROR",
      logs: "INFO",
    });
  });

  test("goes back when its own is taken away; the root keeps one", () => {
    const levels = new LogLevels("INFO");
    levels.add("log");
    levels.set("log", "TRACE");
    levels.set("log", null);
    levels.set("root", "WARN");
    levels.set("root", null);
    expect([...levels.all()]).toEqual([
      ["root", "WARN"],
      ["log", "WARN"],
    ]);
  });

  test("exists once the part does", () => {
    const levels = new LogLevels("INFO");
    expect(levels.has("root")).toBe(true);
    expect(levels.has("log")).toBe(false);
    levels.add("log");
    expect(levels.has("log")).toBe(true);
  });
});

describe("a logger", () => {
  function make() {
    const lines: string[] = [];
    const levels = new LogLevels("INFO");
    const all = createLogger(new FakeClock(), "debug", (line) => lines.push(line.slice(25)));
    return { lines, levels, logger: leveledLogger(all, levels) };
  }

  test("makes itself and its children known", () => {
    const { levels, logger } = make();
    logger.child("server").child("connection");
    expect([...levels.all().keys()]).toEqual(["root", "server", "server.connection"]);
  });

  test("holds back what is below its level, and follows a change at once", () => {
    const { lines, levels, logger } = make();
    const server = logger.child("server");
    const say = () => {
      server.debug("a");
      server.info("b");
      server.warn("c");
      server.error("d");
    };
    say();
    levels.set("server", "WARN");
    say();
    levels.set("server", "DEBUG");
    say();
    levels.set("server", "FATAL");
    say();
    const first = ["INFO  server: b", "WARN  server: c", "ERROR server: d"];
    const debug = ["DEBUG server: a", ...first];
    expect(lines).toEqual([...first, ...first.slice(1), ...debug]);
  });

  test("without a name has the level of the root", () => {
    const { lines, levels, logger } = make();
    levels.set("root", "ERROR");
    logger.warn("held back");
    logger.error("written");
    expect(lines).toEqual(["ERROR written"]);
  });
});
