import { expect, test } from "bun:test";
import { createLogger } from "../../src/base/logger.ts";
import { FakeClock } from "../sim/fake-clock.ts";

test("a message is one line with time, level and speaker", () => {
  const lines: string[] = [];
  const logger = createLogger(new FakeClock(), "info", (line) => lines.push(line));
  logger.info("up");
  logger.child("server").child("PLAINTEXT").warn("odd");
  logger.debug("not wanted");
  expect(lines).toEqual([
    "2026-01-01T00:00:00.000Z INFO  up",
    "2026-01-01T00:00:00.000Z WARN  server.PLAINTEXT: odd",
  ]);
});

test("what a client sent cannot forge a line or steer a terminal", () => {
  const lines: string[] = [];
  const logger = createLogger(new FakeClock(), "debug", (line) => lines.push(line));
  logger.error("topic a\n2026 INFO all is well\r\t\u001b[2J\u0000\u2028\u0085é");
  expect(lines).toEqual([
    "2026-01-01T00:00:00.000Z ERROR topic a\\n2026 INFO all is well\\r\\t\\u001b[2J" +
      "\\u0000\\u2028\\u0085é",
  ]);
});
