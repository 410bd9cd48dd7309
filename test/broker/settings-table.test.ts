/** Holds the table of settings to the facts of Kafka 4.3.1. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { brokerTable } from "../../src/broker/settings/broker-settings.ts";
import {
  brokerQuotaSettings,
  clientMetricsSettings,
  groupEntitySettings,
  ipQuotaSettings,
  scramUserSettings,
  userQuotaSettings,
} from "../../src/broker/settings/entity-settings.ts";
import type { Setting } from "../../src/broker/settings/setting.ts";
import { topicSettings } from "../../src/broker/settings/topic-settings.ts";
import { defaultOf, formatValue, parseSetting } from "../../src/broker/settings/value.ts";

interface Fact {
  group: string;
  name: string;
  type: string;
  default?: string | number | boolean | null;
  required?: boolean;
  valid?: string;
  importance: string;
  dynamic?: string;
  brokerSynonym?: string;
  internal?: boolean;
}

/** JSON.parse would round int64 defaults; both sides are compared as their shortest double. */
const facts = JSON.parse(
  readFileSync(join(import.meta.dir, "facts/settings.json"), "utf8"),
) as Fact[];

const TABLES: Record<string, ReadonlyMap<string, Setting>> = {
  broker: brokerTable,
  topic: new Map(Object.entries(topicSettings)),
  group: new Map(Object.entries(groupEntitySettings)),
  "client-metrics": new Map(Object.entries(clientMetricsSettings)),
  "quota-broker": new Map(Object.entries(brokerQuotaSettings)),
  "quota-user-client": new Map(Object.entries(userQuotaSettings)),
  "quota-user-with-scram": new Map(Object.entries(scramUserSettings)),
  "quota-ip": new Map(Object.entries(ipQuotaSettings)),
};

for (const [group, table] of Object.entries(TABLES)) {
  const expected = facts.filter((fact) => fact.group === group);

  test(`the ${group} table has Kafka's names`, () => {
    expect([...table.keys()].sort()).toEqual(expected.map((fact) => fact.name).sort());
  });

  test(`every ${group} row agrees with Kafka`, () => {
    for (const fact of expected) {
      const setting = table.get(fact.name);
      if (setting === undefined) continue;
      expect({ name: fact.name, ...described(setting) }).toEqual({
        name: fact.name,
        type: fact.type,
        importance: fact.importance,
        rule: fact.valid ?? null,
        internal: fact.internal ?? false,
        fallback: defaultTextOf(fact),
      });
      if (group === "broker") expect(String(setting.dynamic)).toBe(modeOf(fact));
      if (group === "topic") expect(setting.brokerName ?? undefined).toBe(fact.brokerSynonym);
    }
  });
}

test("a default passes the check of its own row", () => {
  for (const [group, table] of Object.entries(TABLES)) {
    for (const [name, setting] of table) {
      if (setting.fallback === undefined) continue;
      const fallback = defaultOf(name, setting);
      const text = formatValue(setting.type, fallback);
      if (text === null) continue;
      expect([group, name, parseSetting(name, setting, text)]).toEqual([group, name, fallback]);
    }
  }
});

test("a setting that acts says how, in one line", () => {
  for (const table of Object.values(TABLES)) {
    for (const [name, { about }] of table) {
      if (about === null) continue;
      expect([name, /^[A-Z-].*\.$/s.test(about) && !about.includes("\n")]).toEqual([name, true]);
    }
  }
});

function described(setting: Setting) {
  return {
    type: setting.type as string,
    importance: setting.importance as string,
    rule: setting.check?.rule ?? null,
    internal: setting.internal,
    fallback:
      setting.fallback === undefined ? "(required)" : formatValue(setting.type, setting.fallback),
  };
}

function defaultTextOf(fact: Fact): string | null {
  if (fact.required) return "(required)";
  const value = fact.default;
  if (value === null || value === undefined) return null;
  if (typeof value === "number") {
    return formatValue(fact.type === "double" ? "double" : "long", value);
  }
  return String(value);
}

function modeOf(fact: Fact): string {
  return fact.dynamic ?? "read-only";
}
