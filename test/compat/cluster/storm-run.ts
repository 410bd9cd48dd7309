/**
 * The clients and the checker of test/consistency against a cluster of real processes in a storm:
 *
 *   bun test/compat/cluster/storm-run.ts [--kinds kafka,bunka,bunka] [--rounds 20] [--seed 7]
 *     [--troubles kill,freeze,cut] [--generation old|new] [--lasts MS] [--keep]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Chance } from "../../fuzz/chance.ts";
import type { TargetKind } from "../harness/target.ts";
import { Cluster } from "./cluster.ts";
import { Storm, type Trouble } from "./storm.ts";
import { WORKLOAD_SETTINGS, workOn } from "./workload-on.ts";

const TROUBLES: readonly Trouble[] = [
  "kill",
  "restart",
  "freeze",
  "cut",
  "hold",
  "slow",
  "kill-all",
];

const { values: flags } = parseArgs({
  options: {
    kinds: { type: "string", default: "bunka,bunka,bunka" },
    rounds: { type: "string", default: "10" },
    seed: { type: "string" },
    troubles: { type: "string", default: "kill,restart,freeze,cut,hold,slow" },
    generation: { type: "string", default: "new" },
    lasts: { type: "string", default: "6000" },
    keep: { type: "boolean", default: false },
  },
});

const folder = mkdtempSync(join(tmpdir(), "bunka-storm-"));
const startMs = performance.now();
const say = (line: string): void => {
  console.log(`${((performance.now() - startMs) / 1000).toFixed(1).padStart(7)} s  ${line}`);
};
let isBad = false;
try {
  await storm();
} catch (error) {
  isBad = true;
  console.error(error);
}
if (isBad || flags.keep) console.log(`kept ${folder}`);
else rmSync(folder, { recursive: true, force: true });
process.exit(isBad ? 1 : 0);

async function storm(): Promise<void> {
  const seed = Number(flags.seed ?? Math.floor(Math.random() * 2 ** 31));
  const kinds = flags.kinds
    .split(",")
    .map((kind): TargetKind => (kind === "kafka" ? "kafka" : "bunka"));
  const troubles = TROUBLES.filter((trouble) => flags.troubles.split(",").includes(trouble));
  say(`seed ${seed}, ${kinds.join(",")}, ${troubles.join(",")}`);
  const chance = new Chance(seed);
  const cluster = await Cluster.make(folder, {
    kinds,
    settings: WORKLOAD_SETTINGS,
    hasProxies: true,
  });
  try {
    await cluster.start();
    say("all answer");
    const generation = flags.generation === "old" ? "old" : "new";
    const { workload, failed, finish } = await workOn(cluster, chance, generation);
    say("clients are at work");
    const weather = new Storm(cluster, chance, {
      troubles,
      lastsMsMax: Number(flags.lasts),
      peaceMsMax: 3000,
      say: (line) => say(`${line} (${workload.okCount} operations)`),
    });
    await Promise.race([failed, weather.rage(Number(flags.rounds))]);
    say("the storm is over");
    await finish();
    say(`${workload.okCount} operations, no anomaly`);
  } finally {
    await cluster.end();
  }
}
