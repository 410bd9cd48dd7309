/**
 * The real program compacts `__consumer_offsets` while its coordinator uses it: what was committed
 * last is there after a stop, a kill, and another pass. It is the program in one file, as it is
 * given to users: its threads are found from there, too.
 */
import { afterAll, expect } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { offsetCommit } from "../../src/protocol/messages/08-offset-commit.ts";
import { offsetFetch } from "../../src/protocol/messages/09-offset-fetch.ts";
import { findCoordinator } from "../../src/protocol/messages/10-find-coordinator.ts";
import { BrokerProcess, killLeftovers, ROOT, Scratch } from "./broker-process.ts";
import { Connection, createTopic, expectNone } from "./client.ts";
import { faultTest } from "./faults.ts";
import { afterLoading } from "./load-groups.ts";

afterAll(killLeftovers);

const GROUPS = 20;
const COMMITS = 3500;
const METADATA = "m".repeat(800);

const SETTINGS = {
  "offsets.topic.num.partitions": "1",
  // As small as it may be.
  "offsets.topic.segment.bytes": "1048576",
  "log.cleaner.backoff.ms": "50",
  "log.cleaner.min.cleanable.ratio": "0.01",
  "log.segment.delete.delay.ms": "100",
};

faultTest("compaction of committed offsets loses none, whatever ends the broker", async () => {
  expect(Bun.spawnSync([process.execPath, "run", "setup"], { cwd: ROOT }).exitCode).toBe(0);
  using scratch = new Scratch();
  const committed = new Map<string, number>();
  let broker = await startBuilt(scratch.path);
  const connection = await Connection.open(broker.port);
  await createTopic(connection, "topic", 1);
  connection.terminate();
  for (const ending of ["stop", "kill", "stop"] as const) {
    await commitAll(broker.port, committed);
    await broker.line(/__consumer_offsets-0: cleaned from offset \d+ to \d+/);
    await expectOffsets(broker.port, committed);
    await (ending === "stop" ? broker.stop() : broker.kill());
    broker = await startBuilt(scratch.path);
    await expectOffsets(broker.port, committed);
  }
  expect(sizeOf(join(scratch.path, "__consumer_offsets-0"))).toBeLessThan(4 << 20);
  await broker.stop();
});

function startBuilt(directory: string): Promise<BrokerProcess> {
  const command = [process.execPath, join(ROOT, "dist/program/main.js")];
  return BrokerProcess.start(directory, SETTINGS, { command });
}

async function commitAll(port: number, committed: Map<string, number>): Promise<void> {
  const connection = await Connection.open(port);
  await untilReady(async () => {
    const found = await connection.request(findCoordinator, 1, { key: "group 0", keyType: 0 });
    return found.errorCode;
  });
  for (let count = 0; count < COMMITS; count++) {
    const groupId = `group ${count % GROUPS}`;
    const committedOffset = (committed.get(groupId) ?? 0) + 1;
    await untilReady(async () => {
      const answer = await connection.request(offsetCommit, 2, {
        groupId,
        memberId: "",
        topics: [
          {
            name: "topic",
            partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: METADATA }],
          },
        ],
      });
      return answer.topics[0]!.partitions[0]!.errorCode;
    });
    committed.set(groupId, committedOffset);
  }
  connection.terminate();
}

async function expectOffsets(port: number, committed: Map<string, number>): Promise<void> {
  const connection = await Connection.open(port);
  const found = new Map<string, number>();
  for (const groupId of committed.keys()) {
    await untilReady(async () => {
      const answer = await connection.request(offsetFetch, 2, {
        groupId,
        topics: [{ name: "topic", partitionIndexes: [0] }],
      });
      const [partition] = answer.topics[0]?.partitions ?? [];
      if (partition !== undefined) found.set(groupId, partition.committedOffset);
      return answer.errorCode;
    });
  }
  expect(found).toEqual(committed);
  connection.terminate();
}

async function untilReady(ask: () => Promise<number>): Promise<void> {
  expectNone("the coordinator", await afterLoading(ask));
}

function sizeOf(directory: string): number {
  const names = readdirSync(directory).filter((name) => name.endsWith(".log"));
  return names.reduce((total, name) => total + statSync(join(directory, name)).size, 0);
}
