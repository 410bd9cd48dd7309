/**
 * Three nodes as real processes, under transactions, plain producers and readers: kill -9, freezes,
 * ways that are cut or slow, and rolling restarts; what test/sim/cluster tries on a fake machine.
 *
 *   BUNKA_FAULTS=long BUNKA_STORM_ROUNDS=500 BUNKA_ROLLING_RESTARTS=100 bun test \
 *     test/end-to-end/cluster.test.ts
 */
import { expect } from "bun:test";
import { Cluster } from "../compat/cluster/cluster.ts";
import { ClusterView } from "../compat/cluster/cluster-view.ts";
import { compareReplicas } from "../compat/cluster/replica-logs.ts";
import { Storm, type Trouble, TROUBLES, TROUBLES_OF_WAYS } from "../compat/cluster/storm.ts";
import { WORKLOAD_PARTITIONS, WORKLOAD_SETTINGS, workOn } from "../compat/cluster/workload-on.ts";
import type { Generation } from "../consistency/producers.ts";
import { Scratch } from "./broker-process.ts";
import { countOf, longFaultTest, newChance, tellLeftOut } from "./faults.ts";

const LASTS_MS_MAX = 1000;
const PEACE_MS_MAX = 500;

for (const generation of ["old", "new"] as const) {
  longFaultTest(`a storm leaves no anomaly in transactions of the ${generation} kind`, async () => {
    const rounds = countOf("BUNKA_STORM_ROUNDS", { short: 1, all: 6, long: 250 });
    const troubles = TROUBLES.filter((trouble) => trouble !== "roll");
    await storm(generation, rounds, troubles);
  });
}

longFaultTest("rolling restarts leave no anomaly", async () => {
  const restarts = countOf("BUNKA_ROLLING_RESTARTS", { short: 1, all: 3, long: 100 });
  await storm("new", restarts, ["roll"]);
});

tellLeftOut();

async function storm(
  generation: Generation,
  rounds: number,
  troubles: readonly Trouble[],
): Promise<void> {
  const chance = newChance("cluster");
  using scratch = new Scratch();
  const cluster = await Cluster.make(scratch.path, {
    kinds: ["bunka", "bunka", "bunka"],
    settings: WORKLOAD_SETTINGS,
    hasProxies: troubles.some((trouble) => TROUBLES_OF_WAYS.includes(trouble)),
  });
  const view = new ClusterView(cluster);
  try {
    await cluster.start();
    const { workload, failed, finish } = await workOn(cluster, chance, generation);
    const weather = new Storm(cluster, view, chance, {
      troubles,
      lastsMsMax: LASTS_MS_MAX,
      peaceMsMax: PEACE_MS_MAX,
      doneCount: () => workload.okCount,
    });
    await Promise.race([failed, weather.rage(rounds)]);
    await finish();
    await cluster.stop();
    expect(compareReplicas(cluster, WORKLOAD_PARTITIONS)).toBeGreaterThan(0);
    const counts = [...weather.counts].map(([trouble, count]) => `${count} ${trouble}`).join(", ");
    console.error(`${counts}: ${workload.okCount} operations, no anomaly`);
  } finally {
    view.close();
    await cluster.end();
  }
}
