/** The metadata log between nodes of both kinds. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../../harness/outcome.ts";
import { freePorts, type Place, startOn } from "../../harness/target.ts";
import { type ClusterNode, formatPlace } from "../cluster.ts";
import {
  type Context,
  feed,
  makeTopic,
  numbered,
  readAll,
  until,
  untilAllInSync,
} from "./context.ts";

/** A controller that has lost its log gets a snapshot from the leader, and goes on behind it. */
export async function lateController(context: Context): Promise<Json> {
  const { cluster, tools } = context;
  const leader = (await tools.quorum())?.leader ?? 1;
  const late = leader === 3 ? 2 : 3;
  await cluster.node(late).kill();
  for (const name of ["late-a", "late-b"]) {
    await makeTopic(context, name, Array.from({ length: 20 }, () => String(leader)).join());
  }
  await until("the leader has a snapshot", () => snapshotsOf(context, leader).length > 0);
  rmSync(logOf(context, late), { recursive: true, force: true });
  await cluster.node(late).start();
  await until("it has caught up", async () => {
    const ends = (await tools.quorum())?.ends;
    const [own, best] = [ends?.get(late) ?? -1, ends?.get(leader) ?? 0];
    return ends?.size === 3 && best - own < 5;
  });
  const segments = readdirSync(logOf(context, late)).filter((name) => name.endsWith(".log"));
  const topics = (await tools.lines("topics", "--list")).filter((name) => name.startsWith("late"));
  return {
    "begins behind a snapshot": segments.length > 0 && !segments.includes(FIRST_SEGMENT),
    "has the snapshot": snapshotsOf(context, late).length > 0,
    topics: topics.sort(),
  };
}

/** A controller with the id of a voter, and a directory of its own, finds the quorum. */
export async function secondOfAnId(context: Context): Promise<Json> {
  const { cluster, tools } = context;
  const double = cluster.node(3);
  const before = await tools.quorum();
  await makeTopic(context, "owned", "1:2:3", { "min.insync.replicas": "2" });
  await feed(context, "owned", 0, numbered(10));
  const place = strangerOf(double, context.folder);
  await formatPlace(place, "bunka", ["--no-initial-controllers"]);
  const stranger = await startOn(double.kind, place);
  try {
    await Bun.sleep(STRANGER_MS);
    await makeTopic(context, "beside", "3:1:2", { "min.insync.replicas": "2" });
    await feed(context, "owned", 0, numbered(10, "w"));
    const voters = await votersOf(context);
    const leader = (await tools.quorum())?.leader ?? 1;
    await cluster.node(leader).stop();
    await until("another one leads", async () => {
      const now = await tools.quorum();
      return now !== null && now.leader !== leader && now.leader > 0;
    });
    await feed(context, "owned", 0, numbered(10, "x"));
    await cluster.node(leader).start();
    await untilAllInSync(context, "owned");
    const values = await readAll(context, "owned", 0);
    const wanted = ["v", "w", "x"].flatMap((prefix) => numbered(10, prefix));
    return {
      "voted before": before?.ends.size ?? 0,
      voters,
      "voters at the end": await votersOf(context),
      "all is there": values.join() === wanted.join(),
    };
  } finally {
    await stranger.kill();
  }
}

/** Long enough for it to be heard. */
const STRANGER_MS = 3000;

/** The settings of a node, but for where it is, and that it is no broker. */
function strangerOf(node: ClusterNode, folder: string): Place {
  const [port = 0] = freePorts(1);
  const dataDirectory = join(folder, "stranger");
  mkdirSync(dataDirectory);
  const own: Readonly<Record<string, string>> = {
    "process.roles": "controller",
    listeners: `CONTROLLER://127.0.0.1:${port}`,
    "advertised.listeners": `CONTROLLER://127.0.0.1:${port}`,
    "log.dirs": dataDirectory,
    "log.dir": dataDirectory,
    "metadata.log.dir": dataDirectory,
  };
  const lines = readFileSync(node.place.propertiesFile, "utf8").split("\n");
  const text = lines.map((line) => {
    const [name = ""] = line.split("=");
    return own[name] === undefined ? line : `${name}=${own[name]}`;
  });
  const propertiesFile = join(folder, "stranger.properties");
  writeFileSync(propertiesFile, text.join("\n"));
  return { port, workDirectory: folder, dataDirectory, propertiesFile };
}

async function votersOf({ tools }: Context): Promise<string[]> {
  const status = await tools.lines("metadata-quorum", "describe", "--status");
  const line = status.find((text) => text.startsWith("CurrentVoters")) ?? "";
  return [...line.matchAll(/"id": (\d+)/g)].map(([, id]) => id!).sort();
}

const FIRST_SEGMENT = "00000000000000000000.log";
const FIRST_SNAPSHOT = "00000000000000000000-0000000000.checkpoint";

function logOf({ cluster }: Context, id: number): string {
  return join(cluster.node(id).place.dataDirectory, "__cluster_metadata-0");
}

function snapshotsOf(context: Context, id: number): string[] {
  const folder = logOf(context, id);
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter(
    (name) => name.endsWith(".checkpoint") && name !== FIRST_SNAPSHOT,
  );
}
