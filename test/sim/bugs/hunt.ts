/**
 * Runs seeds until the bug of BUNKA_SIM_BUG shows itself; the exit code tells whether it did.
 *
 *   BUNKA_SIM_BUG=NAME bun --preload ./test/sim/bugs/preload.ts test/sim/bugs/hunt.ts
 *
 * The modules of src are imported by name, behind the preload, which must not have read them.
 */
import { bugNamed } from "./all-bugs.ts";
import type { Bug } from "./bug.ts";

const bug = bugNamed(process.env["BUNKA_SIM_BUG"] ?? "");
const reason = await hunt(bug);
console.log(reason ?? `not caught within ${bug.seedsMax} seeds`);
process.exitCode = reason === null ? 1 : 0;

async function hunt({ hunt: { ground, ...rest }, seedsMax }: Bug): Promise<string | null> {
  const runOne = ground === "raft" ? await raftRunner(rest) : await clusterRunner(rest);
  for (let seed = 1; seed <= seedsMax; seed++) {
    try {
      runOne(seed);
    } catch (error) {
      const [line] = String(error instanceof Error ? error.message : error).split("\n");
      return `seed ${seed}: ${line}`;
    }
  }
  return null;
}

async function raftRunner(options: object): Promise<(seed: number) => void> {
  const { simulate } = await import("../../raft/core/simulation.ts");
  const { steps } = options as { readonly steps: number };
  return (seed) => void simulate(seed, steps);
}

async function clusterRunner(hunt: object): Promise<(seed: number) => void> {
  const { runSeed } = await import("../cluster/run-seed.ts");
  const { options } = hunt as { readonly options: object };
  return (seed) => void runSeed({ seed, ...options });
}
