/**
 * Scripted traces in plain text, in the manner of etcd's raft: each command of a `.txt` file beside
 * this one is followed by what it brought about, which has to come out again word by word.
 * BUNKA_UPDATE_TRACES=1 writes down what comes out: read the difference before it is kept.
 */
import { expect, test } from "bun:test";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { runTrace } from "./trace.ts";

const isUpdate = process.env["BUNKA_UPDATE_TRACES"] === "1";
const files = readdirSync(import.meta.dir).filter((name) => name.endsWith(".txt"));

for (const name of files.sort()) {
  test(name, () => {
    const path = `${import.meta.dir}/${name}`;
    const before = readFileSync(path, "utf8");
    const after = runTrace(before);
    if (isUpdate) writeFileSync(path, after);
    else expect(after).toBe(before);
  });
}

test("there are traces", () => expect(files.length).toBeGreaterThan(10));
