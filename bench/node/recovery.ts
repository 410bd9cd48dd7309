/**
 * Recovery of a log after kill -9: of what was not known to be on the disk, and of all of it, as it
 * is when the checkpoint is lost; from the page cache, and from the disk where this process may
 * drop the page cache. Needs room for the log: `--gigabytes`.
 *
 * While the node recovers it listens already: how long the loop is away is seen by clients that
 * connect and leave at once.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { listOffsets } from "../../src/protocol/messages/02-list-offsets.ts";
import { batchesFile } from "../load/batches.ts";
import { buildLoad, type Load } from "../load/load.ts";
import { createTopic } from "../kit/raw-client.ts";
import { RawConnection } from "../kit/raw-connection.ts";
import { type Figure, megabytes, milliseconds, type SectionOptions } from "./figure.ts";
import { memoryOf } from "../contenders/process-figures.ts";
import { type NodeProcess, startNode } from "./node-process.ts";

const KIB = 1024;
const TOPIC = "long";
const LATEST = -1;
const PROBE_EVERY_MS = 5;
const SETTLE_MS = 15_000;

export async function* recovery(options: SectionOptions): AsyncGenerator<Figure> {
  const load = buildLoad(options.folder);
  for (const batchBytes of [16 * KIB, KIB]) {
    yield* recoverFrom(options.folder, load, options.gigabytes, batchBytes);
  }
}

async function* recoverFrom(
  folder: string,
  load: Load,
  gigabytes: number,
  batchBytes: number,
): AsyncGenerator<Figure> {
  const name = `${gigabytes} GB in batches of ${batchBytes / KIB} KiB`;
  const directory = join(folder, "data");
  rmSync(directory, { recursive: true, force: true });
  const node = startNode(directory);
  await node.ready;
  await createTopic(node.port, TOPIC, 1);
  const bytes = gigabytes * 1e9;
  const { seconds } = await load.run({
    host: "127.0.0.1",
    port: node.port,
    topic: TOPIC,
    partitions: 1,
    batches: batchesFile(folder, { recordBytes: KIB, batchBytes }, 1),
    connections: 4,
    window: 8,
    bytes,
  });
  yield { name: `${name}: written in`, value: `${seconds.toFixed(1)} s` };
  yield { name: `${name}: memory while writing, at most`, value: megabytes(peakOf(node)) };
  const endOffset = await endOffsetOf(node.port);
  await node.kill();
  for (const cache of ["warm", "cold"] as const) {
    for (const isWhole of [false, true]) {
      if (isWhole) rmSync(join(directory, "recovery-point-offset-checkpoint"));
      if (cache === "cold" && !dropPageCache()) continue;
      const what = isWhole ? "whole log" : "what was not flushed";
      yield await recoverOnce(`${name}: ${what} recovered, ${cache}`, directory, endOffset, {
        gigabytes: isWhole ? gigabytes : null,
      });
    }
  }
}

async function recoverOnce(
  name: string,
  directory: string,
  endOffset: number,
  { gigabytes }: { readonly gigabytes: number | null },
): Promise<Figure> {
  const node = startNode(directory);
  const probes = { isDone: false, longestMs: 0 };
  const probing = probe(node, probes);
  const readyMs = await node.ready;
  const peak = peakOf(node);
  probes.isDone = true;
  await probing;
  const recovered = await endOffsetOf(node.port);
  if (recovered !== endOffset) throw new Error(`${recovered} records instead of ${endOffset}`);
  // The checkpoint is written again once the log is flushed.
  await Bun.sleep(SETTLE_MS);
  await node.kill();
  const rate = gigabytes === null ? "" : `, ${((gigabytes * 1e6) / readyMs).toFixed(0)} MB/s`;
  return {
    name,
    value:
      `${milliseconds(readyMs)}${rate}, loop away ${milliseconds(probes.longestMs)} at most, ` +
      `memory ${megabytes(peak)} at most`,
  };
}

async function probe(
  node: NodeProcess,
  probes: { isDone: boolean; longestMs: number },
): Promise<void> {
  while (!probes.isDone) {
    const fromMs = performance.now();
    if (await comeAndGo(node.port)) {
      probes.longestMs = Math.max(probes.longestMs, performance.now() - fromMs);
    }
    await Bun.sleep(PROBE_EVERY_MS);
  }
}

/** Resolves when the broker has noticed; false when nobody listens. */
async function comeAndGo(port: number): Promise<boolean> {
  const gone = Promise.withResolvers<boolean>();
  try {
    await Bun.connect({
      hostname: "127.0.0.1",
      port,
      allowHalfOpen: true,
      socket: {
        open: (socket) => void socket.shutdown(),
        data() {},
        end: (socket) => void socket.end(),
        close: () => gone.resolve(true),
      },
    });
    return await gone.promise;
  } catch {
    return false;
  }
}

async function endOffsetOf(port: number): Promise<number> {
  const connection = await RawConnection.open(port);
  const answer = await connection.ask(listOffsets, 1, {
    replicaId: -1,
    topics: [{ name: TOPIC, partitions: [{ partitionIndex: 0, timestamp: LATEST }] }],
  });
  connection.close();
  return answer.topics[0]?.partitions[0]?.offset ?? -1;
}

function peakOf(node: NodeProcess): number {
  return memoryOf(node.pid).peakMegabytes;
}

/** False where that is not allowed. */
function dropPageCache(): boolean {
  Bun.spawnSync(["sync"]);
  try {
    writeFileSync("/proc/sys/vm/drop_caches", "3");
    return true;
  } catch {
    return false;
  }
}
