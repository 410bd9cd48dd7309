/**
 * From the start of the process on an empty directory to the first acknowledged record.
 *
 * The client tries to connect until it can, makes a topic of one partition, and produces one record
 * with acks=all; its requests are encoded before. The clock starts before the process is forked.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { RawConnection } from "../kit/raw-connection.ts";
import { type Figure, milliseconds, type SectionOptions, spread } from "./figure.ts";
import { startNode } from "./node-process.ts";
import {
  checkProduced,
  checkTopicCreated,
  createTopicFrame,
  produceFrame,
} from "../kit/requests.ts";

const RETRY_MS = 5;

export async function* firstRecord({ folder, rounds }: SectionOptions): AsyncGenerator<Figure> {
  const directory = join(folder, "data");
  const readyMs: number[] = [];
  const recordMs: number[] = [];
  // The first round warms the client and the page cache.
  for (let round = 0; round <= rounds; round++) {
    rmSync(directory, { recursive: true, force: true });
    const times = await startOnce(directory);
    if (round === 0) continue;
    readyMs.push(times.readyMs);
    recordMs.push(times.recordMs);
  }
  yield { name: "process start to the ready line", value: spread(readyMs, milliseconds) };
  yield {
    name: "process start to the first acknowledged record",
    value: spread(recordMs, milliseconds),
    target: "100 ms",
  };
}

async function startOnce(directory: string): Promise<{ readyMs: number; recordMs: number }> {
  const topicFrame = createTopicFrame("first", 1);
  const recordFrame = produceFrame("first", 1, 1, 100);
  const node = startNode(directory);
  const connection = await connectAtLast(node.port);
  checkTopicCreated(await connection.exchange(topicFrame));
  checkProduced(await connection.exchange(recordFrame));
  const recordMs = performance.now() - node.startedMs;
  const readyMs = await node.ready;
  connection.close();
  await node.kill();
  return { readyMs, recordMs };
}

async function connectAtLast(port: number): Promise<RawConnection> {
  for (;;) {
    try {
      return await RawConnection.open(port);
    } catch {
      await Bun.sleep(RETRY_MS);
    }
  }
}
