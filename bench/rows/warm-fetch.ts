/** Fetch what was just written, over and over: from the page cache. */
import { join } from "node:path";
import { touchMemory } from "../kit/touch.ts";
import { batchesFile } from "../load/batches.ts";
import type { Parts } from "../results/figures.ts";
import { latencyFigures, watched, withTopic, workFigures } from "./measuring.ts";
import { onlyBrokers, type Row, type Site } from "./row.ts";

export interface WarmFetch {
  readonly name: string;
  readonly megabytes: number;
  readonly partitions: number;
  readonly connections: number;
  readonly partitionBytes: number;
}

const BATCH = { recordBytes: 1024, batchBytes: 16_384 };
const WRITTEN_BYTES = 400e6;

export function warmFetch(row: WarmFetch): Row {
  return { name: row.name, excludes: onlyBrokers, run: (site) => run(row, site) };
}

async function run(row: WarmFetch, site: Site): Promise<Parts> {
  const { load, scale } = site;
  const batches = batchesFile(site.folder, BATCH, row.partitions);
  return withTopic(site, row.partitions, {}, async (target) => {
    const common = { ...target, batches };
    const written = Math.ceil(WRITTEN_BYTES * scale);
    touchMemory(join(site.folder, "touch"), written);
    await load.run({ ...common, connections: 4, window: 8, bytes: written });
    const seen = await watched(site, () =>
      load.run({
        ...common,
        readers: row.connections,
        read_bytes: Math.ceil(row.megabytes * 1e6 * scale),
        partition_bytes: row.partitionBytes,
      }),
    );
    const { result } = seen;
    const { diskBytesPerByte: _, ...work } = workFigures(seen, result.readBytes, result.cpuSeconds);
    return {
      "": {
        megabytesPerSecond: result.readBytes / 1e6 / result.seconds,
        ...work,
        ...latencyFigures(result.fetch),
      },
    };
  });
}
