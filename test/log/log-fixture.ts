/** A log on a fake World, and batches to append to it. */
import { Histogram } from "../../src/base/histogram.ts";
import type { DiskError } from "../../src/base/world.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { BatchExaminer } from "../../src/log/examiner/batch-examiner.ts";
import { FileHandles } from "../../src/log/file-handles.ts";
import type { Log } from "../../src/log/log.ts";
import { DEFAULT_LOG_CONFIG, type LogConfig } from "../../src/log/log-config.ts";
import type { Coolable, LogHost } from "../../src/log/log-host.ts";
import { type OpenLog, openLog } from "../../src/log/log-loader.ts";
import { ValidationStats } from "../../src/log/validation-stats.ts";
import { WorkQueue } from "../../src/log/work-queue.ts";
import { buildBatch, type NewBatch } from "../../src/protocol/record-batch-builder.ts";
import { nextBatchSize } from "../../src/protocol/record-batch.ts";
import { type DecodedRecord, readRecords } from "../../src/protocol/record.ts";
import type { FakeWorld } from "../sim/fake-world.ts";

export const DIRECTORY = "/data/topic-0";

export interface TestHost extends LogHost {
  readonly warm: Coolable[];
  readonly failures: { directory: string; error: DiskError }[];
}

export function hostOf(world: FakeWorld): TestHost {
  const warm: Coolable[] = [];
  const failures: { directory: string; error: DiskError }[] = [];
  return {
    disk: world.disk,
    clock: world.clock,
    random: world.random,
    logger: silentLogger,
    handles: new FileHandles(world.disk, 64),
    examiner: new BatchExaminer({ ...world, logger: silentLogger, threadsMax: () => 8 }),
    background: new WorkQueue(4),
    flushesUs: new Histogram(),
    validation: new ValidationStats(),
    producerIdExpirationMs: 86_400_000,
    verifiesTransactions: false,
    schedule: (delayMs, work) => void world.clock.schedule(delayMs, work),
    warmed: (log) => void warm.push(log),
    segmentFlushed: () => undefined,
    directoryFailed: (directory, error) => void failures.push({ directory, error }),
    warm,
    failures,
  };
}

export interface OpenOptions {
  readonly directory?: string;
  readonly config?: Partial<LogConfig>;
  readonly recoveryPoint?: number | null;
  readonly logStartOffset?: number | null;
  readonly wasCleanlyStopped?: boolean;
}

export function openTestLog(host: LogHost, options: OpenOptions = {}): Promise<Log> {
  return openLog(host, openingOf(options));
}

export function openingOf(options: OpenOptions): OpenLog {
  return {
    directory: options.directory ?? DIRECTORY,
    topic: "topic",
    partition: 0,
    config: { ...DEFAULT_LOG_CONFIG, ...options.config },
    recoveryPoint: options.recoveryPoint ?? null,
    logStartOffset: options.logStartOffset ?? null,
    wasCleanlyStopped: options.wasCleanlyStopped ?? false,
  };
}

export interface BatchOptions extends Omit<NewBatch, "records"> {
  readonly timestamp?: number;
  readonly count?: number;
  readonly valueSize?: number;
  readonly text?: string;
}

/** Records "0", "1", ... (or `text`), each of `valueSize` bytes at least, a millisecond apart. */
export function batchOf(options: BatchOptions = {}): Buffer {
  const { timestamp = 1000, count = 1, valueSize = 0, text, ...batch } = options;
  const records = Array.from({ length: count }, (_, index) => ({
    timestamp: timestamp + index,
    key: null,
    value: Buffer.from((text ?? String(index)).padEnd(valueSize, ".")),
  }));
  return buildBatch({ ...batch, records });
}

export function append(log: Log, options: BatchOptions = {}, nowMs = 1000) {
  return log.appendAsLeader(batchOf(options), { leaderEpoch: 0, origin: "client", nowMs });
}

/** All records from `offset` on. */
export async function readAll(log: Log, fromOffset: number): Promise<DecodedRecord[]> {
  const records: DecodedRecord[] = [];
  let offset = fromOffset;
  while (offset < log.logEndOffset) {
    const slice = await log.read(offset, 1 << 20, log.logEndOffset, true);
    if (slice.errorCode !== 0) throw new Error(`read at ${offset}: error ${slice.errorCode}`);
    const bytes = await slice.read();
    slice.release();
    if (bytes.length === 0) break;
    for (const record of recordsIn(bytes)) {
      if (record.offset < offset) continue;
      records.push(record);
      offset = record.offset + 1;
    }
  }
  return records;
}

/** Of all whole batches. */
export function recordsIn(bytes: Buffer): DecodedRecord[] {
  const records: DecodedRecord[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = nextBatchSize(bytes, at, bytes.length);
    if (size === 0) break;
    records.push(...readRecords(bytes, at));
    at += size;
  }
  return records;
}
