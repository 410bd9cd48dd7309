/**
 * What a broker takes that nobody asks anything: right after its start, and after light use.
 *
 * Memory is what the process has resident; about 38 MB of it are pages of Bun's executable, which
 * all processes of Bun share. CPU is that of all threads over the time watched.
 */
import { join } from "node:path";
import { RawConnection } from "../kit/raw-connection.ts";
import { type Figure, megabytes, type SectionOptions } from "./figure.ts";
import { cpuSeconds, memoryOf } from "../contenders/process-figures.ts";
import { startNode } from "./node-process.ts";
import {
  checkProduced,
  checkTopicCreated,
  createTopicFrame,
  produceFrame,
} from "../kit/requests.ts";

const LIGHT_REQUESTS = 1000;
/** What starting has left to do is no part of being idle. */
const SETTLE_MS = 2000;

export async function* idle({ folder, seconds }: SectionOptions): AsyncGenerator<Figure> {
  const node = startNode(join(folder, "data"));
  await node.ready;
  yield* watch("idle after the start", node.pid, seconds);
  const connection = await RawConnection.open(node.port);
  checkTopicCreated(await connection.exchange(createTopicFrame("light", 10)));
  const frame = produceFrame("light", 10, 1, 1000);
  for (let count = 0; count < LIGHT_REQUESTS; count++) {
    checkProduced(await connection.exchange(frame));
  }
  yield* watch(`idle after ${LIGHT_REQUESTS} produce requests`, node.pid, seconds);
  connection.close();
  await node.stop();
}

export async function* watch(name: string, pid: number, seconds: number): AsyncGenerator<Figure> {
  await Bun.sleep(SETTLE_MS);
  const before = cpuSeconds(pid);
  await Bun.sleep(seconds * 1000);
  const percent = ((cpuSeconds(pid) - before) / seconds) * 100;
  const { residentMegabytes, ownMegabytes } = memoryOf(pid);
  yield {
    name: `${name}: resident memory`,
    value: `${megabytes(residentMegabytes)}, ${megabytes(ownMegabytes)} its own`,
    target: "60 MB",
  };
  yield {
    name: `${name}: CPU over ${seconds} s`,
    value: `${percent.toFixed(3)} % of a core`,
    target: "0.2 %",
  };
}
