/**
 * The files of a partition's replicas, once all nodes have ended: what two of them have at the same
 * offsets is the same, byte for byte, and each is whole.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isIntact, lastOffset, nextBatchSize } from "../../../src/protocol/record-batch.ts";
import { CompatError } from "../harness/outcome.ts";
import type { Cluster } from "./cluster.ts";

/** Where records stay as they were written: no compaction. Returns how many batches were seen. */
export function compareReplicas(cluster: Cluster, partitions: readonly string[]): number {
  let count = 0;
  for (const partition of partitions) {
    const replicas = cluster.brokers
      .flatMap(({ directories }) => directories.map((path) => join(path, partition)))
      .filter((folder) => existsSync(folder))
      .map(batchesOf);
    const [first = new Map<number, Buffer>(), ...others] = replicas;
    const [start = Infinity, end = -Infinity] = [[...first.keys()][0], [...first.keys()].at(-1)];
    for (const other of others) {
      for (const [offset, batch] of other) {
        // One replica may end sooner, or begin later, than another; in between it has no holes.
        const isMissed = offset > start && offset < end;
        const same = first.get(offset);
        if (same === undefined ? isMissed : !same.equals(batch)) {
          throw new CompatError(`replicas of ${partition} differ at ${offset}`);
        }
      }
    }
    count += first.size;
  }
  return count;
}

/** By the offset of each batch's last record. */
function batchesOf(folder: string): Map<number, Buffer> {
  const batches = new Map<number, Buffer>();
  const segments = readdirSync(folder).filter((name) => name.endsWith(".log"));
  for (const name of segments.sort()) {
    const bytes = readFileSync(join(folder, name));
    let at = 0;
    for (let size = 0; (size = nextBatchSize(bytes, at, bytes.length)) > 0; at += size) {
      if (!isIntact(bytes, at)) throw new CompatError(`${folder}/${name} is torn at ${at}`);
      batches.set(lastOffset(bytes, at), bytes.subarray(at, at + size));
    }
    if (at < bytes.length) throw new CompatError(`${folder}/${name} is torn at ${at}`);
  }
  return batches;
}
