/** What is done with the bytes of records: checksums, walks, validation, building, reading. */
import { crc32c, crc32cInTypeScript } from "../../src/base/crc32c.ts";
import { loadCompiled, loadEmbeddedCrc32c } from "../../src/base/native.ts";
import { realWorld } from "../../src/base/real-world.ts";
import { DEFAULT_LOG_CONFIG } from "../../src/log/log-config.ts";
import { validateBatch } from "../../src/log/record-validation.ts";
import { COMPRESSION_NAMES, CompressionType } from "../../src/protocol/compression.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { BATCH_HEADER_SIZE, setBaseOffset } from "../../src/protocol/record-batch.ts";
import { walkRecordsInTypeScript } from "../../src/protocol/record-walk.ts";
import { openBatch, readRecords } from "../../src/protocol/record.ts";
import { sampleText } from "../kit/sample-text.ts";
import type { Stage } from "./measuring.ts";
import { NOW_MS, sampleBatch, sampleRecords } from "./samples.ts";

const KIB = 1024;
const SHAPES: readonly (readonly [batchBytes: number, recordBytes: number])[] = [
  [KIB, KIB],
  [KIB, 100],
  [16 * KIB, KIB],
  [16 * KIB, 100],
  [256 * KIB, KIB],
];

export function recordStages(): Stage[] {
  return [
    ...[64, KIB, 16 * KIB, 256 * KIB].flatMap(checksumStages),
    ...SHAPES.flatMap(([batchBytes, recordBytes]) => walkStages(batchBytes, recordBytes)),
    ...SHAPES.map(([batchBytes, recordBytes]) => validateStage(batchBytes, recordBytes)),
    ...Object.values(CompressionType)
      .filter((type) => type !== CompressionType.NONE)
      .map((type) => validateStage(16 * KIB, KIB, type)),
    ...bookStages(),
  ];
}

function checksumStages(size: number): Stage[] {
  const bytes = sampleText(size);
  const embedded = loadEmbeddedCrc32c();
  const named = (kind: string) => `CRC-32C: ${size} B${kind}`;
  return [
    { name: named(""), bytes: size, work: () => crc32c(bytes, 0, size) },
    ...(embedded === null
      ? []
      : [{ name: named(", embedded"), bytes: size, work: () => embedded(bytes, 0, size, 0) }]),
    {
      name: named(", TypeScript"),
      bytes: size,
      work: () => crc32cInTypeScript(bytes, 0, size, 0),
    },
  ];
}

function walkStages(batchBytes: number, recordBytes: number): Stage[] {
  const records = sampleRecords(batchBytes, recordBytes);
  const batch = buildBatch({ records });
  const size = batch.length - BATCH_HEADER_SIZE;
  const count = records.length;
  const [minMs, maxMs] = [NOW_MS - 1e9, NOW_MS + 1e9];
  const ways = {
    "": loadCompiled()?.functions.walkRecords ?? null,
    ", TypeScript": walkRecordsInTypeScript,
  };
  return Object.entries(ways).flatMap(([kind, walk]) => {
    if (walk === null) return [];
    const work = () => walk(batch, BATCH_HEADER_SIZE, size, count, true, NOW_MS, minMs, maxMs);
    return [{ name: `walk: ${shapeOf(batchBytes, count)}${kind}`, bytes: batch.length, work }];
  });
}

function validateStage(
  batchBytes: number,
  recordBytes: number,
  compression: CompressionType = CompressionType.NONE,
): Stage {
  const bytes = sampleBatch(batchBytes, recordBytes, compression);
  const produced = {
    config: DEFAULT_LOG_CONFIG,
    origin: "client",
    topicPartition: "t-0",
    firstOffset: 100,
    leaderEpoch: 1,
    nowMs: NOW_MS,
    clock: realWorld().clock,
  } as const;
  const codec = compression === CompressionType.NONE ? "" : `, ${COMPRESSION_NAMES[compression]}`;
  const count = Math.max(1, Math.floor(batchBytes / recordBytes));
  return {
    name: `validate: ${shapeOf(batchBytes, count)}${codec}`,
    bytes: bytes.length,
    work() {
      setBaseOffset(bytes, 0, 0);
      return validateBatch(bytes, produced);
    },
  };
}

/** As coordinators, compaction and clients do. */
function bookStages(): Stage[] {
  const records = sampleRecords(16 * KIB, 100);
  const batch = buildBatch({ records });
  const shape = shapeOf(16 * KIB, records.length);
  const single = sampleRecords(100, 100);
  return [
    { name: `build: ${shape}`, work: () => buildBatch({ records }) },
    { name: "build: one record of 100 B", work: () => buildBatch({ records: single }) },
    { name: `read: ${shape}`, work: () => readRecords(batch, 0) },
    {
      name: `step through: ${shape}`,
      work() {
        const cursor = openBatch(batch, 0);
        while (cursor.next());
      },
    },
  ];
}

function shapeOf(batchBytes: number, count: number): string {
  return `${batchBytes / KIB} KiB of ${count} ${count === 1 ? "record" : "records"}`;
}
