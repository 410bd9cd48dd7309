/**
 * The clients and the checker of test/consistency against a cluster of real processes in a storm:
 *
 *   bun test/compat/cluster/storm-run.ts [--kinds kafka,bunka,bunka] [--rounds 20] [--seed 7]
 *     [--troubles kill,freeze,cut] [--generation old|new] [--lasts MS] [--minutes 4] [--keep]
 *     [--gusts] [--values BYTES]
 *
 * `--gusts` are large batches, many at once, beside the clients (see gusts.ts); `--values` is how
 * large those of the clients are at most.
 */
import { parseArgs } from "node:util";
import { Chance } from "../../fuzz/chance.ts";
import { Command, kindsOf } from "./command.ts";
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
    gusts: { type: "boolean", default: false },
    values: { type: "string", default: "1" },
    keep: { type: "boolean", default: false },
  },
});

const command = new Command("storm");
const { folder, startMs, say } = command;
await command.end(storm(), flags.keep);

async function storm(): Promise<void> {
  const seed = Number(flags.seed ?? Math.floor(Math.random() * 2 ** 31));
  const kinds = kindsOf(flags.kinds);
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
    hasGusts: flags.gusts,
    valueSizeMax: Number(flags.values),
    say,
  };
  say(await runStorm(new Chance(seed), plan));
}
