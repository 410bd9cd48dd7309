/** Latency at fixed rates: what a client sees of a broker that is not at its limit. */
import { openLoop } from "../open-loop.ts";
import type { Row } from "../row.ts";

const KIB = 1024;

export const latency: readonly Row[] = [20, 100].map((megabytesPerSecond) =>
  openLoop({
    name: `${megabytesPerSecond} MB/s in 16 KiB batches, acks=all, 8p 4c`,
    megabytesPerSecond,
    batch: { recordBytes: KIB, batchBytes: 16 * KIB },
    partitions: 8,
    connections: 4,
    consumers: 1,
  }),
);

/** Each write wakes every session, none of which may cost what it does not have news of. */
export const sessions: readonly Row[] = [
  openLoop({
    name: "50 fetch sessions of 1,000 partitions, 50 KB/s",
    megabytesPerSecond: 0.05,
    batch: { recordBytes: 100, batchBytes: KIB },
    partitions: 1000,
    connections: 1,
    consumers: 50,
  }),
];
