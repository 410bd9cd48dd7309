/**
 * Compaction beside a producer: how fast a topic is cleaned, and what the producer of another topic
 * notices of it.
 *
 *   bun bench/studies/compaction.ts [--kafka] [--megabytes 1024] [--keys 20000] [--value 1000]
 *                           [--codec none|gzip|snappy|lz4|zstd] [--rate N]
 *
 * The topic is filled while it is not compacted, in segments of 64 MiB, and then gets the policy.
 * It is clean when the cleaner's checkpoint says so. Linux only: it asks /proc.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type CompressionName, compressionTypeOf } from "../../src/protocol/compression.ts";
import { produce } from "../../src/protocol/messages/00-produce.ts";
import { incrementalAlterConfigs } from "../../src/protocol/messages/44-incremental-alter-configs.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { bunka } from "../contenders/bunka.ts";
import { kafka } from "../contenders/kafka.ts";
import { cpuSeconds, residentMegabytes } from "../contenders/process-figures.ts";
import { createTopic } from "../kit/raw-client.ts";
import { RawConnection } from "../kit/raw-connection.ts";

const { values: flags } = parseArgs({
  options: {
    kafka: { type: "boolean", default: false },
    megabytes: { type: "string", default: "1024" },
    keys: { type: "string", default: "20000" },
    value: { type: "string", default: "1000" },
    codec: { type: "string", default: "none" },
    rate: { type: "string", default: "0" },
  },
});

const SEGMENT_BYTES = 64 << 20;
const BATCH_RECORDS_BYTES = 16_384;
const BATCHES = 512;
const BASELINE_MS = 5000;
const PACE_MS = 1;
const TOPIC_RESOURCE = 2;
const SET = 0;

const settings = [
  `log.segment.bytes=${SEGMENT_BYTES}`,
  "log.cleaner.backoff.ms=100",
  "log.cleaner.min.cleanable.ratio=0.01",
  ...(flags.rate === "0" ? [] : [`log.cleaner.io.max.bytes.per.second=${flags.rate}`]),
];

/** Batches of a random choice of the keys each. */
function makeBatches(): Buffer[] {
  const valueSize = Number(flags.value);
  const keyCount = Number(flags.keys);
  const count = Math.max(1, Math.floor(BATCH_RECORDS_BYTES / valueSize));
  const compression = compressionTypeOf(flags.codec as CompressionName);
  return Array.from({ length: BATCHES }, () => {
    const records = Array.from({ length: count }, () => {
      const key = Buffer.from(`key-${Math.floor(Math.random() * keyCount)}`);
      // Half of it is the same everywhere, as in most records.
      const value = Buffer.alloc(valueSize, "the same ");
      crypto.getRandomValues(value.subarray(0, valueSize >> 1));
      return { timestamp: Date.now(), key, value };
    });
    return buildBatch({ records, compression });
  });
}

async function send(connection: RawConnection, topic: string, records: Buffer): Promise<void> {
  const answer = await connection.ask(produce, 9, {
    transactionalId: null,
    acks: 1,
    timeoutMs: 30_000,
    topicData: [{ name: topic, partitionData: [{ index: 0, records }] }],
  });
  const errorCode = answer.responses[0]?.partitionResponses[0]?.errorCode;
  if (errorCode !== 0) throw new Error(`produce: error ${errorCode}`);
}

async function fill(port: number, batches: readonly Buffer[]): Promise<number> {
  const connection = await RawConnection.open(port);
  const wanted = Number(flags.megabytes) << 20;
  let size = 0;
  for (let index = 0; size < wanted; index++) {
    const piece = Array.from({ length: 16 }, (_, at) => batches[(index * 16 + at) % BATCHES]!);
    // One batch a request: a broker takes no more.
    for (const batch of piece) await send(connection, "compacted", batch);
    size += piece.reduce((total, batch) => total + batch.length, 0);
  }
  connection.close();
  return size;
}

/** Latencies of one request after the other, a millisecond apart, until told to stop. */
class Producer {
  readonly #batch: Buffer;
  readonly #port: number;
  #latencies: number[] = [];
  #isOver = false;

  constructor(port: number, batch: Buffer) {
    this.#port = port;
    this.#batch = batch;
  }

  async run(): Promise<void> {
    const connection = await RawConnection.open(this.#port);
    while (!this.#isOver) {
      const startMs = performance.now();
      await send(connection, "other", this.#batch);
      this.#latencies.push(performance.now() - startMs);
      await Bun.sleep(PACE_MS);
    }
    connection.close();
  }

  /** Of all since the last call. */
  take(): string {
    const sorted = this.#latencies.sort((left, right) => left - right);
    this.#latencies = [];
    const at = (share: number): string =>
      (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(2);
    const max = (sorted.at(-1) ?? 0).toFixed(2);
    return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${max} ms of ${sorted.length} requests`;
  }

  stop(): void {
    this.#isOver = true;
  }
}

function cleanedTo(folder: string): number {
  const path = join(folder, "data/cleaner-offset-checkpoint");
  if (!existsSync(path)) return 0;
  const line = readFileSync(path, "utf8")
    .split("\n")
    .find((each) => each.startsWith("compacted "));
  return Number(line?.split(" ")[2] ?? 0);
}

function sizeOfTopic(folder: string): number {
  const directory = join(folder, "data/compacted-0");
  const names = readdirSync(directory).filter((name) => name.endsWith(".log"));
  return names.reduce((total, name) => total + statSync(join(directory, name)).size, 0);
}

async function compact(port: number): Promise<void> {
  const connection = await RawConnection.open(port);
  const config = { name: "cleanup.policy", configOperation: SET, value: "compact" };
  const resource = { resourceType: TOPIC_RESOURCE, resourceName: "compacted", configs: [config] };
  await connection.ask(incrementalAlterConfigs, 1, { resources: [resource], validateOnly: false });
  connection.close();
}

const kind = flags.kafka ? "kafka" : "bunka";
const folder = mkdtempSync(join(tmpdir(), "bunka-compaction-"));
const start = flags.kafka ? kafka(null) : bunka();
const broker = await start({ folder, settings });
const { port } = broker;
const pid = broker.pids[0] ?? NaN;
try {
  for (const name of ["compacted", "other"]) await createTopic(port, name, 1);
  const batches = makeBatches();
  const producer = new Producer(port, batches[0]!);
  const filled = await fill(port, batches);
  const running = producer.run();
  await Bun.sleep(500);
  producer.take();
  await Bun.sleep(BASELINE_MS);
  console.log(`${kind} alone:      ${producer.take()}`);
  const [memoryBefore, cpuBefore, startMs] = [
    residentMegabytes(pid),
    cpuSeconds(pid),
    performance.now(),
  ];
  await compact(port);
  let memoryMax = 0;
  while (cleanedTo(folder) === 0) {
    memoryMax = Math.max(memoryMax, residentMegabytes(pid));
    await Bun.sleep(5);
  }
  const tookMs = performance.now() - startMs;
  console.log(`${kind} compacting: ${producer.take()}`);
  const cpu = cpuSeconds(pid) - cpuBefore;
  await Bun.sleep(1500);
  producer.stop();
  await running;
  const rate = (filled / tookMs / 1048.576).toFixed(0);
  const left = sizeOfTopic(folder) >> 20;
  console.log(
    `${kind}: ${filled >> 20} MiB into ${left} MiB in ${(tookMs / 1000).toFixed(2)} s, ${rate} MB/s; ` +
      `${cpu.toFixed(2)} s of CPU; memory ${memoryBefore.toFixed(0)} -> ${memoryMax.toFixed(0)} MB`,
  );
  if (kind === "bunka") {
    await Bun.sleep(35_000);
    console.log(`${kind}: memory 35 s later ${residentMegabytes(pid).toFixed(0)} MB`);
  }
} finally {
  await broker.stop();
  rmSync(folder, { recursive: true, force: true });
}
