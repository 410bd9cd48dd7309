/**
 * Whole clusters at random, from seeds: see run-seed.ts.
 *
 *   bun test test/sim/cluster/cluster.test.ts                          for some seconds
 *   BUNKA_SIM_SEEDS=1-2000 bun test test/sim/cluster/cluster.test.ts   these seeds, all of them
 *   BUNKA_SIM_NODES=1 ...                                              clusters of another size
 */
import { describe, expect, test } from "bun:test";
import { type Outcome, runSeed, SeedFailure } from "./run-seed.ts";
import { KEPT_SEEDS } from "./seeds.ts";

const GIVEN = process.env["BUNKA_SIM_SEEDS"];
const GIVEN_NODES = process.env["BUNKA_SIM_NODES"];
const BUDGET_MS = GIVEN === undefined ? Number(process.env["BUNKA_SIM_MS"] ?? 10_000) : Infinity;
const [FIRST, LAST] = (GIVEN ?? "1-100000").split("-").map(Number) as [number, number];
const NODE_COUNTS = GIVEN_NODES === undefined ? [1, 3] : [Number(GIVEN_NODES)];

describe.each(NODE_COUNTS)("a cluster of %d", (nodeCount) => {
  test("keeps what it promises, whatever happens", () => {
    const endMs = performance.now() + BUDGET_MS / NODE_COUNTS.length;
    const total = {
      seeds: 0,
      simulatedMs: 0,
      okCount: 0,
      committedCount: 0,
      deliveredCount: 0,
      checks: 0,
    };
    for (let seed = FIRST; seed <= LAST && performance.now() < endMs; seed++) {
      const outcome = run(seed, nodeCount);
      total.seeds++;
      total.simulatedMs += outcome.simulatedMs;
      total.okCount += outcome.okCount;
      total.committedCount += outcome.committedCount;
      total.deliveredCount += outcome.deliveredCount;
      total.checks += outcome.checks;
    }
    if (GIVEN !== undefined) console.log(total);
    // What never happens proves nothing.
    expect(total.okCount).toBeGreaterThan(total.seeds);
  }, 7_200_000);

  test("goes the same way from the same seed", () => {
    const [one, other] = [run(7, nodeCount), run(7, nodeCount)];
    expect(one).toEqual(other);
    expect(one.traceHash).not.toBe(run(8, nodeCount).traceHash);
  }, 60_000);
});

test.each([...KEPT_SEEDS])(
  "seed $seed of $nodeCount: $showed",
  ({ seed, nodeCount }) => {
    expect(run(seed, nodeCount).okCount).toBeGreaterThan(0);
  },
  60_000,
);

function run(seed: number, nodeCount: number): Outcome {
  try {
    return runSeed({ seed, nodeCount });
  } catch (error) {
    if (error instanceof SeedFailure) console.error(error.report);
    const settings = `BUNKA_SIM_SEEDS=${seed}-${seed} BUNKA_SIM_NODES=${nodeCount}`;
    console.error(`again: ${settings} bun test test/sim/cluster/cluster.test.ts`);
    throw error;
  }
}
