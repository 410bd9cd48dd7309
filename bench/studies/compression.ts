/**
 * What the codecs cost, beside calls of the same libraries that are not used. `bun bench/studies/compression.ts`
 *
 * Speed is the best of several rounds, taken in turns, since on a shared machine the mean says
 * more about the neighbours. Memory and loading are measured in processes of their own.
 */
import lz4 from "lz4-napi";
import snappy from "snappy";
import { sampleText } from "../kit/sample-text.ts";
import { compress, CompressionType, decompress } from "../../src/protocol/compression.ts";

type Work = (size: number) => unknown;

const KiB = 1024;
const SIZES = [KiB, 16 * KiB, 256 * KiB, 1024 * KiB];
const ROUNDS = 15;
const ROUND_NS = 6_000_000;
const { GZIP, SNAPPY, LZ4, ZSTD } = CompressionType;
const samples = new Map<number, Buffer>();
const compressed = new Map<string, Buffer>();

const [task, name] = process.argv.slice(2);
if (task === "memory") measureMemory(name!);
else await measureAll();

async function measureAll(): Promise<void> {
  console.log(`us a call for ${SIZES.map((size) => `${size / KiB} KiB`).join(", ")}`);
  for (const [title, works] of Object.entries(contenders())) {
    const cells: number[][] = [];
    for (const size of SIZES) {
      const calls = Object.values(works).map((work) => () => work(size));
      cells.push(await measure(calls, 1000 + size));
    }
    console.log(title);
    Object.keys(works).forEach((contender, index) => {
      const figures = cells.map((ns) => (ns[index]! / 1000).toFixed(1).padStart(9));
      console.log(`  ${contender.padEnd(36)} ${figures.join("")}`);
    });
  }
  console.log("an lz4 frame of 1 KiB by the most that a block of it may hold, us");
  for (const [code, text] of [
    [4, "64 KiB (Java, librdkafka)"],
    [7, "4 MiB (franz-go, sarama)"],
  ] as const) {
    const frame = withBlockMaximum(packed(LZ4, KiB), code);
    const works = [() => decompress(LZ4, frame, KiB), () => lz4.decompressFrameSync(frame)];
    const [used, unused] = (await measure(works, 100_000)).map((ns) => (ns / 1000).toFixed(1));
    console.log(`  ${text.padEnd(36)} in use ${used}, decompressFrameSync ${unused}`);
  }
  console.log("memory while 2000 batches of 1 MiB are done in one turn of the event loop, MiB");
  for (const work of Object.keys(memoryWorks())) {
    console.log(`  ${work.padEnd(36)} ${outputOf(import.meta.path, "memory", work)}`);
  }
  console.log("loading, ms and MiB");
  for (const library of ["nothing", "lz4-napi", "snappy", "node:zlib"]) {
    console.log(`  ${library.padEnd(36)} ${loadCost(library)}`);
  }
}

function contenders(): Record<string, Record<string, Work>> {
  return {
    compress: {
      gzip: (size) => compress(GZIP, sample(size)),
      snappy: (size) => compress(SNAPPY, sample(size)),
      lz4: (size) => compress(LZ4, sample(size)),
      "lz4, level 1": (size) => compress(LZ4, sample(size), 1),
      "lz4, level 12": (size) => compress(LZ4, sample(size), 12),
      zstd: (size) => compress(ZSTD, sample(size)),
    },
    decompress: {
      gzip: (size) => decompress(GZIP, packed(GZIP, size), size),
      snappy: (size) => decompress(SNAPPY, packed(SNAPPY, size), size),
      lz4: (size) => decompress(LZ4, packed(LZ4, size), size),
      "lz4, not used: decompressFrameSync": (size) => lz4.decompressFrameSync(packed(LZ4, size)),
      zstd: (size) => decompress(ZSTD, packed(ZSTD, size), size),
    },
  };
}

function memoryWorks(): Record<string, () => unknown> {
  const size = 1024 * KiB;
  const raw = Buffer.from(snappy.compressSync(sample(size)));
  return {
    "compress snappy": () => compress(SNAPPY, sample(size)),
    "compress lz4": () => compress(LZ4, sample(size)),
    "decompress snappy": () => decompress(SNAPPY, packed(SNAPPY, size), size),
    "decompress lz4": () => decompress(LZ4, packed(LZ4, size), size),
    "not used: lz4 compressFrameSync": () => lz4.compressFrameSync(sample(size)),
    "not used: lz4 decompressFrameSync": () => lz4.decompressFrameSync(packed(LZ4, size)),
    "not used: snappy, not copied": () => snappy.uncompressSync(raw, { asBuffer: true }),
  };
}

function measureMemory(work: string): void {
  const run = memoryWorks()[work]!;
  run();
  Bun.gc(true);
  const before = process.memoryUsage().rss;
  let peak = before;
  for (let call = 0; call < 2000; call++) {
    run();
    if (call % 50 === 0) peak = Math.max(peak, process.memoryUsage().rss);
  }
  console.log(`${((peak - before) / KiB / KiB).toFixed(0)} more than before`);
}

/** In a process that has nothing else in it. */
function loadCost(library: string): string {
  const load = library === "nothing" ? "" : `require(${JSON.stringify(library)});`;
  const code = `const rss = process.memoryUsage().rss, start = Bun.nanoseconds(); ${load}
    const ms = (Bun.nanoseconds() - start) / 1e6;
    const grown = (process.memoryUsage().rss - rss) / 1048576;
    console.log(ms.toFixed(1).padStart(5) + " ms " + grown.toFixed(1).padStart(5) + " MiB");`;
  const runs = Array.from({ length: 9 }, () => outputOf("-e", code));
  return runs.sort()[2]!;
}

function outputOf(...command: string[]): string {
  return Bun.spawnSync([process.execPath, ...command])
    .stdout.toString()
    .trimEnd();
}

/** Best nanoseconds a call; every round gives each its turn, and ends one of the event loop. */
async function measure(works: (() => unknown)[], expectedNs: number): Promise<number[]> {
  const calls = Math.max(2, Math.round(ROUND_NS / expectedNs));
  const best = works.map(() => Infinity);
  for (let round = 0; round < ROUNDS; round++) {
    works.forEach((work, index) => {
      const start = Bun.nanoseconds();
      for (let call = 0; call < calls; call++) work();
      best[index] = Math.min(best[index]!, (Bun.nanoseconds() - start) / calls);
    });
    await new Promise((done) => setImmediate(done));
  }
  return best;
}

function packed(type: CompressionType, size: number): Buffer {
  const key = `${type} ${size}`;
  const made = compressed.get(key) ?? compress(type, sample(size));
  compressed.set(key, made);
  return made;
}

function withBlockMaximum(frame: Buffer, code: number): Buffer {
  const changed = Buffer.from(frame);
  changed[5] = code << 4;
  changed[6] = (Bun.hash.xxHash32(changed.subarray(4, 6), 0) >>> 8) & 0xff;
  return changed;
}

function sample(size: number): Buffer {
  const made = samples.get(size) ?? sampleText(size);
  samples.set(size, made);
  return made;
}
