/** Other people's clients through the death of a leader: each writes and reads a topic of its own. */
import { join } from "node:path";
import { CLIENTS } from "../../clients.ts";
import { parseOutcomeLine, type Json, type Outcomes } from "../../harness/outcome.ts";
import { runLines } from "../../harness/process.ts";
import { QUICK_CLUSTER } from "../cluster.ts";
import {
  type Context,
  makeTopic,
  partitionsOf,
  readAll,
  until,
  untilAllInSync,
} from "./context.ts";

/** By the end of its topic's name. */
const DRIVERS: Readonly<Record<string, string>> = {
  kafkajs: "kafkajs-bun",
  platformatic: "platformatic-bun",
  librdkafka: "confluent-kafka",
  "franz-go": "franz-go",
  sarama: "sarama",
};
const DEADLINE_MS = 240_000;
const BEFORE_DEATH = 50;
/** Nodes, the leader first. */
const PLACES = "2:3:1";

export async function leaderDeath(context: Context): Promise<Json> {
  const { cluster } = context;
  const names = Object.keys(DRIVERS).filter((name) => isThere(name));
  // The leader coordinates every group, too: a client may lose both at once.
  const offsets = Array(Number(QUICK_CLUSTER["offsets.topic.num.partitions"])).fill(PLACES);
  await makeTopic(context, "__consumer_offsets", offsets.join(","), {
    "cleanup.policy": "compact",
  });
  for (const name of names) {
    await CLIENTS.find((client) => client.name === DRIVERS[name])?.install();
    await makeTopic(context, `death-${name}`, PLACES);
  }
  const works = names.map((name) => drive(context, name));
  await until("all have begun", async () => {
    const counts = await Promise.all(names.map((name) => readAll(context, `death-${name}`, 0)));
    return counts.every(({ length }) => length >= BEFORE_DEATH);
  });
  const victim = (await partitionsOf(context, `death-${names[0]}`))[0]?.leader ?? 2;
  await cluster.node(victim).kill();
  const outcomes = await Promise.all(works);
  await cluster.node(victim).start();
  const outcome: Json = {};
  for (const [index, name] of names.entries()) {
    await untilAllInSync(context, `death-${name}`);
    const values = await readAll(context, `death-${name}`, 0);
    const doubled = values.length - new Set(values).size;
    outcome[name] = { driver: outcomes[index] ?? null, there: values.length, doubled };
  }
  return outcome;
}

async function drive(context: Context, name: string): Promise<Json> {
  const client = CLIENTS.find((row) => row.name === DRIVERS[name]);
  const outcomes: Outcomes = {};
  const errors = join(context.folder, `${name}.log`);
  const command = [...(client?.command ?? []), context.cluster.bootstrap, "leader-death"];
  const read = (line: string): void => void Object.assign(outcomes, parseOutcomeLine(line));
  const code = await runLines(command, errors, DEADLINE_MS, read);
  return outcomes["leader-death"] ?? { failed: `the driver ended with ${code}` };
}

function isThere(name: string): boolean {
  const client = CLIENTS.find((row) => row.name === DRIVERS[name]);
  return client?.needs.every((executable) => Bun.which(executable) !== null) === true;
}
