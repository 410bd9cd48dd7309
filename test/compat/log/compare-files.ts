/** What two logs have left in their directories, `k` that of Kafka and `b` ours. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeProducerSnapshot } from "../../../src/log/producer-snapshot.ts";
import { batchSize, isIntact } from "../../../src/protocol/record-batch.ts";
import { readRecords } from "../../../src/protocol/record.ts";

export interface Compared {
  readonly delete: boolean;
  readonly compact: boolean;
}

/** Throws where a byte of any file differs. */
export function compareFiles(root: string, flags: Compared): void {
  const read = (side: string) => {
    const folder = `${root}/${side}/t-0`;
    const names = readdirSync(folder).filter((name) => isCompared(name, flags));
    return new Map(names.map((name) => [name, contentsOf(join(folder, name), flags)]));
  };
  const [theirs, ours] = [read("k"), read("b")];
  for (const name of new Set([...theirs.keys(), ...ours.keys()])) {
    if (theirs.get(name) === ours.get(name)) continue;
    const [left, right] = [theirs.get(name), ours.get(name)];
    throw new Error(`${name}\n  Kafka ${left?.slice(0, 300)}\n  ours  ${right?.slice(0, 300)}`);
  }
}

/** Throws where a batch differs, but for its size and checksum. */
export function compareBatches(root: string): void {
  const [theirs, ours] = ["k", "b"].map((side) => {
    const folder = `${root}/${side}/t-0`;
    const names = readdirSync(folder).filter((name) => name.endsWith(".log"));
    return names.sort().flatMap((name) => [name, ...batchesIn(join(folder, name))]);
  });
  for (const [index, batch] of theirs!.entries()) {
    if (batch === ours![index]) continue;
    throw new Error(`a batch\n  Kafka ${batch.slice(0, 300)}\n  ours  ${ours![index]}`);
  }
  if (theirs!.length !== ours!.length) throw new Error("ours has more batches");
}

/**
 * An epoch without a record is not worth a file to us, and of deleted records Kafka forgets more.
 */
function isCompared(name: string, flags: Compared): boolean {
  if (name.endsWith(".deleted") || name === "leader-epoch-checkpoint") return false;
  return !flags.delete || !/\.(snapshot|txnindex)$/.test(name);
}

/**
 * As text. Of a marker whose record was compacted away Kafka makes an entry without an epoch in the
 * next snapshot, which says nothing; we make none.
 */
function contentsOf(path: string, flags: Compared): string {
  const bytes = readFileSync(path);
  if (!flags.compact || !path.endsWith(".snapshot")) return bytes.toString("hex");
  const entries = decodeProducerSnapshot(bytes).filter((entry) => entry.epoch !== -1);
  return JSON.stringify(entries.toSorted((left, right) => left.producerId - right.producerId));
}

function batchesIn(path: string): string[] {
  const bytes = readFileSync(path);
  const batches: string[] = [];
  for (let at = 0; at < bytes.length; at += batchSize(bytes, at)) {
    if (!isIntact(bytes, at)) throw new Error(`${path} has a damaged batch at ${at}`);
    const head = bytes.toString("hex", at, at + 8) + bytes.toString("hex", at + 21, at + 61);
    const records = readRecords(bytes, at).map((record) => JSON.stringify(record));
    batches.push(`${head} ${records.join(" ")}`);
  }
  return batches;
}
