/** Apache Kafka's tools on a cluster of three that is well. */
import type { Json } from "../../harness/outcome.ts";
import {
  type Context,
  feed,
  logDirsOf,
  makeTopic,
  numbered,
  partitionsOf,
  plain,
  readAll,
  until,
  untilAllInSync,
  writeFile,
} from "./context.ts";

/** What is placed by chance is told by its shape. */
export async function topics(context: Context): Promise<Json> {
  const { tools } = context;
  const create = await plain(
    context,
    "topics",
    "--create",
    "--topic",
    "spread",
    "--partitions",
    "6",
  );
  await untilAllInSync(context, "spread");
  const spread = await partitionsOf(context, "spread");
  const leaders = [1, 2, 3].map((id) => spread.filter(({ leader }) => leader === id).length);
  const whole = spread.every(({ replicas }) => [...replicas].sort().join() === "1,2,3");
  const assigned = "1:2:3,2:3:1,3:1:2";
  const words = ["--create", "--topic", "placed", "--replica-assignment", assigned];
  const placed = await plain(context, "topics", ...words);
  await untilAllInSync(context, "placed");
  const outcome: Json = { create, leaders, whole, placed };
  outcome["describe"] = await plain(context, "topics", "--describe", "--topic", "placed");
  const more = ["--alter", "--topic", "placed", "--partitions", "6"];
  outcome["alter"] = await plain(
    context,
    "topics",
    ...more,
    "--replica-assignment",
    "1:2:3,2:3:1,3:1:2,3:2:1,2:1:3,1:3:2",
  );
  await untilAllInSync(context, "placed");
  for (const question of [
    "--under-replicated-partitions",
    "--unavailable-partitions",
    "--under-min-isr-partitions",
    "--at-min-isr-partitions",
  ]) {
    outcome[question] = await plain(context, "topics", "--describe", question, "--topic", "placed");
  }
  const tooMany = ["--topic", "many", "--partitions", "1", "--replication-factor", "4"];
  outcome["too many"] = await plain(context, "topics", "--create", ...tooMany);
  const strange = ["--topic", "strange", "--replica-assignment", "1:7"];
  outcome["strange"] = await plain(context, "topics", "--create", ...strange);
  await tools.lines("topics", "--delete", "--topic", "spread");
  await until("it is gone", async () => (await partitionsOf(context, "spread")).length === 0);
  outcome["gone"] = await plain(context, "topics", "--describe", "--topic", "spread");
  return outcome;
}

/** Replicas move with what they hold, and a move can be taken back. */
export async function reassign(context: Context): Promise<Json> {
  await makeTopic(context, "moved", "1:2,2:3", { "min.insync.replicas": "1" });
  const values = numbered(200);
  await feed(context, "moved", 0, values);
  const file = plan(context, "moved", [
    [2, 3],
    [3, 1],
  ]);
  const execute = ["--reassignment-json-file", file, "--execute", "--throttle", "50000000"];
  const outcome: Json = { execute: await plain(context, "reassign", ...execute) };
  await until("the move is done", async () => {
    const partitions = await partitionsOf(context, "moved");
    return (
      partitions.map(({ isr, replicas }) => `${replicas}/${isr.length}`).join(" ") === "2,3/2 3,1/2"
    );
  });
  outcome["verify"] = await plain(
    context,
    "reassign",
    "--reassignment-json-file",
    file,
    "--verify",
  );
  outcome["list"] = await plain(context, "reassign", "--list");
  outcome["describe"] = await plain(context, "topics", "--describe", "--topic", "moved");
  outcome["same"] = (await readAll(context, "moved", 0)).join() === values.join();
  const strange = plan(context, "moved", [
    [2, 9],
    [3, 1],
  ]);
  outcome["strange"] = await plain(
    context,
    ...(["reassign", "--reassignment-json-file", strange, "--execute"] as const),
  );
  const generate = writeFile(context, "topics.json", '{"topics":[{"topic":"moved"}],"version":1}');
  const { code } = await context.tools.run(
    "reassign",
    ...["--topics-to-move-json-file", generate, "--broker-list", "1,2,3", "--generate"],
  );
  outcome["generate"] = code;
  return outcome;
}

/** A reassignment to a node that cannot read from the leader waits, and is taken back. */
export async function reassignCancel(context: Context): Promise<Json> {
  const { cluster } = context;
  await makeTopic(context, "waiting", "1:2", { "min.insync.replicas": "1" });
  await feed(context, "waiting", 0, numbered(50));
  // Whom it asks for records; what it tells the controller goes another way.
  cluster.node(1).clientProxy?.spoil(3, { holdsRequests: true });
  const file = plan(context, "waiting", [[1, 3]]);
  const words = ["--reassignment-json-file", file];
  const outcome: Json = { execute: await plain(context, "reassign", ...words, "--execute") };
  outcome["list"] = await plain(context, "reassign", "--list");
  outcome["during"] = await plain(context, "topics", "--describe", "--topic", "waiting");
  outcome["verify"] = await plain(context, "reassign", ...words, "--verify");
  outcome["cancel"] = await plain(context, "reassign", ...words, "--cancel");
  outcome["after"] = await plain(context, "topics", "--describe", "--topic", "waiting");
  cluster.heal();
  return outcome;
}

export async function features(context: Context): Promise<Json> {
  const describe = async (): Promise<string[]> => {
    const lines = await context.tools.lines("features", "describe");
    return lines.map((line) =>
      line
        .replace(/Epoch: \d+/, "")
        .replaceAll(/\s+/g, " ")
        .trim(),
    );
  };
  const outcome: Json = { before: await describe() };
  const down = ["downgrade", "--feature", "transaction.version=1"];
  outcome["downgrade"] = await plain(context, "features", ...down);
  const up = ["upgrade", "--feature", "transaction.version=2"];
  outcome["upgrade"] = await plain(context, "features", ...up);
  outcome["too far"] = await plain(context, "features", "upgrade", "--feature", "group.version=9");
  outcome["dry"] = await plain(
    context,
    ...(["features", "upgrade", "--feature", "share.version=1", "--dry-run"] as const),
  );
  await until("all have heard", async () =>
    (await describe()).some((line) => /transaction.*Level: 2/.test(line)),
  );
  outcome["after"] = await describe();
  return outcome;
}

export async function logDirs(context: Context): Promise<Json> {
  await makeTopic(context, "lying", "1:2:3,3:1:2");
  await feed(context, "lying", 0, numbered(20));
  await until("followers have it", async () => (await sizes(context)).every((size) => size > 0));
  const brokers = (await logDirsOf(context, "lying")).map(({ broker, logDirs: directories }) => ({
    broker,
    partitions: directories
      .flatMap(({ partitions }) => partitions)
      .map(({ partition, offsetLag, isFuture }) => `${partition} ${offsetLag} ${isFuture}`)
      .sort(),
  }));
  const all = await sizes(context);
  return { brokers, "sizes agree": new Set(all).size === 1 };
}

export async function cluster(context: Context): Promise<Json> {
  return {
    id: await plain(context, "cluster", "cluster-id"),
    endpoints: await plain(context, "cluster", "list-endpoints"),
    "unregister alive": await plain(context, "cluster", "unregister", "--id", "9"),
  };
}

/** Of partition 0 on each of its nodes. */
async function sizes(context: Context): Promise<number[]> {
  return (await logDirsOf(context, "lying"))
    .flatMap(({ logDirs: directories }) => directories.flatMap(({ partitions }) => partitions))
    .filter(({ partition }) => partition === "lying-0")
    .map(({ size }) => size);
}

function plan(context: Context, topic: string, replicas: readonly (readonly number[])[]): string {
  const partitions = replicas.map((ids, partition) => ({ topic, partition, replicas: ids }));
  return writeFile(context, `${topic}.json`, JSON.stringify({ version: 1, partitions }));
}
