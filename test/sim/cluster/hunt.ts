/**
 * Runs many seeds in several processes, and says what they came to.
 *
 *   bun test/sim/cluster/hunt.ts --seeds 1-2000 [--nodes 1,3] [--processes 2] [--minutes 10]
 *
 * A process that has run some hundreds of seeds takes a third of the time for the next, as all of
 * the broker is compiled by then: few long hunts are cheaper than many short ones. A seed that
 * fails is told with the command that replays it, and the hunt goes on; the exit code is 1 then. Each
 * seed runs once for each size of the cluster.
 */
import { parseArgs } from "node:util";
import { type Outcome, runSeed, SeedFailure } from "./run-seed.ts";

export interface Hunt {
  readonly first: number;
  readonly last: number;
  readonly nodeCounts: readonly number[];
  readonly processCount: number;
  readonly minutes: number;
}

/** Of a number of seeds: what a worker says, and the sum of all. */
export interface Tally {
  seeds: number;
  simulatedMs: number;
  deliveredCount: number;
  okCount: number;
  committedCount: number;
  checks: number;
  failures: number;
}

const TELL_EVERY_MS = 10_000;
const SHARE_VARIABLE = "BUNKA_SIM_SHARE";

/** A worker that ended before its time counts as a failure. */
export async function hunt(plan: Hunt): Promise<Tally> {
  const { first, last, processCount, nodeCounts } = plan;
  const startedMs = performance.now();
  const total = noTally();
  const tell = () => {
    const seconds = (performance.now() - startedMs) / 1000;
    console.log(`${told(total)} in ${seconds.toFixed(0)} s`);
  };
  console.log(`seeds ${first}-${last}, ${nodeCounts} nodes, ${processCount} processes`);
  const workers = Array.from({ length: processCount }, (_, index) => worker(plan, index, total));
  const telling = setInterval(tell, TELL_EVERY_MS);
  const stop = () => workers.forEach(({ process: child }) => child.kill());
  process.on("SIGTERM", stop).on("SIGINT", stop);
  const exitCodes = await Promise.all(workers.map(({ ended }) => ended));
  clearInterval(telling);
  process.off("SIGTERM", stop).off("SIGINT", stop);
  tell();
  total.failures += exitCodes.filter((code) => code !== 0).length;
  return total;
}

function worker(plan: Hunt, index: number, total: Tally) {
  const child = Bun.spawn(["bun", import.meta.path, ...argumentsOf(plan)], {
    env: { ...process.env, [SHARE_VARIABLE]: String(index) },
    stdio: ["ignore", "inherit", "inherit"],
    ipc: (part: Tally) => add(total, part),
  });
  return { process: child, ended: child.exited };
}

/** Every so many-th seed, until the last or until the time is over. */
async function work(given: Hunt, index: number): Promise<number> {
  const { first, last, nodeCounts, processCount, minutes } = given;
  const endMs = performance.now() + minutes * 60_000;
  let toldMs = performance.now();
  let tally = noTally();
  const tell = async () => {
    process.send!(tally);
    tally = noTally();
    // What was sent leaves at the end of a turn.
    await Bun.sleep(0);
    toldMs = performance.now();
  };
  for (let seed = first + index; seed <= last && performance.now() < endMs; seed += processCount) {
    for (const nodeCount of nodeCounts) runOne(seed, nodeCount, tally);
    if (performance.now() - toldMs > TELL_EVERY_MS / 2) await tell();
  }
  await tell();
  return 0;
}

/** One seed that went well. */
export function addRun(tally: Tally, outcome: Outcome): void {
  tally.seeds++;
  tally.simulatedMs += outcome.simulatedMs;
  tally.deliveredCount += outcome.deliveredCount;
  tally.okCount += outcome.okCount;
  tally.committedCount += outcome.committedCount;
  tally.checks += outcome.checks;
}

function runOne(seed: number, nodeCount: number, tally: Tally): void {
  try {
    addRun(tally, runSeed({ seed, nodeCount }));
  } catch (error) {
    tally.seeds++;
    tally.failures++;
    if (error instanceof SeedFailure) console.log(error.report);
    console.log(`FAILED ${String(error)}`);
    console.log(replayCommand(seed, nodeCount));
  }
}

export function replayCommand(seed: number, nodeCount: number): string {
  const settings = `BUNKA_SIM_SEEDS=${seed}-${seed} BUNKA_SIM_NODES=${nodeCount}`;
  return `again: ${settings} bun test test/sim/cluster/cluster.test.ts`;
}

export function noTally(): Tally {
  return {
    seeds: 0,
    simulatedMs: 0,
    deliveredCount: 0,
    okCount: 0,
    committedCount: 0,
    checks: 0,
    failures: 0,
  };
}

function add(total: Tally, part: Tally): void {
  for (const name of Object.keys(total) as (keyof Tally)[]) total[name] += part[name];
}

function told(tally: Tally): string {
  const { seeds, simulatedMs, deliveredCount, okCount, committedCount, checks, failures } = tally;
  const hours = (simulatedMs / 3_600_000).toFixed(2);
  const seen = `${deliveredCount} deliveries, ${checks} looks at all nodes`;
  const done = `${okCount} operations, ${committedCount} offsets of groups acknowledged`;
  return `${seeds} seeds, ${failures} failed: ${hours} simulated hours, ${done}, ${seen}`;
}

function argumentsOf({ first, last, nodeCounts, processCount, minutes }: Hunt): string[] {
  const counts = ["--nodes", `${nodeCounts}`, "--processes", `${processCount}`];
  return ["--seeds", `${first}-${last}`, ...counts, "--minutes", `${minutes}`];
}

function planOf(args: string[]): Hunt {
  const { values } = parseArgs({
    args,
    options: {
      seeds: { type: "string", default: "1-1000" },
      nodes: { type: "string", default: "3" },
      processes: { type: "string", default: "2" },
      minutes: { type: "string", default: "Infinity" },
    },
  });
  const [first = NaN, last = first] = values.seeds.split("-").map(Number);
  const nodeCounts = values.nodes.split(",").map(Number);
  const [processCount, minutes] = [Number(values.processes), Number(values.minutes)];
  const counts = [first, last, ...nodeCounts, processCount];
  if (!counts.every((count) => Number.isInteger(count) && count > 0) || !(minutes > 0)) {
    throw new Error("usage: hunt.ts --seeds FROM-TO [--nodes N,N] [--processes N] [--minutes N]");
  }
  return { first, last, nodeCounts, processCount, minutes };
}

if (import.meta.main) {
  const plan = planOf(process.argv.slice(2));
  const share = process.env[SHARE_VARIABLE];
  if (share === undefined) process.exit((await hunt(plan)).failures > 0 ? 1 : 0);
  process.exit(await work(plan, Number(share)));
}
