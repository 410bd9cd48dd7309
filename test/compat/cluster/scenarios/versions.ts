/** The metadata.version of a cluster goes down and up, and all nodes start behind it. */
import type { Json } from "../../harness/outcome.ts";
import {
  type Context,
  feed,
  makeTopic,
  numbered,
  plain,
  readAll,
  until,
  untilAllInSync,
} from "./context.ts";

const LEVELS = {
  /** Between it and 4.2-IV1 no record has changed. */
  lowest: "metadata.version=23",
  /** Records have changed since. */
  tooLow: "metadata.version=22",
  before: "metadata.version=29",
  newest: "metadata.version=30",
} as const;

export async function metadataVersions(context: Context): Promise<Json> {
  const feature = (what: "upgrade" | "downgrade", level: string, ...words: string[]) =>
    plain(context, "features", what, "--feature", level, ...words);
  await makeTopic(context, "before", "1:2:3", { "min.insync.replicas": "2" });
  await feed(context, "before", 0, numbered(10));
  const outcome: Json = {
    before: await levelOf(context),
    "too low": await feature("downgrade", LEVELS.tooLow),
    "too low, unsafe": await feature("downgrade", LEVELS.tooLow, "--unsafe"),
    dry: await feature("downgrade", LEVELS.lowest, "--dry-run"),
    "no upgrade": await feature("upgrade", LEVELS.lowest),
    down: await feature("downgrade", LEVELS.lowest),
  };
  await makeTopic(context, "low", "2:3:1");
  await restartAll(context, "w");
  outcome["after restarts"] = await levelOf(context);
  outcome["up"] = await feature("upgrade", LEVELS.newest);
  await makeTopic(context, "high", "3:1:2");
  await restartAll(context, "x");
  outcome["not back"] = await feature("downgrade", LEVELS.before);
  outcome["at the end"] = await levelOf(context);
  const wanted = ["v", "w", "x"].flatMap((prefix) => numbered(10, prefix));
  outcome["all is there"] = (await readAll(context, "before", 0)).join() === wanted.join();
  const names = await context.tools.lines("topics", "--list");
  outcome["topics"] = names.filter((name) => !name.startsWith("_")).sort();
  return outcome;
}

/** One after the other, and then all at once: each reads what was written under either version. */
async function restartAll(context: Context, prefix: string): Promise<void> {
  const { cluster } = context;
  const values = numbered(10, prefix);
  for (const node of cluster.nodes) {
    await node.stop();
    await node.start();
    await untilAllInSync(context, "before");
  }
  await feed(context, "before", 0, values.slice(0, 5));
  await cluster.stop();
  await cluster.start();
  for (const topic of ["before", "low"]) await untilAllInSync(context, topic);
  await feed(context, "before", 0, values.slice(5));
}

/** As every broker says. */
async function levelOf({ tools }: Context): Promise<string> {
  let found = "";
  await until("the level is told", async () => {
    const { out } = await tools.run("features", "describe");
    found = /metadata\.version.*FinalizedVersionLevel: (\S+)/.exec(out)?.[1] ?? "";
    return found !== "";
  });
  return found;
}
