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
import { runStorm, type StormPlan } from "./run-storm.ts";
import { TROUBLES } from "./storm.ts";

const { values: flags } = parseArgs({
  options: {
    kinds: { type: "string", default: "bunka,bunka,bunka" },
    rounds: { type: "string", default: "10" },
    seed: { type: "string" },
    troubles: { type: "string", default: "kill,restart,freeze,cut,hold,slow" },
    generation: { type: "string", default: "new" },
    lasts: { type: "string", default: "1000" },
    minutes: { type: "string", default: "60" },
    disk: { type: "string", default: "only" },
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
  const plan: StormPlan = {
    folder,
    kinds,
    troubles,
    generation: flags.generation === "old" ? "old" : "new",
    rounds: Number(flags.rounds),
    disk: flags.disk === "second" ? "second" : "only",
    lastsMsMax: Number(flags.lasts),
    endsMs: startMs + Number(flags.minutes) * 60_000,
    say,
  };
  say(await runStorm(new Chance(seed), plan));
}
