/**
 * How much of the fault tests runs:
 *
 *   bun run test                          a short version of some, with every other test
 *   bun run test:faults                   every one, within three minutes
 *   BUNKA_FAULTS=long bun run test:faults every one, long: 50 rounds of kill -9
 *
 * Single counts have variables of their own, and a seed repeats what chance gave:
 *
 *   BUNKA_FAULTS=long BUNKA_KILL_ROUNDS=200 BUNKA_SEED=7 bun test test/end-to-end/kill.test.ts
 */
import { describe, test } from "bun:test";
import { relative } from "node:path";
import { killLeftovers } from "./broker-process.ts";
import { Chance } from "../fuzz/chance.ts";

type Extent = "short" | "all" | "long";
const EXTENT: Extent = extentOf(process.env["BUNKA_FAULTS"] ?? "");
const RUNS_ALL = EXTENT !== "short";

const SHORT_TIMEOUT_MS = 60_000;
const LONG_TIMEOUT_MS = 1_800_000;

/** For real processes, which take their time on a machine that does other things too. */
export function faultTest(name: string, run: () => Promise<void>): void {
  const runAlone = () => run().finally(killLeftovers);
  test(name, runAlone, RUNS_ALL ? LONG_TIMEOUT_MS : SHORT_TIMEOUT_MS);
}

let leftOut = 0;

/** Left out of the short version. */
export function longFaultTest(name: string, run: () => Promise<void>): void {
  if (RUNS_ALL) faultTest(name, run);
  else leftOut++;
}

/** At the end of a file: one line for all that were left out. */
export function tellLeftOut(): void {
  // Those within a `describe` are met when its turn comes.
  describe("left out", () => {
    if (leftOut > 0) showLeftOut(`${leftOut} more, which run with bun run test:faults`);
    leftOut = 0;
  });
}

/** Left out where the machine cannot do it. */
export function faultTestIf(reasonNot: string | null, name: string, run: () => Promise<void>) {
  if (reasonNot === null) faultTest(name, run);
  else showLeftOut(`${name} (${reasonNot})`);
}

/** Both: left out of the short version, and where the machine cannot do it. */
export function longFaultTestIf(reasonNot: string | null, name: string, run: () => Promise<void>) {
  if (RUNS_ALL) faultTestIf(reasonNot, name, run);
  else leftOut++;
}

/** Among the tests, so that nobody takes it for one that passed. */
function showLeftOut(name: string): void {
  test.skipIf(true)(name, () => {});
}

export function countOf(variable: string, counts: Readonly<Record<Extent, number>>): number {
  return Number(process.env[variable] ?? counts[EXTENT]);
}

/** Says how a failure can be repeated, as far as processes allow. */
export function newChance(what: string): Chance {
  const seed = Number(process.env["BUNKA_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  const file = relative(process.cwd(), Bun.main);
  const extent = RUNS_ALL ? `BUNKA_FAULTS=${EXTENT} ` : "";
  console.error(`${what}: repeat with ${extent}BUNKA_SEED=${seed} bun test ${file}`);
  return new Chance(seed);
}

function extentOf(value: string): Extent {
  if (value === "long") return "long";
  return value === "all" || value === "1" ? "all" : "short";
}
