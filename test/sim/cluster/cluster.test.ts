/**
 * Whole clusters at random, from seeds: see run-seed.ts.
 *
 *   bun test test/sim/cluster/cluster.test.ts                          for some seconds
 *   BUNKA_SIM_SEEDS=1-2000 bun test test/sim/cluster/cluster.test.ts   these seeds, all of them
 *   BUNKA_SIM_MS=60000 ...                                             for no longer
 *   BUNKA_SIM_NODES=1 ...                                              clusters of another size
 *   BUNKA_SIM_PROCESSES=2 ...                                          by so many (hunt.ts)
 */
import { expect, test } from "bun:test";
import { addRun, hunt, noTally, replayCommand, type Tally } from "./hunt.ts";
import { type Outcome, runSeed, SeedFailure } from "./run-seed.ts";
import { KEPT_SEEDS } from "./seeds.ts";

const GIVEN = process.env["BUNKA_SIM_SEEDS"];
const GIVEN_NODES = process.env["BUNKA_SIM_NODES"];
const BUDGET_MS = Number(process.env["BUNKA_SIM_MS"] ?? (GIVEN === undefined ? 10_000 : Infinity));
const [FIRST, LAST] = (GIVEN ?? "1-100000").split("-").map(Number) as [number, number];
const PROCESSES = Number(process.env["BUNKA_SIM_PROCESSES"] ?? 0);
const NODE_COUNTS = GIVEN_NODES === undefined ? [1, 3] : [Number(GIVEN_NODES)];

test(`clusters of ${NODE_COUNTS.join(" and ")} keep what they promise, whatever happens`, async () => {
  const total =
    PROCESSES > 0
      ? await hunt({
          ...{ first: FIRST, last: LAST, nodeCounts: NODE_COUNTS, processCount: PROCESSES },
          minutes: BUDGET_MS / 60_000,
        })
      : runHere(BUDGET_MS);
  if (GIVEN !== undefined) console.log(total);
  expect(total.failures).toBe(0);
  // What never happens proves nothing.
  expect(total.okCount).toBeGreaterThan(total.seeds);
}, 7_200_000);

test.each(NODE_COUNTS)(
  "a cluster of %d goes the same way from the same seed",
  (nodeCount) => {
    const [one, other] = [run(7, nodeCount), run(7, nodeCount)];
    expect(one).toEqual(other);
    expect(one.traceHash).not.toBe(run(8, nodeCount).traceHash);
  },
  60_000,
);

test.each([...KEPT_SEEDS])(
  "seed $seed of $nodeCount: $showed",
  ({ seed, nodeCount }) => {
    expect(run(seed, nodeCount).okCount).toBeGreaterThan(0);
  },
  60_000,
);

function runHere(budgetMs: number): Tally {
  const endMs = performance.now() + budgetMs;
  const total = noTally();
  for (let seed = FIRST; seed <= LAST && performance.now() < endMs; seed++) {
    for (const nodeCount of NODE_COUNTS) addRun(total, run(seed, nodeCount));
  }
  return total;
}

function run(seed: number, nodeCount: number): Outcome {
  try {
    return runSeed({ seed, nodeCount });
  } catch (error) {
    if (error instanceof SeedFailure) console.error(error.report);
    console.error(replayCommand(seed, nodeCount));
    throw error;
  }
}
