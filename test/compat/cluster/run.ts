/**
 * What Apache Kafka's tools show, and what becomes of records, on a cluster of three: on three
 * nodes of ours, of Kafka, or of both. `expected/cluster.json` holds what three of Kafka gave.
 *
 *   bun test/compat/cluster/run.ts [--kinds bunka,bunka,bunka] [--scenario NAME]... [--record]
 *                                  [--keep] [--times]
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { COMPAT_FOLDER, installJavaDrivers } from "../harness/install.ts";
import {
  differences,
  isFailure,
  isJsonObject,
  type Json,
  type Outcomes,
} from "../harness/outcome.ts";
import { run } from "../harness/process.ts";
import type { TargetKind } from "../harness/target.ts";
import { Cluster, QUICK_CLUSTER } from "./cluster.ts";
import { JavaTools } from "./java-tools.ts";
import type { Context, Scenario } from "./scenarios/context.ts";
import * as clients from "./scenarios/clients.ts";
import * as deaths from "./scenarios/deaths.ts";
import * as programs from "./scenarios/programs.ts";
import * as quorum from "./scenarios/quorum.ts";
import * as tools from "./scenarios/tools.ts";

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  topics: tools.topics,
  reassign: tools.reassign,
  "reassign-cancel": tools.reassignCancel,
  features: tools.features,
  "log-dirs": tools.logDirs,
  cluster: tools.cluster,
  "preferred-leader": deaths.preferredLeader,
  "below-min-isr": deaths.belowMinIsr,
  "unclean-election": deaths.uncleanElection,
  "controller-death": deaths.controllerDeath,
  voters: deaths.voters,
  "late-controller": quorum.lateController,
  "replica-verification": programs.replicaVerification,
  verifiable: programs.verifiable,
  copier: programs.copier,
  clients: clients.leaderDeath,
};

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
    record: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    times: { type: "boolean", default: false },
  },
});

process.exitCode = await main();

async function main(): Promise<number> {
  await installJavaDrivers();
  const expected = readExpected();
  const folder = mkdtempSync(join(tmpdir(), "bunka-cluster-"));
  const kinds = flags.kinds
    .split(",")
    .map((kind): TargetKind => (kind === "kafka" ? "kafka" : "bunka"));
  const cluster = await Cluster.make(folder, { kinds, settings: SETTINGS, hasProxies: true });
  const javaTools = new JavaTools(cluster.bootstrap, join(folder, "tools.log"));
  const seen: Outcomes = {};
  let failed = 0;
  try {
    await cluster.start();
    for (const [name, scenario] of Object.entries(SCENARIOS)) {
      if (flags.scenario.length > 0 && !flags.scenario.includes(name)) continue;
      const start = performance.now();
      const own = join(folder, name);
      mkdirSync(own);
      const outcome = await outcomeOf(scenario, { cluster, tools: javaTools, folder: own });
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      seen[name] = outcome;
      const lines = flags.record ? [] : differences(expected[name], outcome);
      if (lines.length > 0 || isFailure(outcome)) failed++;
      console.log(`${lines.length === 0 ? "same" : "DIFFERS"}  ${name}  ${seconds} s`);
      if (isFailure(outcome)) console.log(`    ${JSON.stringify(outcome)}`);
      for (const line of lines.slice(0, DIFFERENCES_SHOWN)) console.log(`    ${line}`);
    }
  } finally {
    javaTools.end();
    await cluster.end();
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
