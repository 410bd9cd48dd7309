/** `broker --nodes N`: nodes that are processes of their own, and whoever keeps them running. */
import { afterAll, expect } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BrokerProcess, expectRefusal, killLeftovers, Scratch } from "./broker-process.ts";
import { createTopics } from "../../src/protocol/messages/19-create-topics.ts";
import { Connection, expectNone, topicIds } from "./client.ts";
import { faultTest } from "./faults.ts";

afterAll(killLeftovers);

const COUNT = 3;
const MARKER = ".kafka_cleanshutdown";

function nodes(directory: string, count = COUNT): BrokerProcess {
  const overrides = ["listeners=PLAINTEXT://127.0.0.1:0", `log.dirs=${directory}`];
  const words = overrides.flatMap((text) => ["--override", text]);
  return new BrokerProcess(["broker", "--nodes", String(count), ...words], { logLevel: "warn" });
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1");
  return text.trim().split(" ").filter(Boolean).map(Number);
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}/exe`);
}

/** On each of the nodes; any of them leads it. */
async function createTopic(connection: Connection, name: string): Promise<void> {
  const topic = { name, numPartitions: 1, replicationFactor: COUNT, assignments: [], configs: [] };
  const answer = await connection.request(createTopics, 7, { topics: [topic], timeoutMs: 30_000 });
  expectNone(`create ${name}`, answer.topics[0]!.errorCode);
}

function hasTopic(directory: string, name: string): boolean {
  const ids = Array.from({ length: COUNT }, (_, index) => String(index + 1));
  return ids.every((id) => existsSync(join(directory, id, `${name}-0`)));
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await Bun.sleep(10);
}

faultTest("one that dies is started again, and all stop cleanly", async () => {
  using scratch = new Scratch();
  const cluster = nodes(scratch.path);
  await cluster.ready();
  const before = childrenOf(cluster.pid);
  expect(before).toHaveLength(COUNT);
  using connection = await Connection.open(cluster.port);
  await createTopic(connection, "topic");
  process.kill(before[0]!, "SIGKILL");
  const line = await cluster.line(/^node \d has ended \(SIGKILL\): it is started again in 100 ms$/);
  await until(() => childrenOf(cluster.pid).length === COUNT);
  expect(childrenOf(cluster.pid)).not.toContain(before[0]!);
  let again: Connection | null = null;
  while (again === null) again = await Connection.open(cluster.port).catch(() => null);
  // It has been away, and has the topic; whoever else may lead the quorum by now.
  await createTopic(again, "another");
  let names: string[] = [];
  while (names.length < 2) names = [...(await topicIds(again)).keys()].sort();
  expect(names).toEqual(["another", "topic"]);
  const ending = await cluster.stop();
  expect(ending.exitCode).toBe(0);
  expect(ending.lines.filter((said) => said.includes(" has ended "))).toEqual([line]);
  const revived = Number(/^node (\d)/.exec(line)?.[1]);
  for (let id = 1; id <= COUNT; id++) {
    // The one that died may have been on its way to its next life.
    if (id === revived) continue;
    expect(readdirSync(join(scratch.path, String(id)))).toContain(MARKER);
  }
});

faultTest("what was written is there when all start again", async () => {
  using scratch = new Scratch();
  for (const name of ["one", "two"]) {
    const cluster = nodes(scratch.path);
    await cluster.ready();
    using connection = await Connection.open(cluster.port);
    await createTopic(connection, name);
    await until(() => hasTopic(scratch.path, name));
    expect((await cluster.stop("SIGINT")).exitCode).toBe(0);
  }
  for (let id = 1; id <= COUNT; id++) {
    const names = readdirSync(join(scratch.path, String(id)));
    const topics = names.filter((name) => name.endsWith("-0"));
    expect(topics.sort()).toEqual(["__cluster_metadata-0", "one-0", "two-0"]);
  }
});

faultTest("nodes stop cleanly when who keeps them is killed", async () => {
  using scratch = new Scratch();
  const cluster = nodes(scratch.path);
  await cluster.ready();
  const children = childrenOf(cluster.pid);
  await cluster.kill();
  await until(() => !children.some(isAlive));
  expect(readdirSync(join(scratch.path, "1"))).toContain(MARKER);
});

faultTest("a node that would be left out is not forgotten", async () => {
  using scratch = new Scratch();
  const first = nodes(scratch.path);
  await first.ready();
  await first.stop();
  const extra = join(scratch.path, "7");
  mkdirSync(extra);
  const properties = readFileSync(join(scratch.path, "1/meta.properties"));
  await Bun.write(join(extra, "meta.properties"), properties);
  expectRefusal(
    await nodes(scratch.path).ended,
    /holds the data of node 7, which --nodes \d would/,
  );
});

faultTest("settings that no node can have are refused in one line", async () => {
  using scratch = new Scratch();
  const directory = join(scratch.path, "data");
  const words = ["broker", "--nodes", String(COUNT), "--override", `log.dirs=${directory}`];
  for (const [override, reason] of [
    ["log.segment.bytes=many", /log\.segment\.bytes/],
    ["node.id=4", /with --nodes, node\.id cannot be given/],
  ] as const) {
    const broker = new BrokerProcess([...words, "--override", override], { logLevel: "warn" });
    expectRefusal(await broker.ended, reason);
  }
  expect(existsSync(directory)).toBe(false);
});
