/** Every row, in suites. `quick` is what runs when nothing else is asked for. */
import { coordination } from "./coordination/index.ts";
import { closedProduce } from "./closed-produce.ts";
import { openLoop } from "./open-loop.ts";
import type { Row } from "./row.ts";
import { warmFetch } from "./warm-fetch.ts";

const KIB = 1024;
const MIB = KIB * KIB;
const SMALL = { recordBytes: 100, batchBytes: KIB };
const MEDIUM = { recordBytes: KIB, batchBytes: 16 * KIB };

/** The rows of baseline.md. */
const produce: readonly Row[] = [
  closedProduce({
    name: "produce 1 KiB in 16 KiB batches, 8p 4c w8",
    megabytes: 600,
    batch: MEDIUM,
    partitions: 8,
    connections: 4,
    window: 8,
  }),
  closedProduce({
    name: "produce 1 KiB in 16 KiB batches, 1p 1c w5",
    megabytes: 400,
    batch: MEDIUM,
    partitions: 1,
    connections: 1,
    window: 5,
  }),
  closedProduce({
    name: "produce 100 B in 16 KiB batches, 8p 4c w8",
    megabytes: 600,
    batch: { recordBytes: 100, batchBytes: 16 * KIB },
    partitions: 8,
    connections: 4,
    window: 8,
  }),
  closedProduce({
    name: "produce 100 B in 1 KiB batches, 8p 4c w8",
    megabytes: 60,
    batch: SMALL,
    partitions: 8,
    connections: 4,
    window: 8,
  }),
  closedProduce({
    name: "produce one 1 KiB record a request, 1p 1c w1",
    megabytes: 20,
    batch: { recordBytes: KIB, batchBytes: KIB },
    partitions: 1,
    connections: 1,
    window: 1,
  }),
  closedProduce({
    name: "produce 1 KiB in 256 KiB batches, 8p 4c w4",
    megabytes: 1000,
    batch: { recordBytes: KIB, batchBytes: 256 * KIB },
    partitions: 8,
    connections: 4,
    window: 4,
  }),
];

const fetch: readonly Row[] = [
  warmFetch({
    name: "fetch warm, 1 MiB a partition, 8p 1c",
    megabytes: 3000,
    partitions: 8,
    connections: 1,
    partitionBytes: MIB,
  }),
  warmFetch({
    name: "fetch warm, 1 MiB a partition, 8p 4c",
    megabytes: 6000,
    partitions: 8,
    connections: 4,
    partitionBytes: MIB,
  }),
  warmFetch({
    name: "fetch warm, 64 KiB a partition, 8p 4c",
    megabytes: 3000,
    partitions: 8,
    connections: 4,
    partitionBytes: 64 * KIB,
  }),
];

const latency: readonly Row[] = [20, 100].map((megabytesPerSecond) =>
  openLoop({
    name: `${megabytesPerSecond} MB/s of 16 KiB batches, acks=all, 8p 4c`,
    megabytesPerSecond,
    batch: MEDIUM,
    partitions: 8,
    connections: 4,
    consumers: 1,
  }),
);

export const SUITES: Readonly<Record<string, readonly Row[]>> = {
  produce,
  fetch,
  latency,
  coordination,
};

/** Suites that are made of others. */
export const COMPOSED: Readonly<Record<string, readonly string[]>> = {
  quick: ["produce", "fetch", "latency"],
  all: Object.keys(SUITES),
};

/** Throws for a suite that is none. */
export function rowsOf(suites: readonly string[]): { readonly suite: string; readonly row: Row }[] {
  const names = new Set(suites.flatMap((name) => COMPOSED[name] ?? [name]));
  return [...names].flatMap((suite) => {
    const rows = SUITES[suite];
    if (rows === undefined) {
      const known = [...Object.keys(COMPOSED), ...Object.keys(SUITES)].join(", ");
      throw new Error(`no suite ${suite}, only ${known}`);
    }
    return rows.map((row) => ({ suite, row }));
  });
}
