/**
 * Producers and consumers at the end of the log, while somebody catches up from far behind: what he
 * reads is not in the page cache, and must not hold up the others.
 */
import { join } from "node:path";
import { dropPageCache } from "../kit/page-cache.ts";
import { touchMemory } from "../kit/touch.ts";
import { batchesFile } from "../load/batches.ts";
import type { Parts } from "../results/figures.ts";
import { type LoadTarget, watched, withTopic } from "./measuring.ts";
import { type OpenLoop, openLoopParts, startOpenLoop } from "./open-loop.ts";
import { onlyOurs, type Row, type Site } from "./row.ts";

/** It is stopped as soon as the reader is done. */
const SECONDS_MAX = 3600;
/** The open loop does not count its first moments. */
const LEAD_MS = 1000;

export function besideColdReader(row: OpenLoop): Row {
  return { name: row.name, excludes: onlyOurs, run: (site) => run(row, site) };
}

async function run(row: OpenLoop, site: Site): Promise<Parts> {
  return withTopic(site, row.partitions, {}, (cold) =>
    withTopic(site, row.partitions, {}, async (hot) => {
      await fill(row, site, cold);
      touchMemory(join(site.folder, "touch"), row.megabytesPerSecond * 1e6 * site.seconds);
      const reading = { bytes: 0, seconds: 0 };
      const seen = await watched(site, async () => {
        const load = startOpenLoop(row, site, hot, SECONDS_MAX);
        // Whatever ends first, its failure is the row's.
        await Promise.race([load.result, readAll(row, site, cold, reading)]);
        load.stop();
        return load.result;
      });
      const fromDisk = seen.work === null ? NaN : seen.work.diskReadBytes / reading.bytes;
      return {
        ...openLoopParts(seen),
        "the reader": {
          megabytesPerSecond: reading.bytes / 1e6 / reading.seconds,
          diskReadPerByte: fromDisk,
        },
      };
    }),
  );
}

async function fill(row: OpenLoop, site: Site, target: LoadTarget): Promise<void> {
  const bytes = Math.ceil(site.gigabytes * 1e9 * site.scale);
  const batches = batchesFile(site.folder, row.batch, row.partitions);
  const common = { ...target, batches };
  await site.load.run({ ...common, connections: 4, window: 8, bytes });
}

/** Again from the disk, until the hot path was watched for long enough. */
async function readAll(
  row: OpenLoop,
  site: Site,
  target: LoadTarget,
  reading: { bytes: number; seconds: number },
): Promise<void> {
  const [dataDirectory] = site.contender.dataDirectories;
  const batches = batchesFile(site.folder, row.batch, row.partitions);
  const common = { ...target, batches };
  await Bun.sleep(LEAD_MS);
  while (reading.seconds < site.seconds * site.scale) {
    for (let partition = 0; partition < row.partitions; partition++) {
      dropPageCache(join(dataDirectory!, `${target.topic}-${partition}`));
    }
    const result = await site.load.run({ ...common, readers: 1, once: 1 });
    reading.bytes += result.readBytes;
    reading.seconds += result.seconds;
  }
}
