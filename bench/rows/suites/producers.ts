/** Producers as clients configure them, and many of them. */
import { closedProduce } from "../closed-produce.ts";
import type { Row } from "../row.ts";

const KIB = 1024;
const ALL = -1;
const MEDIUM = { recordBytes: KIB, batchBytes: 16 * KIB };

export const producers: readonly Row[] = [
  closedProduce({
    name: "acks=all, 16 KiB batches, 8p 4c w8",
    megabytes: 600,
    batch: MEDIUM,
    partitions: 8,
    connections: 4,
    window: 8,
    acks: ALL,
  }),
  closedProduce({
    name: "idempotent, 16 KiB batches, 8p 4c w5",
    megabytes: 600,
    batch: MEDIUM,
    partitions: 8,
    connections: 4,
    window: 5,
    acks: ALL,
    ids: "idempotent",
  }),
  closedProduce({
    name: "transactional, 10 batches of 16 KiB, 8p 16c",
    megabytes: 200,
    batch: MEDIUM,
    partitions: 8,
    connections: 16,
    window: 1,
    acks: ALL,
    ids: "transactional",
    transaction: 10,
  }),
  closedProduce({
    name: "keyed, 200 idempotent producers, 200p",
    megabytes: 60,
    batch: { recordBytes: 100, batchBytes: KIB, keyBytes: 16 },
    partitions: 200,
    connections: 200,
    window: 1,
    spread: 10,
    acks: ALL,
    ids: "idempotent",
  }),
  closedProduce({
    name: "5,000 connections, 1 KiB batches, 8p w1",
    megabytes: 60,
    batch: { recordBytes: 100, batchBytes: KIB },
    partitions: 8,
    connections: 5000,
    window: 1,
  }),
];

export const codecs: readonly Row[] = (["gzip", "snappy", "lz4", "zstd"] as const).map((codec) =>
  closedProduce({
    name: `${codec}, 1 KiB in 16 KiB batches, 8p 4c w8`,
    megabytes: 100,
    batch: { ...MEDIUM, codec },
    partitions: 8,
    connections: 4,
    window: 8,
  }),
);

export const durable: readonly Row[] = [
  closedProduce({
    name: "flush.messages=1, 16 KiB batches, 8p 4c w8",
    megabytes: 60,
    batch: MEDIUM,
    partitions: 8,
    connections: 4,
    window: 8,
    acks: ALL,
    configs: () => ({ "flush.messages": "1" }),
  }),
  closedProduce({
    name: "flush.messages=1, one 1 KiB record, 1p 1c w1",
    megabytes: 1,
    batch: { recordBytes: KIB, batchBytes: KIB },
    partitions: 1,
    connections: 1,
    window: 1,
    acks: ALL,
    configs: () => ({ "flush.messages": "1" }),
  }),
];
