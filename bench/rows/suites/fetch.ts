/** The fetch rows of baseline.md. */
import type { Row } from "../row.ts";
import { warmFetch } from "../warm-fetch.ts";

const KIB = 1024;

export const fetch: readonly Row[] = [
  warmFetch({
    name: "fetch warm, 1 MiB a partition, 8p 1c",
    megabytes: 3000,
    partitions: 8,
    connections: 1,
    partitionBytes: KIB * KIB,
  }),
  warmFetch({
    name: "fetch warm, 1 MiB a partition, 8p 4c",
    megabytes: 6000,
    partitions: 8,
    connections: 4,
    partitionBytes: KIB * KIB,
  }),
  warmFetch({
    name: "fetch warm, 64 KiB a partition, 8p 4c",
    megabytes: 3000,
    partitions: 8,
    connections: 4,
    partitionBytes: 64 * KIB,
  }),
];
