/**
 * What one call costs: checksums, walks, validation. `bun bench/records.ts`
 *
 * The best of several rounds, in nanoseconds: on a shared machine the mean says more about the
 * neighbours.
 */
import { crc32c, crc32cInTypeScript } from "../src/base/crc32c.ts";
import { loadCompiled, loadEmbeddedCrc32c } from "../src/base/native.ts";
import { DEFAULT_LOG_CONFIG } from "../src/log/log-config.ts";
import { validateBatch } from "../src/log/record-validation.ts";
import { COMPRESSION_NAMES, CompressionType } from "../src/protocol/compression.ts";
import { buildBatch, type NewRecord } from "../src/protocol/record-batch-builder.ts";
import { BATCH_HEADER_SIZE, setBaseOffset } from "../src/protocol/record-batch.ts";
import { walkRecordsInTypeScript } from "../src/protocol/record-walk.ts";
import { openBatch, readRecords } from "../src/protocol/record.ts";

const NOW = 1_700_000_000_000;
const ROUNDS = 9;

function nanoseconds(work: () => unknown, expectedNs: number): number {
  const calls = Math.max(5, Math.round(20_000_000 / expectedNs));
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const start = Bun.nanoseconds();
    for (let call = 0; call < calls; call++) work();
    best = Math.min(best, (Bun.nanoseconds() - start) / calls);
  }
  return best;
}

function text(size: number, seed: number): Buffer {
  let state = seed;
  let made = "";
  while (made.length < size) {
    state = (state * 1_103_515_245 + 12_345) & 0x7fffffff;
    made += `{"id":${state % 10_000},"user":"u-${(state >> 8) % 500}","ok":true,"at":"2024-05-0${(state % 9) + 1}"},`;
  }
  return Buffer.from(made.slice(0, size));
}

function recordsOf(batchSize: number, recordSize: number): NewRecord[] {
  const count = Math.max(1, Math.floor(batchSize / recordSize));
  return Array.from({ length: count }, (_, index) => ({
    timestamp: NOW + index,
    key: Buffer.from(`key-${index}`),
    value: text(recordSize - 20, index + 1),
  }));
}

console.log("crc32c, ns a call (GB/s)");
const checksums = {
  "in use": (bytes: Buffer, size: number) => crc32c(bytes, 0, size),
  embedded: loadEmbeddedCrc32c(),
  TypeScript: crc32cInTypeScript,
};
for (const [name, checksum] of Object.entries(checksums)) {
  if (checksum === null) continue;
  const cells = [64, 1024, 16_384, 262_144, 1_048_576].map((size) => {
    const bytes = text(size, 1);
    const ns =
      name === "in use"
        ? nanoseconds(() => crc32c(bytes, 0, size), 20 + size / 15)
        : nanoseconds(() => checksum(bytes, 0, size, 0), 50 + size / 2);
    return `${size} B ${ns.toFixed(0)} (${(size / ns).toFixed(1)})`;
  });
  console.log(`  ${name.padEnd(11)} ${cells.join("   ")}`);
}

console.log("walk and validation of a batch, ns a call");
const walkCompiled = loadCompiled()?.functions.walkRecords ?? null;
for (const [batchSize, recordSize] of [
  [1024, 1024],
  [1024, 100],
  [16_384, 1024],
  [16_384, 100],
  [262_144, 1024],
] as const) {
  const records = recordsOf(batchSize, recordSize);
  const batch = buildBatch({ records });
  const size = batch.length - BATCH_HEADER_SIZE;
  const count = records.length;
  const [min, max] = [NOW - 1e9, NOW + 1e9];
  const walks = [walkCompiled, walkRecordsInTypeScript].map((walk) => {
    if (walk === null) return "-";
    const call = () => walk(batch, BATCH_HEADER_SIZE, size, count, true, NOW, min, max);
    return nanoseconds(call, 50 + count * 20).toFixed(0);
  });
  const produced = {
    config: DEFAULT_LOG_CONFIG,
    origin: "client",
    topicPartition: "t-0",
    firstOffset: 100,
    leaderEpoch: 1,
    nowMs: NOW,
  } as const;
  const validations = Object.values(CompressionType).map((compression) => {
    const bytes = buildBatch({ records, compression });
    const call = () => {
      setBaseOffset(bytes, 0, 0);
      return validateBatch(bytes, produced);
    };
    return `${COMPRESSION_NAMES[compression]} ${nanoseconds(call, 200 + batchSize).toFixed(0)}`;
  });
  console.log(
    `  ${batchSize} B of ${count}: walk ${walks[0]} (TypeScript ${walks[1]}), validate ${validations.join(", ")}`,
  );
}

console.log("building and reading, ns a record");
for (const recordSize of [100, 1024]) {
  const records = recordsOf(16_384, recordSize);
  const batch = buildBatch({ records });
  const build = nanoseconds(() => buildBatch({ records }), 20_000) / records.length;
  const read = nanoseconds(() => readRecords(batch, 0), 20_000) / records.length;
  const step = nanoseconds(() => {
    const cursor = openBatch(batch, 0);
    while (cursor.next());
  }, 5000);
  const cells = [build, read, step / records.length].map((ns) => ns.toFixed(0));
  console.log(`  ${recordSize} B: build ${cells[0]}, read ${cells[1]}, step ${cells[2]}`);
}
const single = recordsOf(100, 100);
console.log(
  `  one record of 100 B: build ${nanoseconds(() => buildBatch({ records: single }), 500).toFixed(0)}`,
);
