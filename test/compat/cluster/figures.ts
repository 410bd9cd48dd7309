/**
 * Figures of a cluster of three, ours beside Kafka's, at Kafka's default timeouts:
 *
 *   bun test/compat/cluster/figures.ts [--kinds bunka,bunka,bunka] [--kills 5] [--only start,leader]
 *
 * start        from the start of three formatted nodes to the first record acknowledged with
 *              acks=all and three replicas, and what memory they have then
 * leader       the longest time without an acknowledgement, at each kill -9 of the leader
 * controller   the same when the active controller is killed, which leads nothing that is written
 * election     the time until another node leads the quorum, at each kill -9 of the controller
 * failover     --partitions 10000 of three replicas, a node that leads a third of them is killed:
 *              until all are led, and until records to 200 of them are acknowledged
 * load         --commits 300000 in one group, whose coordinator stops: until its successor answers
 * catch-up     --gb 10 are written while a follower is away: until it is in sync again
 *
 * Each of the last three in a cluster of its own. Kafka with other flags of Java than the tests
 * have: BUNKA_JAVA_FLAGS="-Xmx1G -XX:+UseG1GC".
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createTopics } from "../../../src/protocol/messages/19-create-topics.ts";
import { IdempotentProducer } from "../../consistency/producers.ts";
import { retried } from "../../consistency/wire.ts";
import { installJavaDrivers } from "../harness/install.ts";
import { Cluster } from "./cluster.ts";
import { kindsOf } from "./command.ts";
import { measureCatchUp } from "./figures/catch-up.ts";
import { measureCoordinatorLoad } from "./figures/coordinator-load.ts";
import { measureElections } from "./figures/election.ts";
import { measureFailover } from "./figures/failover.ts";
import { JavaProgram } from "./java-program.ts";
import { JavaTools } from "./java-tools.ts";
import {
  type Context,
  makeTopic,
  newWire,
  partitionsOf,
  until,
  untilAllInSync,
  writeFile,
} from "./scenarios/context.ts";

const TOPIC_ALREADY_EXISTS = 36;
const INVALID_REPLICATION_FACTOR = 38;
const RETRIABLE = 14;
const PER_SECOND = 500;
const SETTLED_MS = 3000;

const { values: flags } = parseArgs({
  options: {
    kinds: { type: "string", default: "bunka,bunka,bunka" },
    kills: { type: "string", default: "5" },
    only: { type: "string", default: "start,leader,controller,election" },
    partitions: { type: "string", default: "10000" },
    commits: { type: "string", default: "300000" },
    gb: { type: "string", default: "10" },
  },
});

/** Each wants a cluster that has nothing else to do. */
const ALONE: Readonly<Record<string, (cluster: Cluster) => Promise<void>>> = {
  failover: (cluster) => measureFailover(cluster, Number(flags.partitions)),
  load: (cluster) => measureCoordinatorLoad(cluster, Number(flags.commits)),
  "catch-up": (cluster) => measureCatchUp(cluster, Number(flags.gb)),
};
const TOGETHER = ["start", "leader", "controller", "election"];

const folder = mkdtempSync(join(tmpdir(), "bunka-figures-"));
const only = flags.only.split(",");
try {
  await installJavaDrivers();
  await measure();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);

async function measure(): Promise<void> {
  const unknown = only.find((name) => !TOGETHER.includes(name) && ALONE[name] === undefined);
  if (unknown !== undefined) throw new Error(`there is no figure ${unknown}`);
  if (only.some((name) => TOGETHER.includes(name))) await measureTogether();
  for (const name of only) {
    const alone = ALONE[name];
    if (alone === undefined) continue;
    await withCluster(name, async (cluster) => {
      await cluster.start();
      await alone(cluster);
    });
  }
}

async function withCluster(name: string, use: (cluster: Cluster) => Promise<void>): Promise<void> {
  const kinds = kindsOf(flags.kinds);
  const own = join(folder, name);
  const cluster = await Cluster.make(own, { kinds });
  try {
    await use(cluster);
  } finally {
    await cluster.end();
    rmSync(own, { recursive: true, force: true });
  }
}

async function measureTogether(): Promise<void> {
  await withCluster("together", async (cluster) => {
    if (only.includes("start")) await measureStart(cluster);
    else await cluster.start();
    const tools = new JavaTools(cluster.bootstrap, join(folder, "tools.log"));
    const context: Context = { cluster, tools, folder };
    if (only.includes("leader")) await measureLeader(context);
    if (only.includes("controller")) await measureController(context);
    if (only.includes("election")) {
      const times = await measureElections(cluster, Number(flags.kills));
      console.log(`elections: ${summary(times)}`);
    }
    tools.end();
  });
}

async function measureStart(cluster: Cluster): Promise<void> {
  const startMs = performance.now();
  const started = cluster.start();
  const wire = newWire(cluster, "figures");
  const topic = {
    name: "first",
    numPartitions: 1,
    replicationFactor: 3,
    assignments: [],
    configs: [],
  };
  await retried(
    wire,
    "create",
    () => wire.ask(createTopics, 7, { topics: [topic], timeoutMs: 30_000 }),
    // Three brokers have to be known before there can be three replicas.
    ({ topics }) =>
      topics[0]!.errorCode === INVALID_REPLICATION_FACTOR ? RETRIABLE : topics[0]!.errorCode,
    [TOPIC_ALREADY_EXISTS],
  );
  const producer = new IdempotentProducer(wire);
  await producer.init();
  await producer.send("first", 0, ["first"]);
  const seconds = (performance.now() - startMs) / 1000;
  await started;
  console.log(`start to the first acknowledged record: ${seconds.toFixed(2)} s`);
  await Bun.sleep(SETTLED_MS);
  const sizes = cluster.nodes.map(({ pid }) => residentMib(pid));
  const sum = sizes.reduce((one, other) => one + other, 0);
  console.log(
    `memory: ${sizes.map((size) => size.toFixed(0)).join(" + ")} = ${sum.toFixed(0)} MiB`,
  );
  wire.close();
}

async function measureLeader(context: Context): Promise<void> {
  const { tools } = context;
  await makeTopic(context, "gap", "1:2:3");
  const gaps: number[] = [];
  for (let kill = 0; kill < Number(flags.kills); kill++) {
    const leader = (await partitionsOf(context, "gap"))[0]?.leader ?? 1;
    const controller = (await tools.quorum())?.leader;
    const gap = await gapAround(context, "gap", leader);
    gaps.push(gap);
    console.log(
      `leader ${leader} killed${leader === controller ? ", the controller too" : ""}: ${gap.toFixed(0)} ms`,
    );
  }
  console.log(`gap of leaders: ${summary(gaps)}`);
}

async function measureController(context: Context): Promise<void> {
  const { tools } = context;
  const gaps: number[] = [];
  for (let kill = 0; kill < Number(flags.kills); kill++) {
    const controller = (await tools.quorum())?.leader ?? 1;
    const others = [1, 2, 3].filter((id) => id !== controller);
    const topic = `calm-${kill}`;
    await makeTopic(context, topic, `${others.join(":")}:${controller}`);
    const gap = await gapAround(context, topic, controller);
    gaps.push(gap);
    console.log(`controller ${controller} killed: ${gap.toFixed(0)} ms`);
  }
  console.log(`gap of controllers: ${summary(gaps)}`);
}

/** The longest time between two acknowledgements, around the end of a node. */
async function gapAround(context: Context, topic: string, victim: number): Promise<number> {
  const { cluster } = context;
  const producer = startProducer(context, topic);
  const count = (): number => producer.named("producer_send_success").length;
  try {
    await until("it writes", () => count() > 2 * PER_SECOND);
    const before = producer.arrivalsMs.length;
    await cluster.node(victim).kill();
    await Bun.sleep(SETTLED_MS);
    const there = count();
    await until("it writes on", () => count() > there + PER_SECOND);
    const arrivals = producer.arrivalsMs.slice(Math.max(0, before - 10));
    await producer.stop();
    await cluster.node(victim).start();
    await untilAllInSync(context, topic);
    return arrivals.slice(1).reduce((max, at, index) => Math.max(max, at - arrivals[index]!), 0);
  } finally {
    await producer.kill();
  }
}

function startProducer(context: Context, topic: string): JavaProgram {
  const text = "retries=2147483647\nenable.idempotence=true\nlinger.ms=0\n";
  const words = {
    "--bootstrap-server": context.cluster.bootstrap,
    "--topic": topic,
    "--max-messages": "1000000",
    "--throughput": String(PER_SECOND),
    "--acks": "-1",
    "--command-config": writeFile(context, "producer.properties", text),
  };
  const mainClass = "org.apache.kafka.tools.VerifiableProducer";
  return new JavaProgram(mainClass, Object.entries(words).flat(), join(folder, "producer.log"));
}

function summary(gaps: readonly number[]): string {
  const sorted = [...gaps].sort((one, other) => one - other);
  const at = (share: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN).toFixed(0);
  return `median ${at(0.5)} ms, longest ${at(1)} ms of ${gaps.length}`;
}

function residentMib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(/VmRSS:\s*(\d+) kB/.exec(status)?.[1]) / 1024;
}
