/**
 * Which code compresses: libraries beside our own, in one run. `bun bench/codecs.ts`
 *
 * Speed is the best of several rounds, taken in turns, since on a shared machine the mean says
 * more about the neighbours. Memory and loading are measured in processes of their own.
 */
import lz4 from "lz4-napi";
import snappy from "snappy";
import { compress, CompressionType, decompress } from "../src/protocol/compression.ts";
import { decodeLz4BlockInTypeScript } from "../src/protocol/lz4-block.ts";
import { decodeSnappyInTypeScript } from "../src/protocol/snappy-block.ts";

// It has no types of its own.
const snappyjs: {
  compress(bytes: Buffer): Buffer;
  uncompress(bytes: Buffer, sizeMax: number): Buffer;
} = require("snappyjs");

type Work = (size: number) => unknown;

const KiB = 1024;
const SIZES = [KiB, 16 * KiB, 256 * KiB, 1024 * KiB];
const ROUNDS = 15;
const ROUND_NS = 6_000_000;
const { LZ4, SNAPPY } = CompressionType;
const samples = new Map<number, Buffer>();

const [task, name] = process.argv.slice(2);
if (task === "memory") measureMemory(name!);
else if (task === "hostile") console.log(tryToDecode(Buffer.from("05fcfaffffff", "hex")));
else await measureAll();

async function measureAll(): Promise<void> {
  console.log(`us a call for ${SIZES.map((size) => `${size / KiB} KiB`).join(", ")}`);
  for (const [title, contenders] of Object.entries(contendersOf())) {
    const cells: number[][] = [];
    for (const size of SIZES) cells.push(await compare(Object.values(contenders), size));
    console.log(title);
    Object.keys(contenders).forEach((contender, index) => {
      const figures = cells.map((ns) => (ns[index]! / 1000).toFixed(1).padStart(9));
      console.log(`  ${contender.padEnd(34)} ${figures.join("")}`);
    });
  }
  console.log("an lz4 frame of 1 KiB by the most that its blocks may hold, us");
  for (const [code, text] of [
    [4, "64 KiB (Java, librdkafka)"],
    [7, "4 MiB (franz-go, sarama)"],
  ] as const) {
    const frame = withBlockMaximum(compress(LZ4, sample(KiB)), code);
    const [own, library] = await measure(
      [() => decompress(LZ4, frame, KiB), () => lz4.decompressFrameSync(frame)],
      100_000,
    );
    console.log(`  ${text.padEnd(34)} ours ${us(own!)}, lz4-napi ${us(library!)}`);
  }
  console.log("memory while 2000 batches of 1 MiB are done in one turn of the event loop, MiB");
  for (const work of Object.keys(memoryWorks()))
    console.log(`  ${inChild("memory", work, 60_000)}`);
  console.log("loading, ms and MiB");
  for (const library of ["nothing", "lz4-napi", "snappy", "snappyjs", "node:zlib"]) {
    console.log(`  ${library.padEnd(34)} ${loadCost(library)}`);
  }
  console.log(`six hostile bytes to snappyjs: ${inChild("hostile", "", 2000) || "never returns"}`);
}

function contendersOf(): Record<string, Record<string, Work>> {
  const lz4Of = cached((size) => compress(LZ4, sample(size)));
  const snappyOf = cached((size) => compress(SNAPPY, sample(size)));
  const rawOf = cached((size) => Buffer.from(snappy.compressSync(sample(size))));
  const copied = { asBuffer: true, copyOutputData: true };
  return {
    "lz4, compress": {
      "ours (TypeScript)": (size) => compress(LZ4, sample(size)),
      "lz4-napi compressFrameSync": (size) => lz4.compressFrameSync(sample(size)),
    },
    "lz4, decompress": {
      "ours (C)": (size) => decompress(LZ4, lz4Of(size), size),
      "ours (TypeScript, blocks alone)": (size) => decodeBlocksInTypeScript(lz4Of(size), size),
      "lz4-napi decompressFrameSync": (size) => lz4.decompressFrameSync(lz4Of(size)),
      "lz4-napi uncompressSync per block": (size) => decodeBlocksByLibrary(lz4Of(size)),
    },
    "snappy, compress": {
      "ours (TypeScript)": (size) => compress(SNAPPY, sample(size)),
      snappyjs: (size) => snappyjs.compress(sample(size)),
      "snappy (napi)": (size) => snappy.compressSync(sample(size), copied),
    },
    "snappy, decompress": {
      "ours (C)": (size) => decompress(SNAPPY, snappyOf(size), size),
      "ours (TypeScript, one raw block)": (size) => decodeRawInTypeScript(rawOf(size), size),
      snappyjs: (size) => snappyjs.uncompress(rawOf(size), size),
      "snappy (napi)": (size) => snappy.uncompressSync(rawOf(size), copied),
    },
  };
}

/** Of 64 KiB blocks, as we write them: each but the last stands for that much. */
function decodeBlocksByLibrary(frame: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 7; frame.readUInt32LE(at) !== 0;) {
    const size = frame.readUInt32LE(at);
    const input = Buffer.allocUnsafe(4 + size);
    input.writeUInt32LE(64 * KiB, 0);
    frame.copy(input, 4, at + 4, at + 4 + size);
    parts.push(lz4.uncompressSync(input));
    at += 4 + size;
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

function decodeBlocksInTypeScript(frame: Buffer, outputSize: number): Buffer {
  const output = Buffer.allocUnsafe(outputSize);
  let to = 0;
  for (let at = 7; frame.readUInt32LE(at) !== 0;) {
    const size = frame.readUInt32LE(at);
    to += decodeLz4BlockInTypeScript(frame, at + 4, size, output, to, to, outputSize);
    at += 4 + size;
  }
  return output;
}

function decodeRawInTypeScript(raw: Buffer, outputSize: number): Buffer {
  const output = Buffer.allocUnsafe(outputSize);
  let at = 0;
  while (raw[at++]! > 0x7f);
  decodeSnappyInTypeScript(raw, at, raw.length - at, output, 0, outputSize);
  return output;
}

function withBlockMaximum(frame: Buffer, code: number): Buffer {
  const changed = Buffer.from(frame);
  changed[5] = code << 4;
  changed[6] = (Bun.hash.xxHash32(changed.subarray(4, 6), 0) >>> 8) & 0xff;
  return changed;
}

function memoryWorks(): Record<string, () => unknown> {
  const size = 1024 * KiB;
  const frame = cached(() => compress(LZ4, sample(size)));
  const framed = cached(() => compress(SNAPPY, sample(size)));
  const raw = cached(() => Buffer.from(snappy.compressSync(sample(size))));
  return {
    "ours, compress lz4": () => compress(LZ4, sample(size)),
    "ours, decompress lz4": () => decompress(LZ4, frame(0), size),
    "ours, decompress snappy": () => decompress(SNAPPY, framed(0), size),
    "lz4-napi compressFrameSync": () => lz4.compressFrameSync(sample(size)),
    "lz4-napi decompressFrameSync": () => lz4.decompressFrameSync(frame(0)),
    "lz4-napi uncompressSync per block": () => decodeBlocksByLibrary(frame(0)),
    "snappy uncompressSync": () => snappy.uncompressSync(raw(0), { asBuffer: true }),
    "snappy uncompressSync, copied": () =>
      snappy.uncompressSync(raw(0), { asBuffer: true, copyOutputData: true }),
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
  const more = (peak - before) / KiB / KiB;
  console.log(`${work.padEnd(34)} ${more.toFixed(0)} more than before`);
}

/** In a process that has nothing else in it. */
function loadCost(library: string): string {
  const load = library === "nothing" ? "" : `require(${JSON.stringify(library)});`;
  const code = `const rss = process.memoryUsage().rss, start = Bun.nanoseconds(); ${load}
    const ms = (Bun.nanoseconds() - start) / 1e6;
    const grown = (process.memoryUsage().rss - rss) / 1048576;
    console.log(ms.toFixed(1).padStart(5) + " ms " + grown.toFixed(1).padStart(5) + " MiB");`;
  const runs = Array.from({ length: 9 }, () => outputOf([process.execPath, "-e", code], 60_000));
  return runs.sort()[2]!;
}

function inChild(kind: string, argument: string, timeoutMs: number): string {
  return outputOf([process.execPath, import.meta.path, kind, argument], timeoutMs);
}

/** What the process says; nothing when it takes longer. */
function outputOf(command: string[], timeoutMs: number): string {
  return Bun.spawnSync(command, { timeout: timeoutMs }).stdout.toString().trimEnd();
}

function compare(works: Work[], size: number): Promise<number[]> {
  return measure(
    works.map((work) => () => work(size)),
    1000 + size,
  );
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

function tryToDecode(bytes: Buffer): string {
  try {
    return `${snappyjs.uncompress(bytes, 1000).length} bytes`;
  } catch (error) {
    return String(error);
  }
}

function us(ns: number): string {
  return (ns / 1000).toFixed(1);
}

function cached(make: (size: number) => Buffer): (size: number) => Buffer {
  const made = new Map<number, Buffer>();
  return (size) => {
    const found = made.get(size) ?? make(size);
    made.set(size, found);
    return found;
  };
}

/** Records as people send them: JSON of fields with few values and fields with many. */
function sample(size: number): Buffer {
  const found = samples.get(size);
  if (found !== undefined) return found;
  let state = 7;
  const below = (bound: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (state >>> 8) % bound;
  };
  const pick = (values: string[]) => values[below(values.length)];
  let text = "";
  while (text.length < size) {
    text += JSON.stringify({
      id: below(1e7),
      user: `user-${below(50_000)}`,
      event: pick(["view", "click", "purchase", "refund"]),
      at: `2026-03-${10 + below(20)}T${10 + below(14)}:${10 + below(50)}:${10 + below(50)}Z`,
      amount: below(100_000) / 100,
      city: pick(["Berlin", "Paris", "Tokyo", "Lagos", "Lima", "Oslo"]),
      session: below(1e7).toString(36) + below(1e7).toString(36),
      paid: below(3) > 0,
    });
  }
  const made = Buffer.from(text.slice(0, size));
  samples.set(size, made);
  return made;
}
