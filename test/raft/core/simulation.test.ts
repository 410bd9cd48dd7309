import { expect, test } from "bun:test";
import { type Outcome, simulate } from "./simulation.ts";

/** BUNKA_RAFT_SEEDS=1-100000 runs others than the usual. */
const [FIRST, LAST] = (process.env["BUNKA_RAFT_SEEDS"] ?? "1-400").split("-").map(Number) as [
  number,
  number,
];
const STEPS = Number(process.env["BUNKA_RAFT_STEPS"] ?? 1500);

test("no seed breaks an invariant, and each cluster heals", () => {
  const total = { committed: 0, epochs: 0, crashes: 0, voterChanges: 0, snapshots: 0 };
  for (let seed = FIRST; seed <= LAST; seed++) {
    const outcome = run(seed);
    for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += outcome[name];
  }
  if (process.env["BUNKA_RAFT_SEEDS"] !== undefined) console.log(total);
  // What never happens proves nothing.
  for (const count of Object.values(total)) expect(count).toBeGreaterThan(LAST - FIRST);
}, 3_600_000);

test("the same seed gives the same run", () => {
  expect(simulate(7, 800)).toEqual(simulate(7, 800));
});

function run(seed: number): Outcome {
  try {
    return simulate(seed, STEPS);
  } catch (error) {
    const again = `BUNKA_RAFT_SEEDS=${seed}-${seed} BUNKA_RAFT_STEPS=${STEPS} bun test test/raft/core`;
    throw new Error(`seed ${seed} (again: ${again}): ${String(error)}`, { cause: error });
  }
}
