/** Clusters of other shapes: controllers that are no brokers, voters that are in the settings. */
import type { Json } from "../../harness/outcome.ts";
import {
  type Context,
  feed,
  makeTopic,
  numbered,
  partitionsOf,
  readAll,
  until,
  untilAllInSync,
} from "./context.ts";

/**
 * The active controller dies, then a leader; commands and records go on; all are there when the
 * whole cluster has been down.
 */
export async function lives(context: Context): Promise<Json> {
  const { cluster, tools } = context;
  const controllers = cluster.nodes.filter(({ role }) => role !== "broker");
  await makeTopic(context, "before", "1:2:3,2:3:1", { "min.insync.replicas": "2" });
  await feed(context, "before", 0, numbered(20));
  const old = (await tools.quorum())?.leader ?? controllers[0]!.id;
  await cluster.node(old).kill();
  await feed(context, "before", 0, numbered(20, "w"));
  await until("another one leads", async () => {
    const now = await tools.quorum();
    return now !== null && now.leader !== old && now.leader > 0;
  });
  const alive = cluster.brokers.filter(({ isRunning }) => isRunning).map(({ id }) => id);
  await makeTopic(context, "between", alive.slice(0, 2).join(":"));
  await cluster.node(old).start();
  await untilAllInSync(context, "before");
  const leader = (await partitionsOf(context, "before"))[0]?.leader ?? 1;
  await cluster.node(leader).kill();
  await feed(context, "before", 0, numbered(20, "x"));
  await cluster.node(leader).start();
  await untilAllInSync(context, "before");
  await until("the quorum is whole", () => isQuorumWhole(context));
  await stopAll(context);
  await cluster.start();
  await untilAllInSync(context, "before");
  await feed(context, "before", 0, numbered(20, "y"));
  const values = await readAll(context, "before", 0);
  const wanted = ["v", "w", "x", "y"].flatMap((prefix) => numbered(20, prefix));
  const status = await tools.lines("metadata-quorum", "describe", "--status");
  return {
    voters: idsIn(status, "CurrentVoters"),
    observers: idsIn(status, "CurrentObservers"),
    topics: (await tools.lines("topics", "--list")).filter((name) => !name.startsWith("_")).sort(),
    "all is there": values.join() === wanted.join(),
  };
}

async function isQuorumWhole({ cluster, tools }: Context): Promise<boolean> {
  const ends = [...((await tools.quorum())?.ends.values() ?? [])];
  const voters = cluster.nodes.filter(({ role }) => role !== "broker").length;
  return ends.length === voters && Math.max(...ends) - Math.min(...ends) < 10;
}

/** Brokers that stand alone stop while there is a controller to ask. */
async function stopAll({ cluster }: Context): Promise<void> {
  const alone = cluster.nodes.filter(({ role }) => role === "broker");
  await Promise.all(alone.map((node) => node.stop()));
  await cluster.stop();
}

function idsIn(lines: readonly string[], name: string): number[] {
  const line = lines.find((text) => text.startsWith(name)) ?? "";
  return [...line.matchAll(/"id": (\d+)/g)].map(([, id]) => Number(id)).sort();
}
