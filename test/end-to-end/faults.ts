/**
 * How much of the fault tests runs. With every other test there is a short version of each;
 * `BUNKA_FAULTS=1` runs them all, and long:
 *
 *   BUNKA_FAULTS=1 bun test test/end-to-end
 *   BUNKA_FAULTS=1 BUNKA_KILL_ROUNDS=200 BUNKA_SEED=7 bun test test/end-to-end/kill.test.ts
 */
import { describe, test } from "bun:test";
import { killLeftovers } from "./broker-process.ts";
import { Chance } from "../fuzz/chance.ts";

export const RUNS_ALL = process.env["BUNKA_FAULTS"] === "1";

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
    if (leftOut > 0) test.skip(`${leftOut} more, which run with BUNKA_FAULTS=1`, () => {});
    leftOut = 0;
  });
}

/** Left out where the machine cannot do it. */
export function faultTestIf(reasonNot: string | null, name: string, run: () => Promise<void>) {
  if (reasonNot === null) faultTest(name, run);
  else test.skip(`${name} (${reasonNot})`, () => {});
}

export function countOf(variable: string, short: number, long: number): number {
  return Number(process.env[variable] ?? (RUNS_ALL ? long : short));
}

/** Said aloud, so that a failure can be repeated as far as processes allow. */
export function newChance(what: string): Chance {
  const seed = Number(process.env["BUNKA_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  console.error(`${what}: BUNKA_SEED=${seed}`);
  return new Chance(seed);
}
