/**
 * The compatibility suite: other people's clients against Bunka and against Apache Kafka.
 *
 *   bun test/compat/run.ts [--target bunka|kafka|both] [--client NAME]... [--scenario NAME]...
 *                          [--record] [--keep] [--times] [--nodes N|KIND,KIND...]
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { endBySignals } from "../../bench/kit/children.ts";
import { CLIENTS, type Client } from "./clients.ts";
import { startCluster } from "./cluster/cluster-target.ts";
import { kindOf } from "./cluster/command.ts";
import { COMPAT_FOLDER, installKafka } from "./harness/install.ts";
import { CompatError, differences, isFailure, isJsonObject } from "./harness/outcome.ts";
import { parseOutcomeLine, type Json, type Outcomes } from "./harness/outcome.ts";
import { run, runLines } from "./harness/process.ts";
import { AWAITED, SCENARIOS } from "./scenarios.ts";
import { startReviving, startTarget } from "./harness/target.ts";
import type { Target, TargetKind } from "./harness/target.ts";

const CLIENT_DEADLINE_MS = 400_000;
const DIFFERENCES_SHOWN = 12;

interface Observation {
  readonly outcomes: Outcomes;
  readonly seconds: number;
  /** What there is to say when the driver itself failed. */
  readonly trouble: string;
}

interface Row {
  readonly client: string;
  readonly target: TargetKind;
  readonly passed: number;
  readonly failed: number;
  readonly seconds: number;
  readonly note: string;
}

const { values: options } = parseArgs({
  options: {
    target: { type: "string", default: "bunka" },
    nodes: { type: "string", default: "1" },
    client: { type: "string", multiple: true, default: [] },
    scenario: { type: "string", multiple: true, default: [] },
    record: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    times: { type: "boolean", default: false },
  },
});

endBySignals();
process.exitCode = await main();

async function main(): Promise<number> {
  const clients = chosenClients();
  const targets = chosenTargets();
  const rows: Row[] = [];
  const skipped: string[] = [];
  for (const client of clients) {
    const missing = [...client.needs, ...(targets.includes("kafka") ? ["java", "mvn"] : [])].filter(
      (executable) => Bun.which(executable) === null,
    );
    if (missing.length > 0) {
      skipped.push(`${client.name}: ${missing.join(", ")} not on this machine`);
      continue;
    }
    if (targets.includes("kafka")) await installKafka();
    await client.install();
    let expected = readExpected(client);
    for (const target of targets) {
      const asked = askedOf(client, target);
      if (asked?.length === 0) {
        skipped.push(`${client.name}: Bunka serves none of its scenarios yet`);
        continue;
      }
      const observation = await observe(client, target, asked);
      if (options.record) {
        expected = await record(client, asked, expected, observation);
      }
      rows.push(judge(client, target, asked, expected, observation));
      // With both targets, Bunka is compared with what Kafka answered a moment ago.
      if (target === "kafka") expected = observation.outcomes;
    }
  }
  return summarize(rows, skipped);
}

function chosenClients(): Client[] {
  const names = CLIENTS.map((client) => client.name);
  for (const name of options.client) {
    if (!names.includes(name)) {
      throw new CompatError(`no client ${name}; there are ${names.join(", ")}`);
    }
  }
  return CLIENTS.filter(
    (client) => options.client.length === 0 || options.client.includes(client.name),
  );
}

function chosenTargets(): TargetKind[] {
  if (options.record) return ["kafka"];
  if (options.target === "both") return ["kafka", "bunka"];
  if (options.target === "kafka" || options.target === "bunka") return [options.target];
  throw new CompatError(`--target is bunka, kafka or both, not ${options.target}`);
}

/** The scenarios to run, or null for all that the driver has. */
function askedOf(client: Client, target: TargetKind): readonly string[] | null {
  if (options.scenario.length > 0) return options.scenario;
  const wanted = client.scenarios ?? null;
  if (target === "kafka" || AWAITED.size === 0) return wanted;
  // What Bunka does not serve yet runs only when somebody names it.
  const all = wanted ?? Object.keys(readExpected(client) ?? {});
  return all.filter((name) => !AWAITED.has(name));
}

/** Runs the client's driver against a fresh broker. */
async function observe(
  client: Client,
  kind: TargetKind,
  asked: readonly string[] | null,
): Promise<Observation> {
  const workDirectory = mkdtempSync(join(tmpdir(), `bunka-compat-${client.name}-${kind}-`));
  const start = performance.now();
  const outcomes: Outcomes = {};
  const troubles: string[] = [];
  const stderrFile = join(workDirectory, "driver.log");
  try {
    const pidFile = join(workDirectory, "broker.pid");
    const target = await startFor(client, kind, workDirectory, pidFile);
    const peer = client.peer === true ? await startPeer(workDirectory) : undefined;
    const env = { BUNKA_COMPAT_BROKER_PID: pidFile, BUNKA_COMPAT_PEER: peer?.bootstrap ?? "" };
    let last = performance.now();
    const read = (line: string): void => {
      const parsed = parseOutcomeLine(line);
      if (options.times) {
        const name = Object.keys(parsed ?? {}).join();
        console.log(`${client.name} ${name} ${(performance.now() - last).toFixed(0)} ms`);
        last = performance.now();
      }
      if (parsed === undefined) troubles.push(`driver printed: ${line}`);
      else if (Object.keys(parsed).some((name) => !(name in SCENARIOS))) {
        troubles.push(`scenarios.ts does not name ${Object.keys(parsed).join()}`);
      }
      Object.assign(outcomes, parsed);
    };
    try {
      const command = [...client.command, target.bootstrap, ...(asked ?? [])];
      const ended = await runLines(command, stderrFile, CLIENT_DEADLINE_MS, read, env);
      if (ended !== 0) troubles.push(`driver ended with ${ended}`);
    } finally {
      await target.stop();
      await peer?.stop();
    }
    if (client.afterStop !== undefined) {
      const command = [...client.afterStop, target.dataDirectory, ...(asked ?? [])];
      const ended = await runLines(command, stderrFile, CLIENT_DEADLINE_MS, read);
      if (ended !== 0) troubles.push(`driver after the stop ended with ${ended}`);
    }
  } catch (error) {
    if (!(error instanceof CompatError)) throw error;
    troubles.push(error.message);
  }
  if (troubles.length > 0 && existsSync(stderrFile)) {
    troubles.push(readFileSync(stderrFile, "utf8").slice(-2000));
  }
  if (options.keep) console.log(`kept ${workDirectory}`);
  else rmSync(workDirectory, { recursive: true, force: true });
  const seconds = (performance.now() - start) / 1000;
  return { outcomes, seconds, trouble: troubles.join("\n") };
}

function startFor(
  { overrides = {}, revives = false }: Client,
  kind: TargetKind,
  workDirectory: string,
  pidFile: string,
): Promise<Target> {
  const kinds = nodeKinds(kind);
  if (kinds.length > 1) return startCluster(kinds, workDirectory, overrides, pidFile);
  if (revives) return startReviving(kind, workDirectory, overrides, pidFile);
  return startTarget(kind, workDirectory, overrides);
}

/** `--nodes 3`, or `--nodes kafka,bunka,kafka`. */
function nodeKinds(kind: TargetKind): TargetKind[] {
  const given = options.nodes.split(",");
  if (given.length === 1) return Array.from({ length: Number(given[0]) }, () => kind);
  return given.map(kindOf);
}

/** An Apache Kafka beside the broker under test, whichever that is. */
async function startPeer(workDirectory: string): Promise<Target> {
  const folder = join(workDirectory, "peer");
  mkdirSync(folder);
  return await startTarget("kafka", folder, {});
}

/** Compares what was observed with what is expected, and prints each difference. */
function judge(
  client: Client,
  target: TargetKind,
  asked: readonly string[] | null,
  expected: Outcomes | undefined,
  observation: Observation,
): Row {
  let passed = 0;
  let failed = 0;
  const isAsked = (name: string): boolean => asked?.includes(name) ?? true;
  const wanted = Object.keys(expected ?? observation.outcomes).filter(isAsked);
  const unexpected = Object.keys(observation.outcomes).filter((name) => !wanted.includes(name));
  // A driver that said nothing at all is one trouble, not one for each scenario.
  const isSilent = Object.keys(observation.outcomes).length === 0;
  for (const name of [...wanted, ...unexpected]) {
    const lines = differences(expected?.[name], observation.outcomes[name]);
    if (lines.length === 0 && !isFailure(observation.outcomes[name])) {
      passed++;
      continue;
    }
    failed++;
    if (isSilent) continue;
    console.log(`\n${client.name} on ${target}, ${name}:`);
    for (const line of lines.slice(0, DIFFERENCES_SHOWN)) console.log(`  ${line}`);
    if (lines.length > DIFFERENCES_SHOWN)
      console.log(`  and ${lines.length - DIFFERENCES_SHOWN} more`);
  }
  if (observation.trouble !== "") {
    console.log(`\n${client.name} on ${target}: ${observation.trouble}`);
    if (failed === 0) failed++;
  }
  const note = expected === undefined ? "nothing recorded yet" : "";
  return { client: client.name, target, passed, failed, seconds: observation.seconds, note };
}

function expectedFile(client: Client): string {
  return join(COMPAT_FOLDER, "expected", `${client.expected ?? client.name}.json`);
}

function readExpected(client: Client): Outcomes | undefined {
  const file = expectedFile(client);
  if (!existsSync(file)) return undefined;
  const value: Json = JSON.parse(readFileSync(file, "utf8"));
  if (!isJsonObject(value)) throw new CompatError(`${file} holds no object`);
  return value;
}

/** Writes what Apache Kafka answered down as the expected outcomes. */
async function record(
  client: Client,
  asked: readonly string[] | null,
  before: Outcomes | undefined,
  observation: Observation,
): Promise<Outcomes> {
  // A run of some scenarios only must not lose the others.
  const kept = asked === null ? {} : before;
  const outcomes = { ...kept, ...observation.outcomes };
  writeFileSync(expectedFile(client), `${JSON.stringify(outcomes, null, 2)}\n`);
  await run([process.execPath, "fmt", "--no-script", expectedFile(client)]);
  return outcomes;
}

function summarize(rows: readonly Row[], skipped: readonly string[]): number {
  console.log(`\n${"client".padEnd(18)} ${"target".padEnd(6)} passed failed  seconds`);
  for (const row of rows) {
    const numbers = [
      String(row.passed).padStart(6),
      String(row.failed).padStart(6),
      row.seconds.toFixed(1).padStart(8),
    ];
    console.log(
      `${row.client.padEnd(18)} ${row.target.padEnd(6)} ${numbers.join(" ")} ${row.note}`,
    );
  }
  for (const reason of skipped) console.log(`skipped ${reason}`);
  const passed = rows.reduce((sum, row) => sum + row.passed, 0);
  const failed = rows.reduce((sum, row) => sum + row.failed, 0);
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
}
