/**
 * Appending to a log on the real World: CPU seconds for each GB, in batches of 16 KiB (or the size
 * given), beside the bare write of the same bytes.
 *
 *   bun bench/studies/append.ts [--batch 16384] [--gb 2] [--partitions 8] [--directory /tmp]
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { silentLogger } from "../../src/base/logger.ts";
import { crc32c } from "../../src/base/crc32c.ts";
import { realWorld } from "../../src/base/real-world.ts";
import { DEFAULT_LOG_CONFIG } from "../../src/log/log-config.ts";
import { DEFAULT_LOG_SETTINGS, openLogManager } from "../../src/log/log-manager.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";

const { values } = parseArgs({
  options: {
    batch: { type: "string", default: "16384" },
    gb: { type: "string", default: "2" },
    partitions: { type: "string", default: "8" },
    directory: { type: "string", default: tmpdir() },
  },
});
const BATCH_SIZE = Number(values.batch);
const TOTAL_BYTES = Number(values.gb) * 1e9;
const PARTITIONS = Number(values.partitions);
const BATCHES_A_TURN = 16;

const world = realWorld();
const folder = mkdtempSync(join(values.directory, "bunka-append-"));

/** Random records of 1 KiB: nobody compresses them. */
function makeBatch(): Buffer {
  const records = Array.from({ length: Math.max(1, Math.floor(BATCH_SIZE / 1035)) }, () => {
    const value = Buffer.alloc(Math.min(1024, BATCH_SIZE - 80));
    world.random.fill(value);
    return { timestamp: world.clock.wallMs(), key: null, value };
  });
  return buildBatch({ records });
}

/** A virtual machine pays for memory that it has not touched lately: pay before, not within. */
function warmMemory(bytes: number): void {
  const path = join(folder, "warm");
  const chunk = Buffer.alloc(1 << 20, 1);
  writeFileSync(path, "");
  const file = world.disk.open(path, "write");
  for (let at = 0; at < bytes; at += chunk.length) file.write(chunk, 0, chunk.length, at);
  file.close();
  rmSync(path);
}

async function measure(name: string, run: () => Promise<number>): Promise<void> {
  warmMemory(TOTAL_BYTES);
  const cpu = process.cpuUsage();
  const start = performance.now();
  const bytes = await run();
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - start) / 1000;
  const perGb = (micros: number): string => (micros / 1e6 / (bytes / 1e9)).toFixed(3);
  console.log(
    `${name.padEnd(28)} ${(bytes / 1e6 / seconds).toFixed(0).padStart(6)} MB/s  CPU s/GB ` +
      `${perGb(user + system)} (user ${perGb(user)}, system ${perGb(system)})`,
  );
}

const turn = (): Promise<void> => new Promise((resolve) => world.clock.afterTurn(resolve));
const templates = Array.from({ length: 32 }, makeBatch);

await measure("bare write", async () => {
  const files = Array.from({ length: PARTITIONS }, (_, index) => {
    return world.disk.open(join(folder, `bare-${index}`), "create");
  });
  const positions = files.map(() => 0);
  let bytes = 0;
  for (let index = 0; bytes < TOTAL_BYTES; index++) {
    const batch = templates[index % templates.length]!;
    const at = index % PARTITIONS;
    files[at]!.write(batch, 0, batch.length, positions[at]!);
    positions[at]! += batch.length;
    bytes += batch.length;
    if (index % BATCHES_A_TURN === 0) await turn();
  }
  for (const file of files) file.close();
  files.forEach((file) => rmSync(file.path));
  return bytes;
});

async function appendAll(name: string, producer: boolean): Promise<void> {
  await measure(name, async () => {
    const logs = openLogManager({
      ...world,
      logger: silentLogger,
      directories: [join(folder, name.replaceAll(" ", "-"))],
      configOf: () => DEFAULT_LOG_CONFIG,
      settings: DEFAULT_LOG_SETTINGS,
      directoryFailed: (directory, error) => console.error(directory.path, error.message),
    });
    await logs.load();
    const partitions = Array.from({ length: PARTITIONS }, (_, index) => {
      return logs.getOrCreate("bench", index, { topicId: null })!;
    });
    const sequences = partitions.map(() => 0);
    const batches = templates.map((batch) => Buffer.from(batch));
    let bytes = 0;
    for (let index = 0; bytes < TOTAL_BYTES; index++) {
      const batch = batches[index % batches.length]!;
      const at = index % PARTITIONS;
      batch.writeBigInt64BE(0n, 0);
      if (producer) sequences[at] = stampProducer(batch, sequences[at]!);
      const nowMs = world.clock.wallMs();
      const options = { leaderEpoch: 0, origin: "client", nowMs } as const;
      const result = partitions[at]!.appendAsLeader(batch, options);
      if (result.errorCode !== 0) throw new Error(String(result.message));
      partitions[at]!.advanceHighWatermark(partitions[at]!.logEndOffset);
      bytes += batch.length;
      if (index % BATCHES_A_TURN === 0) await turn();
    }
    await logs.shutDown();
    return bytes;
  });
}

/** An idempotent producer's header; the checksum is made right for it. */
function stampProducer(batch: Buffer, sequence: number): number {
  const count = batch.readInt32BE(57);
  batch.writeBigInt64BE(1000n, 43);
  batch.writeInt16BE(0, 51);
  batch.writeInt32BE(sequence, 53);
  batch.writeUInt32BE(crc32c(batch, 21, batch.length - 21), 17);
  return sequence + count;
}

await appendAll("append", false);
await appendAll("append again", false);
await appendAll("append, idempotent", true);
rmSync(folder, { recursive: true, force: true });
