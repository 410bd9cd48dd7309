/** Where replicas lie: in which rack, and in which directory of a node. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../../harness/outcome.ts";
import type { ClusterNode } from "../cluster.ts";
import { compareReplicas } from "../replica-logs.ts";
import {
  type Context,
  feed,
  logDirsOf,
  makeTopic,
  numbered,
  plain,
  readAll,
  until,
  untilAllInSync,
  writeFile,
} from "./context.ts";

/** Each node in a rack of its own, and consumers are sent to the replica in theirs (KIP-392). */
export function rackOf(id: number): Readonly<Record<string, string>> {
  return {
    "broker.rack": `rack-${id}`,
    "replica.selector.class": "org.apache.kafka.common.replica.RackAwareReplicaSelector",
  };
}

const RECORDS = 100;
/** Beside what is read, all else that a consumer hears is little. */
const LARGE = "x".repeat(5000);

/** Whom Kafka's own consumer reads from; and that it goes on when that one is gone. */
export async function nearestReplica(context: Context): Promise<Json> {
  const { cluster, tools } = context;
  await makeTopic(context, "near", "1:2:3", { "min.insync.replicas": "2" });
  const values = numbered(RECORDS).map((value) => `${value} ${LARGE}`);
  await feed(context, "near", 0, values);
  const outcome: Json = {};
  for (const rack of ["rack-1", "rack-2", "rack-3", "elsewhere"]) {
    outcome[rack] = await tools.readFromRack("near", rack, RECORDS);
  }
  await cluster.node(2).kill();
  await feed(context, "near", 0, numbered(1));
  outcome["rack-2 without its node"] = await tools.readFromRack("near", "rack-2", RECORDS + 1);
  await cluster.node(2).start();
  await untilAllInSync(context, "near");
  outcome["rack-2 again"] = await tools.readFromRack("near", "rack-2", RECORDS + 1);
  return outcome;
}

/** More than a move takes at once, before it is told to wait. */
const LARGER = "x".repeat(50_000);
const SLOWLY = "20000";
const QUICKLY = "100000000";

/** A leader's replica and a follower's move to the other directory of their nodes. */
export async function betweenDirectories(context: Context): Promise<Json> {
  const { cluster } = context;
  await makeTopic(context, "parted", "1:2:3", { "min.insync.replicas": "2" });
  await feed(context, "parted", 0, values("v"));
  const from = [1, 2].map((id) => directoryOf(cluster.node(id)));
  const to = [1, 2].map((id) => otherDirectoryOf(cluster.node(id)));
  const plan = JSON.stringify({
    version: 1,
    partitions: [{ topic: "parted", partition: 0, replicas: [1, 2, 3], log_dirs: [...to, "any"] }],
  });
  const words = ["--reassignment-json-file", writeFile(context, "plan.json", plan)];
  const execute = ["--execute", "--replica-alter-log-dirs-throttle"];
  const outcome: Json = {
    execute: (await context.tools.run("reassign", ...words, ...execute, SLOWLY)).code,
    "on their way": await futuresOf(context),
    "verify on the way": (await context.tools.run("reassign", ...words, "--verify")).code,
  };
  await feed(context, "parted", 0, values("w"));
  const again = [...execute, QUICKLY, "--additional"];
  outcome["execute again"] = (await context.tools.run("reassign", ...words, ...again)).code;
  await until("both have moved", () => {
    const has = (directory: string): boolean => existsSync(join(directory, "parted-0"));
    return to.every(has) && !from.some(has);
  });
  await feed(context, "parted", 0, values("x"));
  outcome["verify"] = await plain(context, "reassign", ...words, "--verify");
  outcome["left on their way"] = await futuresOf(context);
  await untilAllInSync(context, "parted");
  compareReplicas(cluster, ["parted-0"]);
  const all = (await readAll(context, "parted", 0)).map((value) => value.split(" ")[0]);
  outcome["all is there"] =
    all.join() === ["v", "w", "x"].flatMap((prefix) => numbered(RECORDS, prefix)).join();
  return outcome;
}

function values(prefix: string): string[] {
  return numbered(RECORDS, prefix).map((value) => `${value} ${LARGER}`);
}

function directoryOf(node: ClusterNode): string {
  return node.directories.find((directory) => existsSync(join(directory, "parted-0"))) ?? "";
}

function otherDirectoryOf(node: ClusterNode): string {
  return node.directories.find((directory) => !existsSync(join(directory, "parted-0"))) ?? "";
}

/** The brokers that have a second copy of it, which is to take the first one's place. */
async function futuresOf(context: Context): Promise<number[]> {
  const brokers = await logDirsOf(context, "parted");
  return brokers
    .filter(({ logDirs }) =>
      logDirs.some(({ partitions }) => partitions.some((one) => one.isFuture)),
    )
    .map(({ broker }) => broker)
    .sort();
}
