/**
 * The clients and the checker of test/consistency against a cluster of real processes in a storm:
 *
 *   bun test/compat/cluster/storm-run.ts [--kinds kafka,bunka,bunka] [--rounds 20] [--seed 7]
 *     [--troubles kill,freeze,cut] [--generation old|new] [--lasts MS] [--minutes 4] [--keep]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Chance } from "../../fuzz/chance.ts";
import type { TargetKind } from "../harness/target.ts";
import { Cluster } from "./cluster.ts";
import { ClusterView } from "./cluster-view.ts";
import { compareReplicas } from "./replica-logs.ts";
import { Storm, TROUBLES, TROUBLES_OF_WAYS } from "./storm.ts";
import { WORKLOAD_PARTITIONS, WORKLOAD_SETTINGS, workOn } from "./workload-on.ts";

const { values: flags } = parseArgs({
  options: {
    kinds: { type: "string", default: "bunka,bunka,bunka" },
    rounds: { type: "string", default: "10" },
    seed: { type: "string" },
    troubles: { type: "string", default: "kill,restart,freeze,cut,hold,slow" },
    generation: { type: "string", default: "new" },
    lasts: { type: "string", default: "1000" },
    minutes: { type: "string", default: "60" },
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
    // Without them a connection to a dead node is refused, which is seen sooner.
    hasProxies: troubles.some((trouble) => TROUBLES_OF_WAYS.includes(trouble)),
  });
  const view = new ClusterView(cluster);
  try {
    await cluster.start();
    say("all answer");
    const generation = flags.generation === "old" ? "old" : "new";
    const { workload, failed, finish } = await workOn(cluster, chance, generation);
    say("clients are at work");
    const weather = new Storm(cluster, view, chance, {
      troubles,
      lastsMsMax: Number(flags.lasts),
      peaceMsMax: 200,
      doneCount: () => workload.okCount,
      say: (line) => say(`${line} (${workload.okCount} operations)`),
      endsMs: startMs + Number(flags.minutes) * 60_000,
    });
    await Promise.race([failed, weather.rage(Number(flags.rounds))]);
    say("the storm is over");
    await finish();
    await cluster.stop();
    const batches = compareReplicas(cluster, WORKLOAD_PARTITIONS);
    const counts = [...weather.counts].map(([trouble, count]) => `${count} ${trouble}`).join(", ");
    say(
      `${weather.roundCount} rounds (${counts}; ${weather.seenCount} deaths seen before the end), ` +
        `${workload.okCount} operations, ${batches} batches the same on all replicas, no anomaly`,
    );
  } finally {
    view.close();
    await cluster.end();
  }
}
