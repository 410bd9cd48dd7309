/** What the scenarios of clusters share. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { realClock } from "../../../../src/base/real-clock.ts";
import { realNetwork } from "../../../../src/base/real-network.ts";
import { IdempotentProducer } from "../../../consistency/producers.ts";
import { read } from "../../../consistency/reader.ts";
import { ClusterWire } from "../../../sim/cluster/cluster-wire.ts";
import { FakeRandom } from "../../../sim/fake-random.ts";
import { CompatError, type Json } from "../../harness/outcome.ts";
import type { Cluster } from "../cluster.ts";
import type { JavaTools, ToolName } from "../java-tools.ts";

export interface Context {
  readonly cluster: Cluster;
  readonly tools: JavaTools;
  /** For files of the scenario's own. */
  readonly folder: string;
}

/** Resolves to facts that are the same in every run, whichever nodes there are. */
export type Scenario = (context: Context) => Promise<Json>;

const UNTIL_MS_MAX = 90_000;

/** Asks again and again until it is so. */
export async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const end = performance.now() + UNTIL_MS_MAX;
  while (!(await holds())) {
    if (performance.now() > end) throw new CompatError(`${what}: not in time`);
    await Bun.sleep(100);
  }
}

/** What a tool printed, without what differs from run to run. */
export async function plain(
  { tools, folder }: Context,
  name: ToolName,
  ...words: string[]
): Promise<Json> {
  const { code, out, err } = await tools.run(name, ...words);
  return { code, out: plainLines(out, folder), err: plainLines(err, folder) };
}

export function plainLines(text: string, folder: string): string[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("\tat ") && !line.includes(" WARN "))
    .map((line) =>
      line
        .replaceAll(folder, "FOLDER")
        .replaceAll(/\/tmp\/bunka-cluster-\w+(\/stage-\d+)?/g, "FOLDER")
        .replaceAll(/Local controller \d/g, "Local controller N")
        .replaceAll(/(Isr|Elr): ([\d,]+)/g, (_, name: string, all: string) => {
          return `${name}: ${all.split(",").sort().join(",")}`;
        })
        .replaceAll(/127\.0\.0\.1[ :]\d+/g, "ADDRESS")
        .replaceAll(/adminclient-\d+/g, "adminclient-N")
        .replaceAll(/set of voters \[.*\]/g, "set of voters VOTERS")
        .replaceAll(/TopicId: \S{22}/g, "TopicId: ID")
        .replaceAll(/directory id \S{22}/g, "directory id ID")
        .replaceAll(/"directoryId": "\S{22}"/g, '"directoryId": "ID"')
        .replaceAll(/\[\d{4}-\d\d-\d\d [\d:,]+\] /g, "")
        .replaceAll(/\(org\.[\w.$]+\)|\(kafka\.[\w.$]+\)/g, "")
        .replaceAll(/\d{10,}/g, "TIME")
        .replaceAll(/\s+/g, " ")
        .trim(),
    );
}

export interface PartitionState {
  readonly leader: number | null;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly elr: readonly number[];
}

/** As kafka-topics describes it. */
export async function partitionsOf({ tools }: Context, topic: string): Promise<PartitionState[]> {
  const { code, out } = await tools.run("topics", "--describe", "--topic", topic);
  if (code !== 0) return [];
  return out.split("\n").flatMap((line) => {
    if (!line.includes("Partition: ")) return [];
    const leader = /Leader: (\S+)/.exec(line)?.[1];
    return {
      leader: leader === "none" || leader === undefined ? null : Number(leader),
      replicas: ids(/Replicas: ([\d,]*)/.exec(line)?.[1]),
      isr: ids(/Isr: ([\d,]*)/.exec(line)?.[1]),
      elr: ids(/Elr: ([\d,]*)/.exec(line)?.[1]),
    };
  });
}

export interface BrokerDirectories {
  readonly broker: number;
  readonly logDirs: readonly {
    readonly partitions: readonly {
      readonly partition: string;
      readonly size: number;
      readonly offsetLag: number;
      readonly isFuture: boolean;
    }[];
  }[];
}

/** What each broker has of a topic, as kafka-log-dirs describes it. */
export async function logDirsOf({ tools }: Context, topic: string): Promise<BrokerDirectories[]> {
  const lines = await tools.lines("log-dirs", "--describe", "--topic-list", topic);
  const answer: { brokers: BrokerDirectories[] } = JSON.parse(lines.at(-1) ?? "{}");
  return answer.brokers;
}

export async function untilAllInSync(context: Context, topic: string): Promise<void> {
  await until(`${topic} is in sync`, async () => {
    const partitions = await partitionsOf(context, topic);
    const isWell = ({ leader, replicas, isr }: PartitionState): boolean =>
      leader !== null && isr.length === replicas.length;
    return partitions.length > 0 && partitions.every(isWell);
  });
}

export async function untilLed(
  context: Context,
  topic: string,
  index: number,
  id: number,
): Promise<void> {
  await until(`${topic}-${index} is led by ${id}`, async () => {
    return (await partitionsOf(context, topic))[index]?.leader === id;
  });
}

/** A topic whose replicas are where they are told; ready for records. */
export async function makeTopic(
  context: Context,
  topic: string,
  assignment: string,
  configs: Readonly<Record<string, string>> = {},
): Promise<void> {
  const words = Object.entries(configs).flatMap(([name, value]) => [
    "--config",
    `${name}=${value}`,
  ]);
  await context.tools.lines(
    "topics",
    ...["--create", "--topic", topic, "--replica-assignment", assignment, ...words],
  );
  await untilAllInSync(context, topic);
}

/** A client of the tests' own, that finds leaders by itself. */
export function newWire(cluster: Cluster, name = "scenario"): ClusterWire {
  return new ClusterWire({
    clock: realClock(),
    network: realNetwork(),
    random: new FakeRandom(1),
    bootstrap: cluster.bootstrap.split(","),
    name,
    closing: { isClosing: false },
  });
}

/** Writes so many records with acks=all, one after the other. */
export async function feed(
  context: Context,
  topic: string,
  partition: number,
  values: readonly string[],
): Promise<void> {
  const wire = newWire(context.cluster);
  const producer = new IdempotentProducer(wire);
  await producer.init();
  for (const value of values) await producer.send(topic, partition, [value]);
  wire.close();
}

/** All that is there, from the start to the end of one partition. */
export async function readAll(
  context: Context,
  topic: string,
  partition: number,
): Promise<string[]> {
  const wire = newWire(context.cluster);
  const values: string[] = [];
  for (let offset = 0; ;) {
    const found = await read(wire, topic, partition, offset, "read_committed");
    values.push(...found.records.map(({ value }) => value));
    if (found.nextOffset === offset && offset >= found.highWatermark) break;
    offset = found.nextOffset;
  }
  wire.close();
  return values;
}

export function numbered(count: number, prefix = "v"): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}

export function writeFile({ folder }: Context, name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function ids(text: string | undefined): number[] {
  return (text ?? "").split(",").filter(Boolean).map(Number);
}
