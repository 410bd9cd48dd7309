/**
 * Produce at a fixed rate, whether or not answers come, and a consumer at the end of the log.
 * Latency counts from the moment at which a request was meant to be sent, so that a stall is paid
 * for by all that should have been sent during it (no coordinated omission).
 */
import { join } from "node:path";
import type { TopicConfigs } from "../kit/raw-client.ts";
import { touchMemory } from "../kit/touch.ts";
import { type BatchShape, batchesFile } from "../load/batches.ts";
import type { Parts } from "../results/figures.ts";
import { latencyFigures, watched, withTopic, workFigures } from "./measuring.ts";
import { onlyBrokers, type Row, type Site } from "./row.ts";

export interface OpenLoop {
  readonly name: string;
  readonly megabytesPerSecond: number;
  readonly batch: BatchShape;
  readonly partitions: number;
  readonly connections: number;
  readonly consumers: number;
  readonly acks?: number;
  readonly configs?: TopicConfigs;
}

/** What the first connections and the first long polls take is not what is asked for. */
const SKIPPED_MS = 500;

export function openLoop(row: OpenLoop): Row {
  return { name: row.name, excludes: onlyBrokers, run: (site) => run(row, site) };
}

async function run(row: OpenLoop, site: Site): Promise<Parts> {
  const seconds = Math.max(1, Math.round(site.seconds * site.scale));
  return withTopic(site, row.partitions, row.configs ?? {}, async (topic) => {
    touchMemory(join(site.folder, "touch"), row.megabytesPerSecond * 1e6 * seconds);
    const seen = await watched(site, () => runOpenLoop(row, site, topic, seconds));
    const { result } = seen;
    const behind = result.bytes / 1e6 / result.seconds;
    return {
      "": {
        megabytesPerSecond: behind,
        ...workFigures(seen, result.bytes, result.cpuSeconds),
        ...latencyFigures(result.produce),
      },
      ...(row.consumers === 0 ? {} : { "end to end": latencyFigures(result.endToEnd) }),
    };
  });
}

export function runOpenLoop(row: OpenLoop, site: Site, topic: string, seconds: number) {
  const { host, port } = site.contender;
  return site.load.run({
    host,
    port,
    topic,
    partitions: row.partitions,
    batches: batchesFile(site.folder, row.batch, row.partitions),
    connections: row.connections,
    acks: row.acks ?? -1,
    rate: row.megabytesPerSecond * 1e6,
    seconds,
    skip_ms: SKIPPED_MS,
    consumers: row.consumers,
  });
}
