/**
 * Kafka's sample server.properties with one thing changed at a time: accepted or refused as a real
 * Apache Kafka 4.3.1 did (facts/startup-recorded.json). `-name` removes a setting.
 *
 * Recorded are Kafka's message where it is a formula, else the settings that it names; ours then
 * is one line that names one of them.
 */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkTogether } from "../../src/broker/settings/cross-checks.ts";
import { loadSettings } from "../../src/broker/settings/load-settings.ts";
import { unknownNames, withoutEffect } from "../../src/broker/settings/not-yet.ts";
import { SettingError } from "../../src/broker/settings/setting-error.ts";
import { Settings } from "../../src/broker/settings/settings.ts";

const [{ base }, ...cases] = JSON.parse(
  readFileSync(join(import.meta.dir, "facts/startup-recorded.json"), "utf8"),
) as [{ base: Record<string, string> }, ...[change: string, refusal: string | string[] | null][]];

/** Kafka finds a negative port out only when it binds. */
const STRICTER = "listeners=PLAINTEXT://:-1,CONTROLLER://:9093";

for (const [change, refusal] of cases) {
  if (change === STRICTER) continue;
  const title = `${change === "" ? "the sample file" : change} is ${refusal ? "refused" : "accepted"}`;
  test(title, () => {
    const message = refusalOf(changed(change));
    if (Array.isArray(refusal)) {
      expect(message).toMatch(/^\S.*[^.\s]$/);
      if (refusal.length > 0) expect(refusal.some((name) => message?.includes(name))).toBe(true);
    } else {
      expect(message).toBe(refusal);
    }
  });
}

test("the sample file starts a broker, and nothing in it is in vain", () => {
  const texts = changed("");
  expect(loadSettings(texts).get("node.id")).toBe(1);
  expect([[...withoutEffect(texts)], unknownNames(texts)]).toEqual([[], []]);
});

test("a port that is none is refused", () => {
  for (const port of ["-1", "65536"]) {
    const texts = changed(`listeners=PLAINTEXT://:${port},CONTROLLER://:9093`);
    expect(refusalOf(texts)).toEndWith(`Port ${port} of PLAINTEXT://:${port} is no port`);
  }
});

function changed(change: string): Map<string, string> {
  const texts = new Map(Object.entries(base));
  for (const part of change.split(";")) {
    const [name = "", ...value] = part.split("=");
    if (name.startsWith("-")) texts.delete(name.slice(1));
    else if (name !== "") texts.set(name, value.join("="));
  }
  return texts;
}

function refusalOf(texts: Map<string, string>): string | null {
  try {
    checkTogether(new Settings(texts));
    return null;
  } catch (error) {
    if (error instanceof SettingError) return error.message;
    throw error;
  }
}
