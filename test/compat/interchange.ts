/**
 * One data directory in turn under Apache Kafka and Bunka, with the server.properties of Kafka's
 * distribution: whatever one has written and committed, the other must show, after clean stops and
 * after kill -9 (the ladder L1 to L4 of interchange; L5, the same bytes, is log/compare-logs.ts).
 *
 *   bun test/compat/interchange.ts [--keep] [--verbose]
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { endBySignals } from "../../bench/kit/children.ts";
import { ecosystemDriver, javaDriver } from "./clients.ts";
import { installEcosystemDrivers } from "./harness/install.ts";
import { CompatError, differences, isFailure, type Json } from "./harness/outcome.ts";
import { parseOutcomeLine, type Outcomes } from "./harness/outcome.ts";
import { runLines } from "./harness/process.ts";
import { formatByKafka, makePlace, startOn } from "./harness/target.ts";
import type { Place, Target, TargetKind } from "./harness/target.ts";

const DRIVER_DEADLINE_MS = 400_000;
const DIFFERENCES_SHOWN = 12;
const VIEW = [
  "topics",
  "records",
  "producers",
  "groups",
  "share",
  "streams",
  "transactions",
  "settings",
  "features",
];

/** What Bunka does not show (yet), but must carry along. */
const SEEN_BY_KAFKA_ONLY = ["acls"];

interface Rung {
  readonly name: string;
  readonly kind: TargetKind;
  /** What is done once all that was there before has been looked at. */
  readonly acts: readonly string[];
  readonly end: "stop" | "kill";
}

const LADDER: readonly Rung[] = [
  { name: "Kafka fills", kind: "kafka", acts: ["fill", "fill-streams"], end: "stop" },
  {
    name: "L1 Bunka after Kafka's stop",
    kind: "bunka",
    acts: ["work", "work-streams"],
    end: "stop",
  },
  { name: "L3 Kafka after our stop", kind: "kafka", acts: ["work", "work-streams"], end: "kill" },
  {
    name: "L2 Bunka after Kafka's kill -9",
    kind: "bunka",
    acts: ["work", "work-streams"],
    end: "kill",
  },
  {
    name: "L4 Kafka after our kill -9",
    kind: "kafka",
    acts: ["work", "work-streams"],
    end: "kill",
  },
  { name: "Bunka after that", kind: "bunka", acts: ["end"], end: "stop" },
  { name: "Kafka at the end", kind: "kafka", acts: [], end: "stop" },
];

/** What must be seen of the filling, or all the comparing is of nothing. */
const FILLED = [
  '"i-share":{"value":["i-plain-0=',
  '"i-streams":{"value":["i-plain-0 ',
  "Optional[one]",
  '"type":"Consumer"',
  '"state":"Ongoing"',
  "SCRAM_SHA_256",
  "producer_byte_rate",
  "principal=User:i-user",
  "DYNAMIC_GROUP_CONFIG",
  "DYNAMIC_CLIENT_METRICS_CONFIG",
];

/** What Kafka says when it does not believe the end of a log, or what belongs to it. */
const RECOVERY =
  /Attempting recovery|Recovering (unflushed|local) |Found invalid|corrupt|WARN .*(index|snapshot|segment)/i;

/** It reads its metadata log again at every start, whatever was before. */
const ALWAYS_READ_AGAIN = "partition=__cluster_metadata-0";

const { values: flags } = parseArgs({
  options: {
    keep: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
  },
});

let passed = 0;
let failed = 0;
endBySignals();
process.exitCode = await main();

async function main(): Promise<number> {
  for (const tool of ["java", "javac", "mvn"]) {
    if (Bun.which(tool) !== null) continue;
    console.log(`skipped: no ${tool} on this machine\n\n0 passed, 0 failed`);
    return 0;
  }
  await installEcosystemDrivers();
  const folder = mkdtempSync(join(tmpdir(), "bunka-interchange-"));
  const start = performance.now();
  try {
    await climb(folder);
  } catch (error) {
    if (!(error instanceof CompatError)) throw error;
    console.log(error.message);
    failed++;
  }
  if (flags.keep || failed > 0) console.log(`kept ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
  const seconds = (performance.now() - start) / 1000;
  console.log(`\n${seconds.toFixed(1)} s\n${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

async function climb(folder: string): Promise<void> {
  const place = makePlace(folder, {}, distributionProperties);
  await formatByKafka(place);
  let known: Outcomes = {};
  for (const rung of LADDER) {
    const logStart = logText(place).length;
    const startedMs = performance.now();
    const target = await startOn(rung.kind, place, optionsFor(rung.kind));
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    console.log(`${rung.name}: answers after ${seconds} s`);
    try {
      if (Object.keys(known).length > 0) compare(rung, known, await look(target));
      for (const act of rung.acts) {
        const outcome = (await drive(target, [act]))[act];
        verdict(`${rung.name}: ${act}`, isFailure(outcome) ? [JSON.stringify(outcome)] : []);
      }
      known = { ...known, ...keep(rung.kind, await look(target)) };
      if (rung.acts.includes("fill")) {
        const text = JSON.stringify(known);
        const missing = FILLED.filter((sign) => !text.includes(sign));
        verdict(`${rung.name}: something of everything`, missing);
      }
    } catch (error) {
      await target.kill();
      throw error;
    }
    if (rung.end === "kill") await target.kill();
    else verdict(`${rung.name}: stops`, codeTrouble(rung.kind, await target.stop()));
    judgeLog(rung, logText(place).slice(logStart));
  }
}

/** Kafka lets ACLs be made only where an authorizer is, which Bunka cannot have yet. */
function optionsFor(kind: TargetKind): string[] {
  if (kind === "bunka") return [];
  const authorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer";
  const settings = [`authorizer.class.name=${authorizer}`, "super.users=User:ANONYMOUS"];
  return settings.flatMap((setting) => ["--override", setting]);
}

/** Kafka ends by a signal with 143, as every JVM does. */
function codeTrouble(kind: TargetKind, code: number | null): string[] {
  const wanted = kind === "kafka" ? 143 : 0;
  return code === wanted ? [] : [`exit code ${code}`];
}

function look(target: Target): Promise<Outcomes> {
  return drive(target, ["view"]);
}

async function drive(target: Target, words: string[]): Promise<Outcomes> {
  const outcomes: Outcomes = {};
  const errors = target.logFile.replace("broker.log", "driver.log");
  const driver = words.some((word) => word.endsWith("-streams"))
    ? ecosystemDriver("compat.StreamsGroupFill")
    : javaDriver("compat.InterchangeDriver");
  const command = [...driver, target.bootstrap, ...words];
  const read = (line: string): void => void Object.assign(outcomes, parseOutcomeLine(line));
  const env = { BUNKA_COMPAT_BROKER_PID: target.logFile.replace("broker.log", "broker.pid") };
  const code = await runLines(command, errors, DRIVER_DEADLINE_MS, read, env);
  if (code !== 0) throw new CompatError(`driver ${words.join()} ended with ${code}`);
  return outcomes;
}

/** What is to be seen again; what this broker cannot show stays as the other one last showed it. */
function keep(kind: TargetKind, seen: Outcomes): Outcomes {
  const names = kind === "kafka" ? [...VIEW, ...SEEN_BY_KAFKA_ONLY] : VIEW;
  return Object.fromEntries(names.map((name) => [name, seen[name] ?? null]));
}

function compare(rung: Rung, known: Outcomes, seen: Outcomes): void {
  const now = keep(rung.kind, seen);
  for (const name of Object.keys(now)) {
    const unseen: Json = { failed: "nothing seen" };
    const broken = isFailure(now[name]) ? [JSON.stringify(now[name] ?? unseen)] : [];
    verdict(`${rung.name}: ${name}`, [...broken, ...differences(known[name], now[name])]);
  }
}

function judgeLog(rung: Rung, log: string): void {
  const lines = log.split("\n");
  if (rung.kind === "bunka") {
    const complaints = lines.filter((line) => / (WARN|ERROR) /.test(line));
    const wanted = rung.name.includes("kill -9") ? [] : complaints;
    verdict(`${rung.name}: log`, wanted);
  } else if (rung.name.startsWith("L3")) {
    const found = lines.filter((line) => RECOVERY.test(line) && !line.includes(ALWAYS_READ_AGAIN));
    const isSkipped = lines.some((line) => line.includes("Skipping recovery of"));
    verdict(`${rung.name}: no recovery`, isSkipped ? found : ["recovery was not skipped"]);
  }
}

function verdict(name: string, troubles: readonly string[]): void {
  if (troubles.length === 0) {
    passed++;
    if (flags.verbose) console.log(`  ${name}: same`);
    return;
  }
  failed++;
  console.log(`  ${name}:`);
  for (const line of troubles.slice(0, DIFFERENCES_SHOWN)) console.log(`    ${line.slice(0, 400)}`);
  if (troubles.length > DIFFERENCES_SHOWN) {
    console.log(`    and ${troubles.length - DIFFERENCES_SHOWN} more`);
  }
}

function logText(place: Place): string {
  try {
    return readFileSync(join(place.workDirectory, "broker.log"), "utf8");
  } catch {
    return "";
  }
}

/** config/server.properties of Kafka's distribution, but for ports and folder. */
function distributionProperties(
  port: number,
  controllerPort: number,
  dataDirectory: string,
): Record<string, string> {
  return {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.bootstrap.servers": `localhost:${controllerPort}`,
    listeners: `PLAINTEXT://:${port},CONTROLLER://:${controllerPort}`,
    "inter.broker.listener.name": "PLAINTEXT",
    "advertised.listeners": `PLAINTEXT://localhost:${port},CONTROLLER://localhost:${controllerPort}`,
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map":
      "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL",
    "num.network.threads": "3",
    "num.io.threads": "8",
    "socket.send.buffer.bytes": "102400",
    "socket.receive.buffer.bytes": "102400",
    "socket.request.max.bytes": "104857600",
    "log.dirs": dataDirectory,
    "num.partitions": "1",
    "num.recovery.threads.per.data.dir": "2",
    "offsets.topic.replication.factor": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "log.retention.hours": "168",
    "log.segment.bytes": "1073741824",
    "log.retention.check.interval.ms": "300000",
    // And what makes the ladder quick: the cleaner else waits 15 seconds between two looks.
    "log.cleaner.backoff.ms": "500",
    "group.initial.rebalance.delay.ms": "0",
  };
}
