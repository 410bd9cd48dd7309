/**
 * Three nodes as real processes, under transactions, plain producers and readers: kill -9, freezes,
 * ways that are cut or slow, and rolling restarts; what test/sim/cluster tries on a fake machine.
 *
 *   BUNKA_FAULTS=long BUNKA_STORM_ROUNDS=500 BUNKA_ROLLING_RESTARTS=100 bun test \
 *     test/end-to-end/cluster.test.ts
 */
import { afterAll } from "bun:test";
import { runStorm, type StormPlan } from "../compat/cluster/run-storm.ts";
import { whyNoSmallDisk } from "../compat/cluster/small-disk.ts";
import { TROUBLES, TROUBLES_OF_DISKS } from "../compat/cluster/storm.ts";
import { killLeftovers, Scratch } from "./broker-process.ts";
import { countOf, longFaultTest, longFaultTestIf, newChance, tellLeftOut } from "./faults.ts";

afterAll(killLeftovers);

for (const generation of ["old", "new"] as const) {
  longFaultTest(`a storm leaves no anomaly in transactions of the ${generation} kind`, async () => {
    const rounds = countOf("BUNKA_STORM_ROUNDS", { short: 1, all: 6, long: 250 });
    const left = ["roll", ...TROUBLES_OF_DISKS];
    const troubles = TROUBLES.filter((trouble) => !left.includes(trouble));
    await storm({ generation, rounds, troubles });
  });
}

longFaultTest("rolling restarts leave no anomaly", async () => {
  const rounds = countOf("BUNKA_ROLLING_RESTARTS", { short: 1, all: 3, long: 100 });
  await storm({ generation: "new", rounds, troubles: ["roll"] });
});

for (const [disk, troubles] of [
  ["only", ["full"]],
  ["second", ["full", "wipe"]],
] as const) {
  const name = `disks that are full or gone leave no anomaly: the ${disk} one of a node`;
  longFaultTestIf(whyNoSmallDisk(), name, async () => {
    const rounds = countOf("BUNKA_DISK_ROUNDS", { short: 1, all: 3, long: 40 });
    await storm({ generation: "new", rounds, troubles, disk });
  });
}

tellLeftOut();

async function storm(plan: Omit<StormPlan, "folder">): Promise<void> {
  const chance = newChance("cluster");
  using scratch = new Scratch();
  console.error(await runStorm(chance, { ...plan, folder: scratch.path }));
}
