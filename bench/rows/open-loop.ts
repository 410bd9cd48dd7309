/**
 * Produce at a fixed rate, whether or not answers come, and a consumer at the end of the log.
 * Latency counts from the moment at which a request was meant to be sent, so that a stall is paid
 * for by all that should have been sent during it (no coordinated omission).
 */
import { join } from "node:path";
import type { TopicConfigs } from "../kit/raw-client.ts";
import { touchMemory } from "../kit/touch.ts";
import { type BatchShape, batchesFile } from "../load/batches.ts";
import type { LoadOptions, LoadResult } from "../load/load.ts";
import type { Parts } from "../results/figures.ts";
import {
  latencyFigures,
  type LoadTarget,
  type Watched,
  watched,
  withTopic,
  workFigures,
} from "./measuring.ts";
import { onlyBrokers, type Row, type Site } from "./row.ts";

export interface OpenLoop {
  readonly name: string;
  readonly megabytesPerSecond: number;
  readonly batch: BatchShape;
  readonly partitions: number;
  readonly connections: number;
  readonly consumers: number;
  readonly acks?: number;
  readonly configs?: (site: Site) => TopicConfigs;
  /** Until `--gb` are written; otherwise for `--seconds`. */
  readonly isLong?: boolean;
}

/** What the first connections and the first long polls take is not what is asked for. */
const SKIPPED_MS = 500;

export function openLoop(row: OpenLoop): Row {
  return { name: row.name, excludes: onlyBrokers, run: (site) => run(row, site) };
}

async function run(row: OpenLoop, site: Site): Promise<Parts> {
  const bytesPerSecond = row.megabytesPerSecond * 1e6;
  const wanted = row.isLong ? (site.gigabytes * 1e9) / bytesPerSecond : site.seconds;
  const seconds = Math.max(1, Math.round(wanted * site.scale));
  return withTopic(site, row.partitions, row.configs?.(site) ?? {}, async (target) => {
    const bytes = bytesPerSecond * seconds * site.replicationFactor;
    touchMemory(join(site.folder, "touch"), bytes);
    const seen = await watched(site, () => startOpenLoop(row, site, target, seconds).result);
    return openLoopParts(seen);
  });
}

export function openLoopParts(seen: Watched<LoadResult>): Parts {
  const { result, work } = seen;
  const { cpuSecondsPerGigabyte: _, ...others } = workFigures(
    seen,
    result.bytes,
    result.cpuSeconds,
  );
  const cpu = work === null ? {} : { percentOfCore: (work.cpuSeconds / result.seconds) * 100 };
  const produced = {
    // Below the rate where it was more than the broker could take.
    megabytesPerSecond: result.bytes / 1e6 / result.seconds,
    ...cpu,
    ...others,
    ...latencyFigures(result.produce),
    ...(result.lateness === null ? {} : { lateMs: result.lateness.p99Us / 1000 }),
  };
  if (result.endToEnd === null) return { "": produced };
  return { "": produced, "end to end": latencyFigures(result.endToEnd) };
}

export function startOpenLoop(row: OpenLoop, site: Site, target: LoadTarget, seconds: number) {
  const options: LoadOptions = {
    ...target,
    batches: batchesFile(site.folder, row.batch, row.partitions),
    connections: row.connections,
    acks: row.acks ?? -1,
    rate: row.megabytesPerSecond * 1e6,
    seconds,
    skip_ms: SKIPPED_MS,
    consumers: row.consumers,
  };
  return site.load.start(options);
}
