/** How long nothing is acknowledged when a node is killed, as Kafka's own producer sees it. */
import { join } from "node:path";
import { JavaProgram } from "../java-program.ts";
import {
  type Context,
  makeTopic,
  partitionsOf,
  until,
  untilAllInSync,
  untilLed,
  writeFile,
} from "../scenarios/context.ts";
import { summary } from "./survey.ts";

const PER_SECOND = 500;
const SETTLED_MS = 1000;
/** A death may be felt so late at least: when the dead one is missed (9 s) it is over, or begins. */
const AFTERMATH_MS = 1500;
const IDS = [1, 2, 3];

/** Of the leader of what is written; now and then it is the active controller, too. */
export async function measureLeaderGaps(context: Context, kills: number): Promise<void> {
  await makeTopic(context, "gap", "1:2:3");
  const producer = startProducer(context, "gap");
  const gaps: number[] = [];
  try {
    for (let kill = 0; kill < kills; kill++) {
      await settle(context, producer, "gap");
      const leader = (await partitionsOf(context, "gap"))[0]?.leader ?? 1;
      const controller = (await context.tools.quorum())?.leader;
      const gap = await gapAround(context, producer, leader);
      gaps.push(gap);
      const too = leader === controller ? ", the controller too" : "";
      console.log(`leader ${leader} killed${too}: ${gap.toFixed(0)} ms`);
    }
  } finally {
    await producer.kill();
  }
  console.log(`gap of leaders: ${summary(gaps)}`);
}

/** Of the active controller, which leads nothing of what is written, but has a replica of it. */
export async function measureControllerGaps(context: Context, kills: number): Promise<void> {
  const producers = new Map<number, JavaProgram>();
  const gaps: number[] = [];
  try {
    for (const id of IDS) {
      const replicas = [...IDS.filter((other) => other !== id), id];
      await makeTopic(context, `calm-${id}`, replicas.join(":"));
      producers.set(id, startProducer(context, `calm-${id}`));
    }
    for (let kill = 0; kill < kills; kill++) {
      const controller = (await context.tools.quorum())?.leader ?? 1;
      const producer = producers.get(controller)!;
      const topic = `calm-${controller}`;
      await lead(
        context,
        topic,
        IDS.find((id) => id !== controller)!,
      );
      await settle(context, producer, topic);
      const gap = await gapAround(context, producer, controller);
      gaps.push(gap);
      console.log(`controller ${controller} killed: ${gap.toFixed(0)} ms`);
    }
  } finally {
    for (const producer of producers.values()) await producer.kill();
  }
  console.log(`gap of controllers: ${summary(gaps)}`);
}

/** The first of its replicas does. */
async function lead(context: Context, topic: string, first: number): Promise<void> {
  await untilAllInSync(context, topic);
  const preferred = ["--election-type", "preferred", "--all-topic-partitions"];
  await context.tools.run("leader-election", ...preferred);
  await untilLed(context, topic, 0, first);
}

async function settle(context: Context, producer: JavaProgram, topic: string): Promise<void> {
  await untilAllInSync(context, topic);
  const there = producer.arrivalsMs.length;
  await until("it writes", () => producer.arrivalsMs.length > there + PER_SECOND);
  await Bun.sleep(SETTLED_MS);
}

/** The longest time between two acknowledgements, around the end of a node; it is back then. */
async function gapAround(
  { cluster }: Context,
  { arrivalsMs }: JavaProgram,
  victim: number,
): Promise<number> {
  const before = arrivalsMs.length;
  await cluster.node(victim).kill();
  await Bun.sleep(AFTERMATH_MS);
  const there = arrivalsMs.length;
  await until("it writes on", () => arrivalsMs.length > there + PER_SECOND);
  const arrivals = arrivalsMs.slice(Math.max(0, before - 10));
  await cluster.node(victim).start();
  return arrivals.slice(1).reduce((max, at, index) => Math.max(max, at - arrivals[index]!), 0);
}

function startProducer(context: Context, topic: string): JavaProgram {
  const text = "retries=2147483647\nenable.idempotence=true\nlinger.ms=0\n";
  const words = {
    "--bootstrap-server": context.cluster.bootstrap,
    "--topic": topic,
    "--max-messages": "10000000",
    "--throughput": String(PER_SECOND),
    "--acks": "-1",
    "--command-config": writeFile(context, "producer.properties", text),
  };
  const mainClass = "org.apache.kafka.tools.VerifiableProducer";
  const errorFile = join(context.folder, "producer.log");
  return new JavaProgram(mainClass, Object.entries(words).flat(), errorFile);
}
