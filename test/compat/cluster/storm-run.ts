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
import { realClock } from "../../../src/base/real-clock.ts";
import { realNetwork } from "../../../src/base/real-network.ts";
import { BUSY_SETTINGS, Workload } from "../../consistency/workload.ts";
import { Chance } from "../../fuzz/chance.ts";
import { ClusterWire } from "../../sim/cluster/cluster-wire.ts";
import { FakeRandom } from "../../sim/fake-random.ts";
import type { TargetKind } from "../harness/target.ts";
import { Cluster, QUICK_CLUSTER } from "./cluster.ts";
import { Storm, type Trouble } from "./storm.ts";

const TROUBLES: readonly Trouble[] = ["kill", "restart", "freeze", "cut", "hold", "slow"];
const VERIFY_MS_MAX = 180_000;

const { values: flags } = parseArgs({
  options: {
    kinds: { type: "string", default: "bunka,bunka,bunka" },
    rounds: { type: "string", default: "10" },
    seed: { type: "string" },
    troubles: { type: "string", default: TROUBLES.join(",") },
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
  const settings = {
    ...BUSY_SETTINGS,
    ...QUICK_CLUSTER,
    "unclean.leader.election.enable": "false",
  };
  const cluster = await Cluster.make(folder, { kinds, settings, hasProxies: true });
  try {
    await cluster.start();
    say("all answer");
    const { workload, closing, close } = clients(cluster, chance);
    await workload.prepare();
    say("topics are made");
    const running = workload.run();
    const failed = running.then(() => new Promise<never>(() => {}));
    const weather = new Storm(cluster, chance, {
      troubles,
      lastsMsMax: Number(flags.lasts),
      peaceMsMax: 3000,
      say: (line) => say(`${line} (${workload.okCount} operations)`),
    });
    await Promise.race([failed, weather.rage(Number(flags.rounds))]);
    say("the storm is over");
    closing.isClosing = true;
    await within("clients come to an end", running);
    await within("all is read", workload.verify());
    say(`${workload.okCount} operations, no anomaly`);
    close();
  } finally {
    await cluster.end();
  }
}

function clients(cluster: Cluster, chance: Chance) {
  const clock = realClock();
  const network = realNetwork();
  const random = new FakeRandom(chance.below(2 ** 31));
  const closing = { isClosing: false };
  const wires: ClusterWire[] = [];
  const newWire = (name: string): ClusterWire => {
    const bootstrap = cluster.bootstrap.split(",");
    const wire = new ClusterWire({
      clock,
      network,
      random: random.fork(),
      bootstrap,
      name,
      closing,
    });
    wires.push(wire);
    return wire;
  };
  const generation = flags.generation === "old" ? "old" : "new";
  const options = { replicationFactor: Math.min(3, cluster.brokers.length), pauseMsMax: 100 };
  const workload = new Workload(newWire, random.fork(), generation, options);
  return { workload, closing, close: () => wires.forEach((wire) => wire.close()) };
}

async function within(what: string, work: Promise<void>): Promise<void> {
  const late = Bun.sleep(VERIFY_MS_MAX).then(() => {
    throw new Error(`within ${VERIFY_MS_MAX} ms it is not so that ${what}`);
  });
  await Promise.race([work, late]);
}
