/**
 * Many partitions: how long it takes to make 1,000 topics of 10, and to start on them again, after
 * a clean stop and after a kill. Each partition holds a few records, and nobody uses them.
 */
import { join } from "node:path";
import { RawConnection } from "../kit/raw-connection.ts";
import { type Figure, megabytes, milliseconds, type SectionOptions, spread } from "./figure.ts";
import { cpuSeconds, memoryOf, openFileCount } from "../contenders/process-figures.ts";
import { type NodeProcess, startNode } from "./node-process.ts";
import {
  checkProduced,
  checkTopicCreated,
  createTopicFrame,
  produceFrame,
} from "../kit/requests.ts";

const TOPICS = 1000;
const PARTITIONS = 10;
const RECORDS = 5;
/** Files that are used no more are closed within 20 s. */
const COOL_DOWN_MS = 25_000;

export async function* restart(options: SectionOptions): AsyncGenerator<Figure> {
  const directory = join(options.folder, "data");
  let node = startNode(directory);
  await node.ready;
  yield* fill(node);
  await Bun.sleep(COOL_DOWN_MS);
  yield* holdings("with 10,000 partitions, idle", node);
  yield { name: "clean stop", value: milliseconds(await node.stop()) };
  for (const end of ["stop", "kill"] as const) {
    const readyMs: number[] = [];
    const cpu: number[] = [];
    for (let round = 0; round < Math.min(3, options.rounds); round++) {
      node = startNode(directory);
      readyMs.push(await node.ready);
      cpu.push(cpuSeconds(node.pid) * 1000);
      if (round === 0) yield* holdings("right after the restart", node);
      await node[end]();
    }
    // The first of those that end by a kill still began after a clean stop.
    if (end === "kill") readyMs.shift();
    const before = end === "stop" ? "a clean stop" : "a kill";
    yield {
      name: `restart after ${before} to the ready line`,
      value: spread(readyMs, milliseconds),
      ...(end === "stop" ? { target: "1 s" } : {}),
    };
    yield { name: `restart after ${before}: CPU`, value: spread(cpu, milliseconds) };
  }
}

async function* fill(node: NodeProcess): AsyncGenerator<Figure> {
  const connection = await RawConnection.open(node.port);
  const times: number[] = [];
  for (let count = 0; count < TOPICS; count++) {
    const frame = createTopicFrame(`topic-${count}`, PARTITIONS);
    const fromMs = performance.now();
    checkTopicCreated(await connection.exchange(frame));
    times.push(performance.now() - fromMs);
  }
  yield {
    name: `a topic of ${PARTITIONS} partitions is made in`,
    value: spread(times, milliseconds),
  };
  for (let count = 0; count < TOPICS; count++) {
    const frame = produceFrame(`topic-${count}`, PARTITIONS, RECORDS, 100);
    checkProduced(await connection.exchange(frame));
  }
  yield* holdings("right after 10,000 partitions got records", node);
  connection.close();
}

async function* holdings(name: string, { pid }: NodeProcess): AsyncGenerator<Figure> {
  const { residentMegabytes, ownMegabytes } = memoryOf(pid);
  yield {
    name: `${name}: resident memory, open files`,
    value: `${megabytes(residentMegabytes)}, ${megabytes(ownMegabytes)} its own; ${openFileCount(pid)}`,
  };
}
