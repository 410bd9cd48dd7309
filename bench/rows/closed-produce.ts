/** Produce as fast as answers come: throughput, and what it costs. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { newProducerIds, type TopicConfigs } from "../kit/raw-client.ts";
import { touchMemory } from "../kit/touch.ts";
import { type BatchShape, batchesFile } from "../load/batches.ts";
import type { Parts } from "../results/figures.ts";
import { latencyFigures, watched, withTopic, workFigures } from "./measuring.ts";
import { everybody, onlyBrokers, type Row, type Site } from "./row.ts";

export interface ClosedProduce {
  readonly name: string;
  /** How much in all; null for what `--gb` says. */
  readonly megabytes: number | null;
  readonly batch: BatchShape;
  readonly partitions: number;
  readonly connections: number;
  /** Requests that are under way on each. */
  readonly window: number;
  readonly acks?: number;
  /** Partitions that a request has a batch for. */
  readonly spread?: number;
  readonly configs?: (site: Site) => TopicConfigs;
  readonly ids?: "idempotent" | "transactional";
  /** Batches between two commits. */
  readonly transaction?: number;
}

export function closedProduce(row: ClosedProduce): Row {
  // The floor knows no ids and no settings of a topic.
  const isPlain = row.ids === undefined && row.configs === undefined;
  return {
    name: row.name,
    excludes: isPlain ? everybody : onlyBrokers,
    run: (site) => run(row, site),
  };
}

async function run(row: ClosedProduce, site: Site): Promise<Parts> {
  const { load, scale } = site;
  const bytes = (row.megabytes ?? site.gigabytes * 1000) * 1e6 * scale;
  const batches = batchesFile(site.folder, row.batch, row.partitions);
  return withTopic(site, row.partitions, row.configs?.(site) ?? {}, async (target) => {
    const producers = await producersFile(row, site, target.topic);
    touchMemory(join(site.folder, "touch"), bytes * site.replicationFactor);
    const seen = await watched(site, () =>
      load.run({
        ...target,
        batches,
        connections: row.connections,
        window: row.window,
        acks: row.acks ?? 1,
        spread: row.spread ?? 1,
        bytes: Math.ceil(bytes),
        ...(producers === null ? {} : { producers }),
        ...(row.transaction === undefined ? {} : { transaction: row.transaction }),
      }),
    );
    const { result } = seen;
    const produced = {
      megabytesPerSecond: result.bytes / 1e6 / result.seconds,
      ...workFigures(seen, result.bytes, result.cpuSeconds),
      ...latencyFigures(result.produce),
    };
    if (result.commit === null) return { "": produced };
    return { "": produced, commits: latencyFigures(result.commit) };
  });
}

/** A line for each connection: its producer's id and epoch, and its transactional id. */
async function producersFile(row: ClosedProduce, site: Site, topic: string) {
  if (row.ids === undefined) return null;
  const transactionalIds = Array.from({ length: row.connections }, (_, index) => {
    return row.ids === "transactional" ? `${topic}-${index}` : null;
  });
  const { port, host } = site.contender;
  const ids = await newProducerIds(port, transactionalIds, host);
  const lines = ids.map(({ producerId, producerEpoch }, index) => {
    return `${producerId} ${producerEpoch} ${transactionalIds[index] ?? ""}\n`;
  });
  const path = join(site.folder, "producers");
  writeFileSync(path, lines.join(""));
  return path;
}
