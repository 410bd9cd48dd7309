/** The metadata log between nodes of both kinds. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../../harness/outcome.ts";
import { type Context, makeTopic, until } from "./context.ts";

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
