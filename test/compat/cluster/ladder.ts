/**
 * L6 and L7 of interchange: one cluster of Apache Kafka and Bunka.
 *
 * A cluster of three of the one kind is replaced node by node by the other, and back, under load:
 * each node is stopped, and the other program goes on with its directory, its voice in the quorum
 * and its replicas. So each kind follows, leads, votes for and is elected by the other.
 *
 *   bun test/compat/cluster/ladder.ts [--from kafka] [--to bunka] [--end stop|kill] [--once]
 *
 * With `--from kafka --to kafka` it is a rolling restart: the yardstick.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Chance } from "../../fuzz/chance.ts";
import { installJavaDrivers } from "../harness/install.ts";
import type { TargetKind } from "../harness/target.ts";
import { Cluster, type ClusterNode } from "./cluster.ts";
import { Command, kindOf } from "./command.ts";
import { JavaProgram } from "./java-program.ts";
import { JavaTools } from "./java-tools.ts";
import { compareReplicas } from "./replica-logs.ts";
import { type Context, makeTopic, readAll, until, writeFile } from "./scenarios/context.ts";
import { WORKLOAD_PARTITIONS, WORKLOAD_SETTINGS, workOn } from "./workload-on.ts";

const TOPIC = "ladder";
const PER_SECOND = 100;
const RECORDS = 1_000_000;

const { values: flags } = parseArgs({
  options: {
    from: { type: "string", default: "kafka" },
    to: { type: "string", default: "bunka" },
    end: { type: "string", default: "stop" },
    seed: { type: "string", default: "1" },
    /** Not back again. */
    once: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
  },
});

const command = new Command("ladder");
const { folder, say } = command;
const climbed = installJavaDrivers().then(() => climb(kindOf(flags.from), kindOf(flags.to)));
await command.end(climbed, flags.keep);

async function climb(from: TargetKind, to: TargetKind): Promise<void> {
  const kinds = [from, from, from];
  const settings = WORKLOAD_SETTINGS;
  const cluster = await Cluster.make(folder, { kinds, settings, formattedBy: from });
  const tools = new JavaTools(cluster.bootstrap, join(folder, "tools.log"));
  const context: Context = { cluster, tools, folder };
  let producer: JavaProgram | null = null;
  try {
    await cluster.start();
    say(`three of ${from} answer`);
    await makeTopic(context, TOPIC, "1:2:3,2:3:1,3:1:2");
    producer = startProducer(context);
    const { workload, failed, finish } = await workOn(
      cluster,
      new Chance(Number(flags.seed)),
      "new",
    );
    // Kafka's readers may miss aborted transactions where a follower of Kafka's took many at once
    // (see log/transaction-index.ts): so the last look is had through Bunka.
    const back: TargetKind[] = from === "kafka" && to === "bunka" ? [from, to] : [from];
    for (const kind of flags.once ? [to] : [to, ...back]) {
      for (const node of cluster.nodes) {
        await Promise.race([failed, replace(context, node, kind)]);
        say(`node ${node.id} is ${kind}: ${workload.okCount} operations`);
      }
    }
    await producer.stop();
    await judge(context, producer);
    await finish();
    await cluster.stop();
    const ladder = [0, 1, 2].map((index) => `${TOPIC}-${index}`);
    const batches = compareReplicas(cluster, [...WORKLOAD_PARTITIONS, ...ladder]);
    say(`${workload.okCount} operations, ${batches} batches the same on all replicas, no anomaly`);
    console.log("1 passed, 0 failed");
  } finally {
    await producer?.kill();
    tools.end();
    await cluster.end();
  }
}

async function replace(context: Context, node: ClusterNode, kind: TargetKind): Promise<void> {
  if (flags.end === "kill") await node.kill();
  else await node.stop();
  await Bun.sleep(500);
  await node.start(kind);
  const question = ["--describe", "--under-replicated-partitions"];
  await until("all replicas are in sync", async () => {
    const { code, out } = await context.tools.run("topics", ...question);
    return code === 0 && out.trim() === "";
  });
  // All three vote, and none is behind.
  await until("the quorum is whole", async () => {
    const ends = [...((await context.tools.quorum())?.ends.values() ?? [])];
    return ends.length === 3 && Math.max(...ends) - Math.min(...ends) < 20;
  });
  await context.tools.run(
    "leader-election",
    ...["--election-type", "preferred", "--all-topic-partitions"],
  );
}

/** What Kafka's own producer was told is there: once, and nothing else. */
async function judge(context: Context, producer: JavaProgram): Promise<void> {
  const acknowledged = producer.named("producer_send_success").map(({ value }) => String(value));
  const errors = producer.named("producer_send_error");
  const parts = await Promise.all([0, 1, 2].map((index) => readAll(context, TOPIC, index)));
  const there = parts.flat();
  const known = new Set(there);
  const lost = acknowledged.filter((value) => !known.has(value)).length;
  const doubled = there.length - known.size;
  say(
    `${acknowledged.length} acknowledged, ${lost} lost, ${doubled} doubled, ${errors.length} errors`,
  );
  if (lost > 0 || doubled > 0) throw new Error("records were lost or doubled");
  if (errors.length > 0) throw new Error(`the producer saw ${JSON.stringify(errors[0])}`);
}

function startProducer(context: Context): JavaProgram {
  const text = "retries=2147483647\nenable.idempotence=true\ndelivery.timeout.ms=120000\n";
  const words = {
    "--bootstrap-server": context.cluster.bootstrap,
    "--topic": TOPIC,
    "--max-messages": String(RECORDS),
    "--throughput": String(PER_SECOND),
    "--acks": "-1",
    "--command-config": writeFile(context, "producer.properties", text),
  };
  const mainClass = "org.apache.kafka.tools.VerifiableProducer";
  return new JavaProgram(mainClass, Object.entries(words).flat(), join(folder, "producer.log"));
}
