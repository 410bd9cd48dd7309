/**
 * Produce and fetch of Bunka beside Apache Kafka 4.3.1, in one run on one machine.
 *
 *   bun run bench [--rounds N] [--only bunka|kafka] [--rows PATTERN]
 *
 * The brokers take turns, row by row, and memory is touched before each row, as on a virtual
 * machine the first to touch a page pays for it. CPU is that of the broker process alone.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  type BrokerKind,
  type BrokerProcess,
  cpuSeconds,
  residentMegabytes,
  startBroker,
} from "./brokers.ts";
import { buildLoad } from "./load/run-load.ts";
import { createTopic, deleteTopic } from "./raw-client.ts";

interface Row {
  readonly name: string;
  readonly megabytes: number;
  readonly partitions: number;
  /** Arguments of `load` behind the topic and its partitions. */
  readonly produce?: readonly number[];
  readonly fetch?: readonly number[];
}

interface Figures {
  readonly megabytesPerSecond: number;
  readonly cpuSecondsPerGigabyte: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const KIB = 1024;

/** The rows of baseline.md. Produce: connections, window, record bytes, batch bytes. */
const ROWS: readonly Row[] = [
  {
    name: "produce 1 KiB / 16 KiB batches 8p 4c w8",
    megabytes: 600,
    partitions: 8,
    produce: [4, 8, KIB, 16 * KIB],
  },
  {
    name: "produce 1 KiB / 16 KiB batches 1p 1c w5",
    megabytes: 400,
    partitions: 1,
    produce: [1, 5, KIB, 16 * KIB],
  },
  {
    name: "produce 100 B / 16 KiB batches 8p 4c w8",
    megabytes: 600,
    partitions: 8,
    produce: [4, 8, 100, 16 * KIB],
  },
  {
    name: "produce 100 B / 1 KiB batches 8p 4c w8",
    megabytes: 60,
    partitions: 8,
    produce: [4, 8, 100, KIB],
  },
  {
    name: "produce one 1 KiB record a request 1p 1c w1",
    megabytes: 20,
    partitions: 1,
    produce: [1, 1, KIB, KIB],
  },
  {
    name: "produce 1 KiB / 256 KiB batches 8p 4c w4",
    megabytes: 1000,
    partitions: 8,
    produce: [4, 4, KIB, 256 * KIB],
  },
  {
    name: "fetch warm 1 MiB a partition 8p 1c",
    megabytes: 3000,
    partitions: 8,
    fetch: [1, KIB * KIB],
  },
  {
    name: "fetch warm 1 MiB a partition 8p 4c",
    megabytes: 6000,
    partitions: 8,
    fetch: [4, KIB * KIB],
  },
  {
    name: "fetch warm 64 KiB a partition 8p 4c",
    megabytes: 3000,
    partitions: 8,
    fetch: [4, 64 * KIB],
  },
];

const FETCH_TOPIC_MEGABYTES = 400;

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "2" },
    only: { type: "string" },
    rows: { type: "string", default: "" },
  },
});

const folder = mkdtempSync(join(tmpdir(), "bunka-bench-"));
const runLoad = buildLoad(folder);
const kinds = (["kafka", "bunka"] as const).filter((kind) => (options.only ?? kind) === kind);
const brokers: BrokerProcess[] = [];
for (const kind of kinds) brokers.push(await startBroker(kind, join(folder, kind)));
const figures = new Map<string, Figures[]>();
let topicCount = 0;

try {
  for (const broker of brokers) await warmUp(broker);
  for (const row of ROWS.filter(({ name }) => name.includes(options.rows))) {
    for (let round = 0; round < Number(options.rounds); round++) {
      for (const broker of brokers) {
        const key = `${row.name} ${broker.kind}`;
        figures.set(key, [...(figures.get(key) ?? []), await measure(broker, row)]);
      }
    }
    report(row);
  }
  for (const { kind, pid, startMs } of brokers) {
    const memory = residentMegabytes(pid).toFixed(0);
    console.log(`${kind}: ${memory} MB resident after the run, port open ${startMs.toFixed(0)} ms`);
  }
} finally {
  for (const broker of brokers) await broker.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function warmUp(broker: BrokerProcess): Promise<void> {
  for (const row of [ROWS[0]!, ROWS[3]!, ROWS[6]!]) await measure(broker, row);
}

async function measure(broker: BrokerProcess, row: Row): Promise<Figures> {
  const topic = `bench-${topicCount++}`;
  await createTopic(broker.port, topic, row.partitions);
  if (row.fetch !== undefined) {
    runLoad("produce", broker.port, topic, row.partitions, [
      4,
      8,
      KIB,
      16 * KIB,
      FETCH_TOPIC_MEGABYTES * 1e6,
      1,
    ]);
  } else touch(row.megabytes * 1e6);
  const cpuBefore = cpuSeconds(broker.pid);
  const total = row.megabytes * 1e6;
  const result =
    row.fetch === undefined
      ? runLoad("produce", broker.port, topic, row.partitions, [...(row.produce ?? []), total, 1])
      : runLoad("fetch", broker.port, topic, row.partitions, [...row.fetch, total]);
  const cpu = cpuSeconds(broker.pid) - cpuBefore;
  await deleteTopic(broker.port, topic);
  return {
    megabytesPerSecond: result.bytes / 1e6 / result.seconds,
    cpuSecondsPerGigabyte: cpu / (result.bytes / 1e9),
    p50Ms: result.p50Us / 1000,
    p99Ms: result.p99Us / 1000,
  };
}

/** Makes the guest touch as much memory as the row will write, and gives it back. */
function touch(bytes: number): void {
  const file = join(folder, "touch");
  writeFileSync(file, Buffer.alloc(0));
  const block = Buffer.alloc(16 * KIB * KIB, 1);
  for (let done = 0; done < bytes; done += block.length) writeFileSync(file, block, { flag: "a" });
  rmSync(file);
}

function report(row: Row): void {
  console.log(row.name);
  const medians = new Map<BrokerKind, Figures>();
  for (const kind of kinds) {
    const all = figures.get(`${row.name} ${kind}`) ?? [];
    const of = (field: keyof Figures) => median(all.map((one) => one[field]));
    const figure: Figures = {
      megabytesPerSecond: of("megabytesPerSecond"),
      cpuSecondsPerGigabyte: of("cpuSecondsPerGigabyte"),
      p50Ms: of("p50Ms"),
      p99Ms: of("p99Ms"),
    };
    medians.set(kind, figure);
    console.log(`  ${kind.padEnd(6)} ${textOf(figure)}`);
  }
  const [ours, theirs] = [medians.get("bunka"), medians.get("kafka")];
  if (ours === undefined || theirs === undefined) return;
  const ratio = (field: keyof Figures) => (ours[field] / theirs[field]).toFixed(2);
  console.log(
    `  ratio  ${ratio("megabytesPerSecond")} throughput, ` +
      `${ratio("cpuSecondsPerGigabyte")} CPU, ${ratio("p50Ms")} p50, ${ratio("p99Ms")} p99`,
  );
}

function textOf(figure: Figures): string {
  return (
    `${figure.megabytesPerSecond.toFixed(0)} MB/s, ` +
    `${figure.cpuSecondsPerGigabyte.toFixed(2)} CPU s/GB, ` +
    `p50 ${figure.p50Ms.toFixed(2)} ms, p99 ${figure.p99Ms.toFixed(2)} ms`
  );
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? 0)) / 2;
}
