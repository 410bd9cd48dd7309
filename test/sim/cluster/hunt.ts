/**
 * Runs many seeds in several processes, and says what they came to.
 *
 *   bun test/sim/cluster/hunt.ts --seeds 1-2000 [--nodes 3] [--processes 2] [--minutes 10]
 *
 * A process that has run some hundreds of seeds takes a third of the time for the next, as all of
 * the broker is compiled by then: few long hunts are cheaper than many short ones. A seed that
 * fails is told with the command that replays it, and the hunt goes on; the exit code is 1 then.
 */
import { parseArgs } from "node:util";
import { runSeed, SeedFailure } from "./run-seed.ts";

interface Plan {
  readonly first: number;
  readonly last: number;
  readonly nodeCount: number;
  readonly processCount: number;
  readonly minutes: number;
}

/** Of a number of seeds: what a worker says, and the sum of all. */
interface Tally {
  seeds: number;
  simulatedMs: number;
  deliveredCount: number;
  okCount: number;
  checks: number;
  failures: number;
}

const TELL_EVERY_MS = 10_000;
const SHARE_VARIABLE = "BUNKA_SIM_SHARE";

const plan = planOf(process.argv.slice(2));
const share = process.env[SHARE_VARIABLE];
process.exit(await (share === undefined ? hunt(plan) : work(plan, Number(share))));

async function hunt({ first, last, processCount, nodeCount }: Plan): Promise<number> {
  const startedMs = performance.now();
  const total = noTally();
  const tell = () => {
    const seconds = (performance.now() - startedMs) / 1000;
    console.log(`${told(total)} in ${seconds.toFixed(0)} s`);
  };
  console.log(`seeds ${first}-${last}, ${nodeCount} nodes, ${processCount} processes`);
  const workers = Array.from({ length: processCount }, (_, index) => worker(index, total));
  const telling = setInterval(tell, TELL_EVERY_MS);
  const stop = () => workers.forEach(({ process: child }) => child.kill());
  process.on("SIGTERM", stop).on("SIGINT", stop);
  const exitCodes = await Promise.all(workers.map(({ ended }) => ended));
  clearInterval(telling);
  tell();
  return total.failures > 0 || exitCodes.some((code) => code !== 0) ? 1 : 0;
}

function worker(index: number, total: Tally) {
  const child = Bun.spawn(["bun", import.meta.path, ...process.argv.slice(2)], {
    env: { ...process.env, [SHARE_VARIABLE]: String(index) },
    stdio: ["ignore", "inherit", "inherit"],
    ipc: (part: Tally) => add(total, part),
  });
  return { process: child, ended: child.exited };
}

/** Every so many-th seed, until the last or until the time is over. */
async function work(given: Plan, index: number): Promise<number> {
  const { first, last, nodeCount, processCount, minutes } = given;
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
    runOne(seed, nodeCount, tally);
    if (performance.now() - toldMs > TELL_EVERY_MS / 2) await tell();
  }
  await tell();
  return 0;
}

function runOne(seed: number, nodeCount: number, tally: Tally): void {
  tally.seeds++;
  try {
    const outcome = runSeed({ seed, nodeCount });
    add(tally, { ...outcome, seeds: 0, failures: 0 });
  } catch (error) {
    tally.failures++;
    if (error instanceof SeedFailure) console.log(error.report);
    console.log(`FAILED ${String(error)}`);
    const seeds = `BUNKA_SIM_SEEDS=${seed}-${seed} BUNKA_SIM_NODES=${nodeCount}`;
    console.log(`again: ${seeds} bun test test/sim/cluster/cluster.test.ts`);
  }
}

function noTally(): Tally {
  return { seeds: 0, simulatedMs: 0, deliveredCount: 0, okCount: 0, checks: 0, failures: 0 };
}

function add(total: Tally, part: Tally): void {
  total.seeds += part.seeds;
  total.simulatedMs += part.simulatedMs;
  total.deliveredCount += part.deliveredCount;
  total.okCount += part.okCount;
  total.checks += part.checks;
  total.failures += part.failures;
}

function told({ seeds, simulatedMs, deliveredCount, okCount, checks, failures }: Tally): string {
  const hours = (simulatedMs / 3_600_000).toFixed(1);
  const counts = `${okCount} operations acknowledged, ${deliveredCount} deliveries`;
  return `${seeds} seeds, ${failures} failed: ${hours} simulated hours, ${counts}, ${checks} checks`;
}

function planOf(args: string[]): Plan {
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
  const [nodeCount, processCount, minutes] = [values.nodes, values.processes, values.minutes].map(
    Number,
  ) as [number, number, number];
  const counts = [first, last, nodeCount, processCount];
  if (!counts.every((count) => Number.isInteger(count) && count > 0) || !(minutes > 0)) {
    throw new Error("usage: hunt.ts --seeds FROM-TO [--nodes N] [--processes N] [--minutes N]");
  }
  return { first, last, nodeCount, processCount, minutes };
}
