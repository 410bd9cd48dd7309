import { expect, test } from "bun:test";
import { join } from "node:path";
import packageFile from "../../package.json";
import { COMMANDS, run } from "../../src/cli/index.ts";
import { fakeWorld } from "../sim/fake-world.ts";

async function outcomeOf(...words: string[]) {
  const out: string[] = [];
  const error: string[] = [];
  const console = {
    out: (line: string) => out.push(line),
    error: (line: string) => error.push(line),
  };
  const exitCode = await run(words, { console, world: async () => fakeWorld() });
  return { exitCode, out, error };
}

test("help names every command", async () => {
  for (const word of ["help", "--help", "-h"]) {
    const { exitCode, out } = await outcomeOf(word);
    expect(exitCode).toBe(0);
    for (const { name, about } of COMMANDS)
      expect(out.some((line) => line.startsWith(`  ${name} `) && line.endsWith(about))).toBe(true);
  }
});

test("without a command help is said, and it is a failure", async () => {
  const { exitCode, out } = await outcomeOf();
  expect([exitCode, out[0]]).toEqual([1, "usage: bunka COMMAND ..."]);
});

test("the version is that of the package", async () => {
  const { exitCode, out } = await outcomeOf("--version");
  expect([exitCode, out]).toEqual([0, [`bunka ${packageFile.version}, as Apache Kafka 4.3.1`]]);
});

const REFUSED: [words: string[], error: string][] = [
  [["bogus"], "no command bogus"],
  [["--bogus"], "no command --bogus"],
  [["storage"], "one of info, format,"],
  [["storage", "bogus"], "no bogus, but one of info, format,"],
  [["storage", "info"], "bunka storage: argument --config/-c is required (--help says more)"],
  [["storage", "info", "-c", "/none"], "No such file: /none"],
];

for (const [words, message] of REFUSED) {
  test(`${words.join(" ")} is refused in one line`, async () => {
    const { exitCode, out, error } = await outcomeOf(...words);
    expect([exitCode, out, error.length]).toEqual([1, [], 1]);
    expect(error[0]).toContain(message);
  });
}

test("every command says how it is used", async () => {
  for (const { name } of COMMANDS) {
    const { exitCode, out } = await outcomeOf(name, "--help");
    expect([exitCode, out[0]]).toEqual([0, expect.stringContaining(`usage: bunka ${name} `)]);
  }
});

test("the program itself answers and ends with the command's exit code", async () => {
  const main = join(import.meta.dir, "../../src/main.ts");
  const runMain = (...words: string[]) =>
    Bun.spawnSync([process.execPath, main, ...words], { stdout: "pipe", stderr: "pipe" });
  const good = runMain("storage", "random-uuid");
  expect([good.exitCode, good.stderr.toString()]).toEqual([0, ""]);
  expect(good.stdout.toString()).toMatch(/^[A-Za-z0-9_-]{22}\n$/);
  const bad = runMain("bogus");
  expect([bad.exitCode, bad.stdout.toString()]).toEqual([1, ""]);
  expect(bad.stderr.toString()).toMatch(/^bunka: no command bogus.*\n$/);
});
