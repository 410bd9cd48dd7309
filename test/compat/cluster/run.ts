/**
 * What Apache Kafka's tools show, and what becomes of records, on a cluster of three: on three
 * nodes of ours, of Kafka, or of both. `expected/cluster.json` holds what three of Kafka gave.
 *
 *   bun test/compat/cluster/run.ts [--kinds bunka,bunka,bunka] [--scenario NAME]... [--record]
 *                                  [--controllers kafka,kafka,kafka] [--keep]
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { endBySignals } from "../../../bench/kit/children.ts";
import { COMPAT_FOLDER, installJavaDrivers } from "../harness/install.ts";
import {
  differences,
  isFailure,
  isJsonObject,
  type Json,
  type Outcomes,
} from "../harness/outcome.ts";
import { run } from "../harness/process.ts";
import { Cluster, type ClusterOptions, QUICK_CLUSTER } from "./cluster.ts";
import { kindsOf } from "./command.ts";
import { JavaTools } from "./java-tools.ts";
import type { Context, Scenario } from "./scenarios/context.ts";
import * as clients from "./scenarios/clients.ts";
import * as deaths from "./scenarios/deaths.ts";
import * as faults from "./scenarios/faults.ts";
import { handlers } from "./scenarios/handlers.ts";
import * as places from "./scenarios/places.ts";
import * as programs from "./scenarios/programs.ts";
import * as quorum from "./scenarios/quorum.ts";
import * as roles from "./scenarios/roles.ts";
import * as tools from "./scenarios/tools.ts";
import * as versions from "./scenarios/versions.ts";

/** Scenarios that follow each other on one cluster. */
interface Stage {
  readonly shape: Pick<
    ClusterOptions,
    "roles" | "isStatic" | "disk" | "hasProxies" | "ownSettings" | "releaseVersion"
  >;
  readonly scenarios: Readonly<Record<string, Scenario>>;
}

const STAGES: readonly Stage[] = [
  {
    shape: { hasProxies: true },
    scenarios: {
      topics: tools.topics,
      reassign: tools.reassign,
      "reassign-cancel": tools.reassignCancel,
      features: tools.features,
      "log-dirs": tools.logDirs,
      cluster: tools.cluster,
      handlers,
      "preferred-leader": deaths.preferredLeader,
      "below-min-isr": deaths.belowMinIsr,
      "unclean-election": deaths.uncleanElection,
      "controller-death": deaths.controllerDeath,
      voters: deaths.voters,
      "late-controller": quorum.lateController,
      "second-of-an-id": quorum.secondOfAnId,
      "replica-verification": programs.replicaVerification,
      verifiable: programs.verifiable,
      copier: programs.copier,
      "frozen-leader": faults.frozenLeader,
      "diverging-epochs": faults.divergingEpochs,
      "old-folder": faults.oldFolder,
    },
  },
  // Nobody may have made the offsets topic before it.
  { shape: { hasProxies: true }, scenarios: { clients: clients.leaderDeath } },
  {
    shape: { disk: "folder" },
    scenarios: {
      "between-directories": places.betweenDirectories,
      "lost-directory": faults.lostDirectory,
    },
  },
  {
    shape: { ownSettings: places.rackOf },
    scenarios: { "nearest-replica": places.nearestReplica },
  },
  {
    shape: { roles: ["broker", "broker", "broker", "controller", "controller", "controller"] },
    scenarios: { "roles-apart": roles.lives },
  },
  {
    shape: { releaseVersion: "4.2" },
    scenarios: { "metadata-versions": versions.metadataVersions },
  },
  { shape: { isStatic: true }, scenarios: { "static-voters": roles.lives } },
];

const SETTINGS = {
  ...QUICK_CLUSTER,
  // A killed application is missed sooner.
  "group.min.session.timeout.ms": "1000",
  // Snapshots of the metadata come soon.
  "metadata.log.max.record.bytes.between.snapshots": "4000",
  "transaction.abort.timed.out.transaction.cleanup.interval.ms": "200",
};

const EXPECTED = join(COMPAT_FOLDER, "expected/cluster.json");
const DIFFERENCES_SHOWN = 15;

const { values: flags } = parseArgs({
  options: {
    kinds: { type: "string", default: "bunka,bunka,bunka" },
    scenario: { type: "string", multiple: true, default: [] },
    /** Of those that are apart from the brokers; as the brokers unless given. */
    controllers: { type: "string" },
    record: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
  },
});

endBySignals();
process.exitCode = await main();

async function main(): Promise<number> {
  await installJavaDrivers();
  const expected = readExpected();
  const folder = mkdtempSync(join(tmpdir(), "bunka-cluster-"));
  const seen: Outcomes = {};
  let failed = 0;
  for (const [index, { shape, scenarios }] of STAGES.entries()) {
    const chosen = Object.entries(scenarios).filter(
      ([name]) => flags.scenario.length === 0 || flags.scenario.includes(name),
    );
    if (chosen.length === 0) continue;
    const own = join(folder, `stage-${index}`);
    for await (const { name, outcome, seconds } of outcomesOf(own, shape, chosen)) {
      seen[name] = outcome;
      const lines = flags.record ? [] : differences(expected[name], outcome);
      if (lines.length > 0 || isFailure(outcome)) failed++;
      console.log(`${lines.length === 0 ? "same" : "DIFFERS"}  ${name}  ${seconds} s`);
      if (isFailure(outcome)) console.log(`    ${JSON.stringify(outcome)}`);
      for (const line of lines.slice(0, DIFFERENCES_SHOWN)) console.log(`    ${line}`);
    }
  }
  if (flags.record) {
    writeFileSync(EXPECTED, `${JSON.stringify({ ...expected, ...seen }, null, 2)}\n`);
    await run([process.execPath, "fmt", "--no-script", EXPECTED]);
  }
  if (flags.keep || failed > 0) console.log(`kept ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
  console.log(`\n${Object.keys(seen).length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

async function* outcomesOf(
  folder: string,
  shape: Stage["shape"],
  scenarios: readonly (readonly [name: string, scenario: Scenario])[],
) {
  const brokers = kindsOf(flags.kinds);
  const controllers = kindsOf(flags.controllers ?? flags.kinds);
  const kinds = shape.roles === undefined ? brokers : [...brokers, ...controllers];
  mkdirSync(folder);
  const cluster = await Cluster.make(folder, { kinds, settings: SETTINGS, ...shape });
  const tools = new JavaTools(cluster.bootstrap, join(folder, "tools.log"));
  try {
    await cluster.start();
    for (const [name, scenario] of scenarios) {
      const start = performance.now();
      const own = join(folder, name);
      mkdirSync(own);
      const outcome = await outcomeOf(scenario, { cluster, tools, folder: own });
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      yield { name, outcome, seconds };
    }
  } finally {
    tools.end();
    await cluster.end();
  }
}

/** Nodes that a failed scenario left dead are there for the next. */
async function outcomeOf(scenario: Scenario, context: Context): Promise<Json> {
  try {
    return await scenario(context);
  } catch (error) {
    await context.cluster.start();
    return { failed: error instanceof Error ? error.message : String(error) };
  }
}

function readExpected(): Outcomes {
  if (!existsSync(EXPECTED)) return {};
  const value: Json = JSON.parse(readFileSync(EXPECTED, "utf8"));
  return isJsonObject(value) ? value : {};
}
