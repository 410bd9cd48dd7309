/** A setting that says what it does is read by the program: the table must not promise in vain. */
import { expect, test } from "bun:test";
import { Glob } from "bun";
import { join } from "node:path";
import { brokerTable } from "../../src/broker/settings/broker-settings.ts";
import { GROUP_BOUNDS } from "../../src/broker/settings/group-bounds.ts";
import { groupTable } from "../../src/broker/settings/group-config.ts";
import { unitSynonyms } from "../../src/broker/settings/synonyms.ts";
import { topicTable } from "../../src/broker/settings/topic-log-config.ts";

const ROOT = join(import.meta.dir, "../..");

/** The files that name settings without doing anything about them. */
const TABLES =
  /settings\/([a-z-]+-settings|topic-log-config|cross-checks|group-bounds|change-settings|synonyms|load-settings)\.ts$/;

const LOG_CONFIG = /(log-config|topic-log-config)\.ts$/;

const texts = new Map<string, string>();
for (const path of new Glob("src/**/*.ts").scanSync(ROOT)) {
  texts.set(path, await Bun.file(join(ROOT, path)).text());
}

/** What the choice of a quorum rests on, by whether the other setting is empty. */
const BY_ABSENCE = ["controller.quorum.bootstrap.servers"];

test("a setting of a broker that acts is read somewhere", () => {
  const read = new Set(BY_ABSENCE);
  for (const [path, text] of texts) {
    if (TABLES.test(path)) continue;
    for (const [, name = ""] of text.matchAll(/"([a-z][a-z.]+)"/g)) read.add(name);
  }
  for (const name of groupTable.keys()) {
    if (!read.has(name)) continue;
    // A group's own setting has the broker's for its default, and the broker's bounds.
    const bounds = GROUP_BOUNDS.find((bound) => bound.name === `group.${name}`);
    const byDefault = groupTable.get(name)?.brokerName;
    for (const own of [byDefault, bounds?.min, bounds?.max]) if (own) read.add(own);
  }
  for (const { brokerName } of topicTable.values()) if (brokerName !== null) read.add(brokerName);
  for (const name of [...read]) for (const synonym of unitSynonyms(name)) read.add(synonym.name);
  const promised = [...brokerTable].filter(([, { about }]) => about !== null);
  expect(promised.map(([name]) => name).filter((name) => !read.has(name))).toEqual([]);
});

test("a setting of a topic that acts is read somewhere", () => {
  const source = [...texts].filter(([path]) => !LOG_CONFIG.test(path)).map(([, text]) => text);
  const uses = source.join("\n");
  const promised = [...topicTable].filter(([, { about }]) => about !== null);
  const unread = promised
    .map(([name]) => name)
    .filter((name) => !uses.includes(`.${camelCase(name)}`) && !uses.includes(`"${name}"`))
    .filter((name) => !["cleanup.policy", "internal.segment.bytes"].includes(name));
  expect(unread).toEqual([]);
  expect(uses).toMatch(/isCompacted\(/);
});

function camelCase(name: string): string {
  return name.replace(/\.([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
