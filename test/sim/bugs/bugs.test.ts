/**
 * Each known bug is switched on in a process of its own, and the simulator has to catch it within
 * its bound of seeds: what cannot be found there is not proven to be absent either.
 *
 *   BUNKA_SIM_BUGS=all bun test test/sim/bugs           every one, some minutes
 *   BUNKA_SIM_BUGS=raft- bun test test/sim/bugs         those whose names have it
 *
 * Without it some of the quick ones are tried.
 */
import { beforeAll, expect, test } from "bun:test";
import { resolve } from "node:path";
import { checkFault } from "../../source-faults.ts";
import { BUGS } from "./all-bugs.ts";

const ROOT = resolve(import.meta.dir, "../../..");
const WANTED = process.env["BUNKA_SIM_BUGS"];
const PROCESSES = Number(process.env["BUNKA_SIM_PROCESSES"] ?? 1);
const TIMEOUT_MS = 900_000;
const FEW = 4;

const chosen = BUGS.filter(({ name }, index) => {
  if (WANTED === undefined) return name.startsWith("raft-") && index % FEW === 0;
  return WANTED === "all" || name.includes(WANTED);
});

interface Ended {
  readonly exitCode: number;
  readonly said: string;
  readonly complained: string;
}

const hunts = new Map(chosen.map(({ name }) => [name, Promise.withResolvers<Ended>()] as const));

beforeAll(() => {
  const waiting = [...hunts.keys()];
  for (let hunter = 0; hunter < PROCESSES; hunter++) void huntAll(waiting);
});

test.each(chosen)(
  "$name is caught: $reference",
  async ({ name }) => {
    const ended = await hunts.get(name)!.promise;
    if (WANTED !== undefined) console.log(`${name}: ${ended.said.trim()}`);
    expect(ended).toMatchObject({ exitCode: 0, complained: "" });
  },
  TIMEOUT_MS,
);

test("the source has the place of each, those that are not tried now too", () => {
  for (const bug of BUGS) expect(() => checkFault(bug)).not.toThrow();
});

test("no two bugs have the same name", () => {
  expect(new Set(BUGS.map(({ name }) => name)).size).toBe(BUGS.length);
});

/** One after the other, until none waits. */
async function huntAll(waiting: string[]): Promise<void> {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    hunts.get(name)!.resolve(await hunt(name));
  }
}

async function hunt(name: string): Promise<Ended> {
  const child = Bun.spawn(
    ["bun", "--preload", "./test/sim/bugs/preload.ts", "test/sim/bugs/hunt.ts"],
    {
      cwd: ROOT,
      env: { ...process.env, BUNKA_SIM_BUG: name },
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  const [said, complained, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { exitCode, said, complained };
}
