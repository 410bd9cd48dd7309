/** What a failing machine does to one node of three, and what must not come of it. */
import { cpSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ErrorCode } from "../../../../src/protocol/error-code.ts";
import { buildBatch } from "../../../../src/protocol/record-batch-builder.ts";
import { Connection, ConnectionLost, produceBatch } from "../../../end-to-end/client.ts";
import type { Json } from "../../harness/outcome.ts";
import { ClusterView } from "../cluster-view.ts";
import { compareReplicas } from "../replica-logs.ts";
import {
  type Context,
  feed,
  makeTopic,
  numbered,
  partitionsOf,
  readAll,
  until,
  untilAllInSync,
  untilLed,
} from "./context.ts";

/** BUNKA_FROZEN_MS=30000 for as long as issue 6 has it. */
const FROZEN_MS = Number(process.env["BUNKA_FROZEN_MS"] ?? "6000");
const LATE = 50;
const PRODUCE_VERSION = 9;
const ALL = -1;
const LEADER_ALONE = 1;
/** A few of these fill a segment. */
const LARGE = "x".repeat(4000);
const SEGMENT_SIZE = 20_000;

/** A leader sleeps with requests in its socket: nothing of them is acknowledged, or there. */
export async function frozenLeader(context: Context): Promise<Json> {
  const { cluster } = context;
  const frozen = cluster.node(1);
  await makeTopic(context, "frozen", "1:2:3", { "min.insync.replicas": "2" });
  await feed(context, "frozen", 0, numbered(10));
  const connection = await Connection.open(frozen.place.port);
  const start = performance.now();
  frozen.freeze();
  const late = produceAll(connection, "frozen", numbered(LATE, "late"), ALL);
  await untilTakenFrom(context, "frozen-0", 1);
  await feed(context, "frozen", 0, numbered(10, "w"));
  await Bun.sleep(Math.max(0, start + FROZEN_MS - performance.now()));
  frozen.thaw();
  const answers = await late;
  connection.terminate();
  await untilWhole(context);
  const values = await readAll(context, "frozen", 0);
  compareReplicas(cluster, ["frozen-0"]);
  return {
    "late and acknowledged": answers.filter((code) => code === ErrorCode.NONE).length,
    "late and there": values.filter((value) => value.startsWith("late")).length,
    "all others": isJust(values, [...numbered(10), ...numbered(10, "w")]),
  };
}

/** A leader that is cut off goes on alone: what it took then gives way to what the others have. */
export async function divergingEpochs(context: Context): Promise<Json> {
  const { cluster } = context;
  const outcome: Json = {};
  // Each node takes its turn, so that each kind has to cut its log at the word of each other.
  for (const [round, [first, second, third]] of [
    [1, 2, 3],
    [2, 3, 1],
    [3, 1, 2],
  ].entries()) {
    const topic = `fork-${round}`;
    await makeTopic(context, topic, `${first}:${second}:${third}`);
    await feed(context, topic, 0, numbered(10));
    const connection = await Connection.open(cluster.node(first!).place.port);
    cluster.isolate(first!, { isCut: true });
    const lost = await produceAll(connection, topic, numbered(5, "lost"), LEADER_ALONE);
    connection.terminate();
    await untilTakenFrom(context, `${topic}-0`, first!);
    await feed(context, topic, 0, numbered(10, "w"));
    cluster.heal();
    await untilWhole(context);
    compareReplicas(cluster, [`${topic}-0`]);
    const values = await readAll(context, topic, 0);
    outcome[topic] = {
      "taken by one alone": lost.filter((code) => code === ErrorCode.NONE).length,
      just: isJust(values, [...numbered(10), ...numbered(10, "w")]),
    };
  }
  return outcome;
}

/** The folder of a node as it was some time ago: what it lacks comes from the others. */
export async function oldFolder(context: Context): Promise<Json> {
  const { cluster, tools, folder } = context;
  const node = cluster.node(3);
  const old = join(folder, "old");
  await makeTopic(context, "aged", "3:1:2", { "min.insync.replicas": "2" });
  await feed(context, "aged", 0, numbered(10));
  await node.stop();
  cpSync(node.place.dataDirectory, old, { recursive: true });
  await node.start();
  await untilAllInSync(context, "aged");
  await feed(context, "aged", 0, numbered(10, "w"));
  await makeTopic(context, "younger", "1:3");
  await node.stop();
  rmSync(node.place.dataDirectory, { recursive: true });
  cpSync(old, node.place.dataDirectory, { recursive: true });
  await node.start();
  for (const topic of ["aged", "younger"]) await untilAllInSync(context, topic);
  await until("it is elected", async () => {
    const elect = ["--election-type", "preferred", "--all-topic-partitions"];
    await tools.run("leader-election", ...elect);
    return (await partitionsOf(context, "aged"))[0]?.leader === 3;
  });
  compareReplicas(cluster, ["aged-0"]);
  const values = await readAll(context, "aged", 0);
  return { "all is there": isJust(values, [...numbered(10), ...numbered(10, "w")]) };
}

/** One of a leader's two directories is gone: what it held is led by others, the rest goes on. */
export async function lostDirectory(context: Context): Promise<Json> {
  const { cluster } = context;
  const node = cluster.node(1);
  const [, second = ""] = node.directories;
  const indexes = [0, 1, 2, 3];
  const assignment = indexes.map(() => "1:2:3").join();
  const configs = { "min.insync.replicas": "2", "internal.segment.bytes": String(SEGMENT_SIZE) };
  await makeTopic(context, "spread", assignment, configs);
  const feedAll = async (prefix: string): Promise<void> => {
    const values = numbered(10, prefix).map((value) => `${value} ${LARGE}`);
    for (const index of indexes) await feed(context, "spread", index, values);
  };
  const isWhole = async (index: number): Promise<boolean> => {
    const values = (await readAll(context, "spread", index)).map((value) => value.split(" ")[0]!);
    return isJust(values, [...numbered(10), ...numbered(10, "w"), ...numbered(10, "x")]);
  };
  await feedAll("v");
  const gone = indexes.filter((index) => existsSync(join(second, `spread-${index}`)));
  rmSync(second, { recursive: true });
  await feedAll("w");
  await until("others lead what it held", async () => {
    const partitions = await partitionsOf(context, "spread");
    return gone.every((index) => (partitions[index]?.leader ?? 1) !== 1);
  });
  const leaders = (await partitionsOf(context, "spread")).map(({ leader }) => leader);
  await feedAll("x");
  const outcome: Json = {
    gone: gone.length,
    "led as before": indexes.filter((index) => leaders[index] === 1).length,
    "is alive": !(await node.endsWithin(0)),
    "whole before": await every(indexes, isWhole),
  };
  await node.stop();
  await cluster.formatAgain(node);
  await node.start();
  await untilAllInSync(context, "spread");
  const elect = ["--election-type", "preferred", "--all-topic-partitions"];
  await context.tools.run("leader-election", ...elect);
  for (const index of indexes) await untilLed(context, "spread", index, 1);
  outcome["whole afterwards"] = await every(indexes, isWhole);
  return outcome;
}

/** The others have it so; the one that is out of reach need not know. */
async function untilTakenFrom({ cluster }: Context, partition: string, id: number): Promise<void> {
  const view = new ClusterView(cluster);
  const others = cluster.brokers.filter((node) => node.id !== id);
  await view.until(`${partition} is led by another than ${id}`, async () => {
    for (const node of others) {
      const all = (await view.partitions(node)) ?? [];
      const leader = all.find(({ name }) => name === partition)?.leader ?? -1;
      if (leader < 1 || leader === id) return false;
    }
    return true;
  });
  view.close();
}

/** All have it so: one that was out of reach believes for a while that all is as it was. */
async function untilWhole({ cluster }: Context): Promise<void> {
  const view = new ClusterView(cluster);
  await view.until("all replicas are in sync", () => view.isWhole());
  view.close();
}

/** Each for itself, over one connection; null where none answered. */
function produceAll(
  connection: Connection,
  topic: string,
  values: readonly string[],
  acks: number,
): Promise<(ErrorCode | null)[]> {
  const produce = async (value: string): Promise<ErrorCode | null> => {
    const record = { key: null, value: Buffer.from(value), timestamp: Date.now() };
    const bytes = buildBatch({ records: [record] });
    try {
      return (await produceBatch(connection, topic, 0, bytes, PRODUCE_VERSION, acks)).errorCode;
    } catch (error) {
      if (error instanceof ConnectionLost) return null;
      throw error;
    }
  };
  return Promise.all(values.map(produce));
}

function isJust(values: readonly string[], wanted: readonly string[]): boolean {
  return values.join() === wanted.join();
}

async function every(
  indexes: readonly number[],
  holds: (index: number) => Promise<boolean>,
): Promise<boolean> {
  for (const index of indexes) if (!(await holds(index))) return false;
  return true;
}
