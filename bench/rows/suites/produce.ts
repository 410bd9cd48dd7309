/** The produce rows of baseline.md; the floor takes part. */
import { closedProduce } from "../closed-produce.ts";
import type { Row } from "../row.ts";

const KIB = 1024;

export const produce: readonly Row[] = [
  closedProduce({
    name: "produce 1 KiB in 16 KiB batches, 8p 4c w8",
    megabytes: 600,
    batch: { recordBytes: KIB, batchBytes: 16 * KIB },
    partitions: 8,
    connections: 4,
    window: 8,
  }),
  closedProduce({
    name: "produce 1 KiB in 16 KiB batches, 1p 1c w5",
    megabytes: 400,
    batch: { recordBytes: KIB, batchBytes: 16 * KIB },
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
    batch: { recordBytes: 100, batchBytes: KIB },
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
