/** Nodes that die and come back: who leads, who is in sync, and what is still there. */
import type { Json } from "../../harness/outcome.ts";
import {
  type Context,
  feed,
  makeTopic,
  numbered,
  partitionsOf,
  plain,
  readAll,
  until,
  untilAllInSync,
  untilLed,
} from "./context.ts";

/** A killed leader's partitions go to others; when it is back it leads again only when told to. */
export async function preferredLeader(context: Context): Promise<Json> {
  const { cluster } = context;
  await makeTopic(context, "led", "1:2:3,2:3:1,3:1:2");
  await feed(context, "led", 0, numbered(100));
  await cluster.node(1).kill();
  await untilLed(context, "led", 0, 2);
  await until("it is out", async () =>
    (await partitionsOf(context, "led")).every(({ isr }) => !isr.includes(1)),
  );
  const outcome: Json = { dead: await plain(context, "topics", "--describe", "--topic", "led") };
  await feed(context, "led", 0, numbered(100, "w"));
  await cluster.node(1).start();
  await untilAllInSync(context, "led");
  outcome["back"] = (await partitionsOf(context, "led")).map(({ leader }) => leader);
  const elect = ["--election-type", "preferred", "--topic", "led", "--partition", "0"];
  outcome["elect"] = await plain(context, "leader-election", ...elect);
  await untilLed(context, "led", 0, 1);
  outcome["again"] = await plain(context, "leader-election", ...elect);
  const all = ["--election-type", "preferred", "--all-topic-partitions"];
  outcome["all"] = (await context.tools.run("leader-election", ...all)).code;
  const values = [...numbered(100), ...numbered(100, "w")];
  outcome["same"] = (await readAll(context, "led", 0)).join() === values.join();
  return outcome;
}

/** Two of three are gone: below min.insync.replicas nothing is taken (KIP-966). */
export async function belowMinIsr(context: Context): Promise<Json> {
  const { cluster } = context;
  const [other, another] = [2, 3];
  await makeTopic(context, "scarce", "1:2:3", { "min.insync.replicas": "3" });
  await feed(context, "scarce", 0, numbered(10));
  await cluster.node(other).kill();
  await until(
    "it is out",
    async () => (await partitionsOf(context, "scarce"))[0]?.isr.length === 2,
  );
  const [state] = await partitionsOf(context, "scarce");
  const late = feed(context, "scarce", 0, ["late"]);
  const isTaken = await Promise.race([late.then(() => true), Bun.sleep(3000).then(() => false)]);
  await cluster.node(other).start();
  await late;
  await untilAllInSync(context, "scarce");
  const values = await readAll(context, "scarce", 0);
  // A record that was refused may have been written before it was, as Kafka has it.
  const late_ = values.filter((value) => value === "late").length;
  return {
    isr: [...(state?.isr ?? [])].sort(),
    elr: [...(state?.elr ?? [])],
    isTaken,
    late: late_,
    another,
  };
}

/** The only replicas in sync are gone: nobody leads, until one of them is back or it is unclean. */
export async function uncleanElection(context: Context): Promise<Json> {
  const { cluster } = context;
  await makeTopic(context, "unclean", "1:2", { "min.insync.replicas": "1" });
  await feed(context, "unclean", 0, numbered(10));
  await cluster.node(2).kill();
  await until(
    "2 is out",
    async () => (await partitionsOf(context, "unclean"))[0]?.isr.join() === "1",
  );
  await feed(context, "unclean", 0, numbered(10, "w"));
  await cluster.node(1).kill();
  await cluster.node(2).start();
  await until(
    "nobody leads",
    async () => (await partitionsOf(context, "unclean"))[0]?.leader === null,
  );
  const outcome: Json = {
    none: await plain(context, "topics", "--describe", "--topic", "unclean"),
  };
  const elect = ["--topic", "unclean", "--partition", "0", "--election-type"];
  outcome["preferred"] = await plain(context, "leader-election", ...elect, "preferred");
  outcome["unclean"] = await plain(context, "leader-election", ...elect, "unclean");
  await untilLed(context, "unclean", 0, 2);
  outcome["left"] = (await readAll(context, "unclean", 0)).join() === numbered(10).join();
  await feed(context, "unclean", 0, ["x"]);
  await cluster.node(1).start();
  // What it has beyond the new leader's is cut off.
  await untilAllInSync(context, "unclean");
  await context.tools.run("leader-election", ...elect, "preferred");
  await untilLed(context, "unclean", 0, 1);
  outcome["at the end"] =
    (await readAll(context, "unclean", 0)).join() === [...numbered(10), "x"].join();
  return outcome;
}

/** The active controller dies: another one takes over, and commands go on. */
export async function controllerDeath(context: Context): Promise<Json> {
  const { cluster, tools } = context;
  const before = await tools.quorum();
  const old = before?.leader ?? 1;
  await cluster.node(old).kill();
  await until("another one leads", async () => {
    const now = await tools.quorum();
    return now !== null && now.leader !== old;
  });
  const others = [1, 2, 3].filter((id) => id !== old);
  await makeTopic(context, "after-death", others.join(":"));
  await cluster.node(old).start();
  await until("it follows", async () => {
    const now = await tools.quorum();
    const ends = [...(now?.ends.values() ?? [])];
    return ends.length === 3 && Math.max(...ends) - Math.min(...ends) < 5;
  });
  const status = await tools.lines("metadata-quorum", "describe", "--status");
  const voters = status.find((line) => line.startsWith("CurrentVoters")) ?? "";
  return {
    "epoch grew": ((await tools.quorum())?.epoch ?? 0) > (before?.epoch ?? 0),
    voters: [...voters.matchAll(/"id": (\d+)/g)].map(([, id]) => Number(id)).sort(),
  };
}

const TRIES_MAX = 20;

/** A voter is taken out of the quorum and in again (KIP-853). */
export async function voters(context: Context): Promise<Json> {
  const { cluster, tools } = context;
  const leader = (await tools.quorum())?.leader ?? 1;
  const id = leader === 3 ? 2 : 3;
  const directoryId = await directoryOf(context, id);
  const remove = ["remove-controller", "--controller-id", String(id)];
  const removeIt = [...remove, "--controller-directory-id", directoryId];
  const name = (outcome: Json): Json => {
    const text = JSON.stringify(outcome).replaceAll(directoryId, "ID");
    return JSON.parse(
      text.replaceAll(`id=${id}`, "id=N").replaceAll(`controller ${id}`, "controller N"),
    );
  };
  const outcome: Json = {
    dry: name(await plain(context, "metadata-quorum", ...removeIt, "--dry-run")),
  };
  outcome["remove"] = name(await byLeader(context, ...removeIt));
  await until("two vote", async () => (await tools.quorum())?.ends.size === 2);
  outcome["not twice"] = name(await byLeader(context, ...removeIt));
  const config = cluster.node(id).place.propertiesFile;
  const add = ["--command-config", config, "add-controller"];
  // It has to have caught up before it may vote: so it is asked for again until it has.
  await until(
    "it is in again",
    async () => (await tools.run("metadata-quorum", ...add)).code === 0,
  );
  await until("three vote", async () => (await tools.quorum())?.ends.size === 3);
  outcome["not twice in"] = name(await byLeader(context, ...add));
  return outcome;
}

/**
 * Where the quorum changes its leader in this moment, Kafka's brokers pass on that the former one
 * is none any more, as ours do: only for DescribeQuorum do they ask the new one by themselves.
 */
async function byLeader(context: Context, ...words: string[]): Promise<Json> {
  for (let tries = 0; ; tries++) {
    const outcome = await plain(context, "metadata-quorum", ...words);
    const isMisdirected = JSON.stringify(outcome).includes("NotLeaderOrFollower");
    if (!isMisdirected || tries === TRIES_MAX) return outcome;
    await Bun.sleep(500);
  }
}

async function directoryOf({ tools }: Context, id: number): Promise<string> {
  const lines = await tools.lines("metadata-quorum", "describe", "--replication");
  const row = lines.map((line) => line.split(/\s+/)).find(([first]) => first === String(id));
  return row?.[1] ?? "";
}
