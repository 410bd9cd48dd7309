/**
 * Three nodes as real processes, under transactions, plain producers and readers: kill -9, freezes,
 * ways that are cut or slow, and rolling restarts; what test/sim/cluster tries on a fake machine.
 *
 *   BUNKA_FAULTS=long BUNKA_STORM_ROUNDS=500 BUNKA_ROLLING_RESTARTS=100 bun test \
 *     test/end-to-end/cluster.test.ts
 */
import { Cluster } from "../compat/cluster/cluster.ts";
import { Storm, type StormOptions, type Trouble } from "../compat/cluster/storm.ts";
import { WORKLOAD_SETTINGS, workOn } from "../compat/cluster/workload-on.ts";
import type { Generation } from "../consistency/producers.ts";
import { Scratch } from "./broker-process.ts";
import { countOf, longFaultTest, newChance, tellLeftOut } from "./faults.ts";

const ALL: readonly Trouble[] = ["kill", "restart", "freeze", "cut", "hold", "slow", "kill-all"];

for (const generation of ["old", "new"] as const) {
  longFaultTest(`a storm leaves no anomaly in transactions of the ${generation} kind`, async () => {
    const rounds = countOf("BUNKA_STORM_ROUNDS", { short: 1, all: 6, long: 250 });
    await storm(generation, rounds, { troubles: ALL, lastsMsMax: 5000, peaceMsMax: 2000 });
  });
}

longFaultTest("rolling restarts leave no anomaly", async () => {
  const restarts = countOf("BUNKA_ROLLING_RESTARTS", { short: 1, all: 3, long: 100 });
  const options = { troubles: ["roll"] as const, lastsMsMax: 0, peaceMsMax: 500 };
  await storm("new", restarts, options);
});

tellLeftOut();

async function storm(generation: Generation, rounds: number, options: StormOptions): Promise<void> {
  const chance = newChance("cluster");
  using scratch = new Scratch();
  const cluster = await Cluster.make(scratch.path, {
    kinds: ["bunka", "bunka", "bunka"],
    settings: WORKLOAD_SETTINGS,
    hasProxies: true,
  });
  try {
    await cluster.start();
    const { workload, failed, finish } = await workOn(cluster, chance, generation);
    const weather = new Storm(cluster, chance, options);
    await Promise.race([failed, weather.rage(rounds)]);
    await finish();
    const counts = [...weather.counts].map(([trouble, count]) => `${count} ${trouble}`).join(", ");
    console.error(`${counts}: ${workload.okCount} operations, no anomaly`);
  } finally {
    await cluster.end();
  }
}
