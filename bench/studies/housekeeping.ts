/**
 * How long housekeeping holds the event loop: retention, checkpoints and compaction's choice over
 * many partitions, on the real disk.
 *
 *   bun bench/studies/housekeeping.ts [--partitions 10000] [--compacted]
 *
 * Each partition has two segments. In the first pass nothing is old, in the second the first
 * segment of each is. What is reported is the most time of the processor between two turns of the
 * loop: on a busy machine the clock on the wall tells of others.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { silentLogger } from "../../src/base/logger.ts";
import { realWorld } from "../../src/base/real-world.ts";
import { endOfTurn } from "../../src/base/slices.ts";
import { DEFAULT_LOG_CONFIG, type LogConfig } from "../../src/log/log-config.ts";
import { DEFAULT_LOG_SETTINGS, openLogManager } from "../../src/log/log-manager.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";

const { values: flags } = parseArgs({
  options: {
    partitions: { type: "string", default: "10000" },
    compacted: { type: "boolean", default: false },
  },
});

const PASS_MS = 1000;
const LONGEST = 6;
const HOUR_MS = 3_600_000;
const folder = mkdtempSync(join(tmpdir(), "bunka-retention-"));
let config: LogConfig = {
  ...DEFAULT_LOG_CONFIG,
  cleanupPolicy: flags.compacted ? ["compact", "delete"] : ["delete"],
  minCleanableDirtyRatio: 1,
  fileDeleteDelayMs: 1000,
};
const world = realWorld();
const manager = openLogManager({
  ...world,
  logger: silentLogger,
  directories: [folder],
  configOf: () => config,
  settings: {
    ...DEFAULT_LOG_SETTINGS,
    logInitialTaskDelayMs: 100,
    logCleanerBackoffMs: PASS_MS,
    logRetentionCheckIntervalMs: PASS_MS,
    logFlushOffsetCheckpointIntervalMs: PASS_MS,
    logFlushStartOffsetCheckpointIntervalMs: PASS_MS,
    producerIdExpirationCheckIntervalMs: PASS_MS,
  },
  directoryFailed: (_, error) => {
    throw error;
  },
});
await manager.load();
const nowMs = Date.now();
for (let partition = 0; partition < Number(flags.partitions); partition++) {
  const log = manager.getOrCreate("topic", partition, { topicId: null })!;
  for (let segment = 0; segment < 2; segment++) {
    const timestamp = segment === 0 ? nowMs - HOUR_MS : nowMs;
    const records = [{ timestamp, key: Buffer.from("k"), value: Buffer.alloc(100) }];
    const bytes = buildBatch({ records });
    log.appendAsLeader(bytes, { leaderEpoch: 0, origin: "client", nowMs });
    log.advanceHighWatermark(log.logEndOffset);
    if (segment === 0) log.roll();
  }
  log.state.coolDown();
  log.state.coolDown();
  if (partition % 100 === 0) await endOfTurn(manager.clock);
}
await manager.checkpoint("recoveryPoint");
await Bun.sleep(3000);

let lastMs = processorMs();
/** The longest, and no more: to sort millions would take its own time. */
let gaps: number[] = [];
let turns = 0;
let isOver = false;
const watch = (): void => {
  const turnMs = processorMs();
  const gapMs = turnMs - lastMs;
  turns++;
  if (gaps.length < LONGEST || gapMs > gaps.at(-1)!) {
    gaps = [...gaps, gapMs].sort((left, right) => right - left).slice(0, LONGEST);
  }
  lastMs = turnMs;
  if (!isOver) setImmediate(watch);
};
watch();

function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The longest turns of the time until now. */
function longest(): string {
  const text = `${gaps.map((gap) => gap.toFixed(1)).join(", ")} ms (of ${turns} turns)`;
  gaps = [];
  turns = 0;
  return text;
}

function segments(): number {
  let count = 0;
  for (const log of manager.all()) count += log.segmentCount;
  return count;
}

await Bun.sleep(2000);
console.log(`idle:              ${longest()}`);
manager.start();
await Bun.sleep(4000);
console.log(`nothing to delete: ${longest()}; ${segments()} segments`);
config = { ...config, retentionMs: HOUR_MS / 2 };
manager.updateConfig("topic", config);
for (let waited = 0; waited < 60 && segments() > Number(flags.partitions); waited++) {
  await Bun.sleep(500);
}
console.log(`a segment of each: ${longest()}; ${segments()} segments`);
await Bun.sleep(5000);
console.log(`files removed:     ${longest()}`);
isOver = true;
await manager.shutDown();
rmSync(folder, { recursive: true, force: true });
process.exit(0);
