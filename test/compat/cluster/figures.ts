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
import { endBySignals } from "../../../bench/kit/children.ts";
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
import { measureControllerGaps, measureLeaderGaps } from "./figures/gaps.ts";
import { summary } from "./figures/survey.ts";
import { JavaTools } from "./java-tools.ts";
import { type Context, newWire } from "./scenarios/context.ts";

const TOPIC_ALREADY_EXISTS = 36;
const INVALID_REPLICATION_FACTOR = 38;
const RETRIABLE = 14;
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

endBySignals();
const folder = mkdtempSync(join(tmpdir(), "bunka-figures-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));
const only = flags.only.split(",");
await installJavaDrivers();
await measure();
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
    const kills = Number(flags.kills);
    if (only.includes("leader")) await measureLeaderGaps(context, kills);
    if (only.includes("controller")) await measureControllerGaps(context, kills);
    if (only.includes("election")) {
      const times = await measureElections(cluster, kills);
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

function residentMib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(/VmRSS:\s*(\d+) kB/.exec(status)?.[1]) / 1024;
}
