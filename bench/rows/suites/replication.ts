/** acks=all where three nodes have each record and two must: throughput, cost and latency. */
import { closedProduce } from "../closed-produce.ts";
import { openLoop } from "../open-loop.ts";
import type { Row } from "../row.ts";

const KIB = 1024;
const ALL = -1;
const SPREAD = { partitions: 8, connections: 4, acks: ALL };

export const replication: readonly Row[] = [
  closedProduce({
    ...SPREAD,
    name: "replicate 1 KiB in 16 KiB batches, 8p 4c w8",
    megabytes: 300,
    batch: { recordBytes: KIB, batchBytes: 16 * KIB },
    window: 8,
  }),
  closedProduce({
    ...SPREAD,
    name: "replicate 100 B in 1 KiB batches, 8p 4c w8",
    megabytes: 40,
    batch: { recordBytes: 100, batchBytes: KIB },
    window: 8,
  }),
  closedProduce({
    ...SPREAD,
    name: "replicate 1 KiB in 256 KiB batches, 8p 4c w4",
    megabytes: 500,
    batch: { recordBytes: KIB, batchBytes: 256 * KIB },
    window: 4,
  }),
  closedProduce({
    name: "replicate one 1 KiB record a request, 1p 1c w1",
    megabytes: 4,
    batch: { recordBytes: KIB, batchBytes: KIB },
    partitions: 1,
    connections: 1,
    window: 1,
    acks: ALL,
  }),
  ...[20, 50].map((megabytesPerSecond) =>
    openLoop({
      ...SPREAD,
      name: `replicate ${megabytesPerSecond} MB/s in 16 KiB batches, 8p 4c`,
      megabytesPerSecond,
      batch: { recordBytes: KIB, batchBytes: 16 * KIB },
      consumers: 1,
    }),
  ),
];
