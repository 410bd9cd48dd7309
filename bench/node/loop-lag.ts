/**
 * How long a node's loop is held, at most, by each kind of work that is large: batches to be
 * compressed anew, requests about all partitions, housekeeping, a group of many members; and under
 * a load of producers and consumers, with a new segment a few times a second.
 *
 *   bun bench/node/loop-lag.ts [--partitions 10000] [--members 2000] [--seconds 10] [--why]
 *     [produce|requests|members|load|sessions|connections]...
 *
 * The node is a process of its own with a probe in it (loop-lag/probe.ts). Linux only.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { parseArgs } from "node:util";
import type { LoopProbe } from "../kit/loop-probe.ts";
import { startNode } from "./node-process.ts";
import {
  areLed,
  create,
  findGroup,
  join,
  produceText,
  produceToAll,
  READS,
  remove,
  type Shape,
} from "./loop-lag/operations.ts";
import { batchesFile } from "../load/batches.ts";
import { buildLoad } from "../load/load.ts";
import { RawConnection } from "../kit/raw-connection.ts";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    partitions: { type: "string", default: "10000" },
    members: { type: "string", default: "2000" },
    seconds: { type: "string", default: "10" },
    why: { type: "boolean", default: false },
  },
});
const PARTITIONS_PER_TOPIC = 100;
const TOPICS_AT_ONCE = 50;
const SETTINGS = [
  "message.max.bytes=104857600",
  "log.initial.task.delay.ms=1000",
  "log.segment.delete.delay.ms=1000",
  "log.flush.offset.checkpoint.interval.ms=1000",
  "log.flush.start.offset.checkpoint.interval.ms=1000",
  "log.cleaner.backoff.ms=1000",
  "offsets.topic.num.partitions=4",
  "group.consumer.max.size=1000000",
  "metadata.log.max.record.bytes.between.snapshots=200000",
];

class Arena {
  readonly #folder = mkdtempSync(joinPath(tmpdir(), "bunka-loop-lag-"));
  readonly #node;
  connection!: RawConnection;

  get port(): number {
    return this.#node.port;
  }

  private constructor(overrides: readonly string[]) {
    this.#node = startNode(this.#folder, [...SETTINGS, ...overrides], true);
  }

  static async open(overrides: readonly string[] = []): Promise<Arena> {
    const arena = new Arena(overrides);
    await arena.#node.ready;
    if (flags.why) arena.#probe.explain();
    arena.connection = await RawConnection.open(arena.#node.port);
    return arena;
  }

  /** What follows from the work in the second after it counts too. */
  async measure(name: string, work: () => Promise<unknown>, afterMs = 500): Promise<void> {
    await Bun.sleep(200);
    this.#probe.reset();
    const startMs = performance.now();
    await work();
    const tookMs = performance.now() - startMs;
    await Bun.sleep(afterMs);
    const { held: all, ran, over5, why } = await this.#probe.report();
    const held = [all.maxMs, ran.maxMs, all.p9999Ms, ran.p9999Ms].map(
      (ms) => `${ms.toFixed(1).padStart(8)} ms`,
    );
    console.log(
      `${name.padEnd(34)} ${held.join(" ")} ${String(over5).padStart(6)}   ${tookMs.toFixed(0)} ms`,
    );
    for (const line of why) console.log(line);
  }

  async close(): Promise<void> {
    this.connection.close();
    const startMs = performance.now();
    await this.#node.stop();
    console.log(`stopped in ${(performance.now() - startMs).toFixed(0)} ms`);
  }

  /** Whatever has happened, nothing stays behind. */
  async drop(): Promise<void> {
    await this.#node.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #probe(): LoopProbe {
    return this.#node.probe!;
  }
}

/** One request may make 10,000 records at most. */
async function createInParts(connection: RawConnection, shape: Shape): Promise<void> {
  for (let from = 0; from < shape.topics.length; from += TOPICS_AT_ONCE) {
    const topics = shape.topics.slice(from, from + TOPICS_AT_ONCE);
    await create(connection, { ...shape, topics });
  }
  // The node makes the partitions of a commit bit by bit.
  while (!(await areLed(connection, shape))) await Bun.sleep(50);
}

const CODECS = [
  ["gzip", "-1"],
  ["zstd", "3"],
  ["lz4", "9"],
  ["zstd", "19"],
] as const;

async function measureProduce(): Promise<void> {
  for (const [codec, level] of CODECS) {
    const settings = [`compression.type=${codec}`, `compression.${codec}.level=${level}`];
    await inArena(settings, async (arena) => {
      await create(arena.connection, { topics: ["t"], partitionCount: 1 });
      await produceText(arena.connection, "t", 1000);
      for (const kib of [16, 100, 1024, 10_240]) {
        if (level === "19" && kib > 2000) continue;
        await arena.measure(`${kib} KiB to ${codec} ${level}`, async () => {
          for (let count = 0; count < 3; count++) {
            await produceText(arena.connection, "t", kib << 10);
          }
        });
      }
    });
  }
}

async function measureRequests(): Promise<void> {
  const topicCount = Number(flags.partitions) / PARTITIONS_PER_TOPIC;
  const topics = Array.from({ length: topicCount }, (_, index) => `topic-${index}`);
  const shape: Shape = { topics, partitionCount: PARTITIONS_PER_TOPIC };
  await inArena([], async (arena) => {
    const { connection } = arena;
    await arena.measure("CreateTopics", () => createInParts(connection, shape));
    await arena.measure("Produce to all", () => produceToAll(connection, shape), 1000);
    await arena.measure("  again", () => produceToAll(connection, shape), 1000);
    for (const [name, read] of Object.entries(READS)) {
      await arena.measure(name, () => read(connection, shape));
      await arena.measure("  again", () => read(connection, shape));
    }
    await arena.measure("housekeeping", () => Bun.sleep(8000));
    await arena.measure("idle files", () => Bun.sleep(25_000));
    await arena.measure("DeleteTopics", () => remove(connection, shape), 5000);
    await createInParts(connection, shape);
    await produceToAll(connection, shape);
  });
}

async function measureMembers(): Promise<void> {
  await inArena([], async (arena) => {
    const topics = Array.from({ length: 10 }, (_, index) => `topic-${index}`);
    await create(arena.connection, { topics, partitionCount: 900 });
    await findGroup(arena.connection, "g");
    const members = Number(flags.members);
    await arena.measure(`${members} members join`, async () => {
      for (let index = 0; index < members; index++) {
        await join(arena.connection, "g", `member-${index}`, topics);
      }
    });
  });
}

const LOADS = [
  ["20 MB/s, 8p 4c, followed", { partitions: 8, connections: 4, consumers: 4, rate: 20e6 }],
  ["100 MB/s, 8p 4c, followed", { partitions: 8, connections: 4, consumers: 4, rate: 100e6 }],
  ["40 MB/s, 200p 50c", { partitions: 200, connections: 50, rate: 40e6 }],
  ["1 GB at once, 8p 4c w8", { partitions: 8, connections: 4, window: 8, bytes: 1e9 }],
] as const;
const ALL = -1;
/** At 100 MB/s and 8 partitions a partition begins one every second. */
const LOAD_SETTINGS = ["log.segment.bytes=16777216", "log.retention.bytes=33554432"];

async function measureLoad(): Promise<void> {
  const folder = mkdtempSync(joinPath(tmpdir(), "bunka-loop-load-"));
  const seconds = Number(flags.seconds);
  try {
    const load = buildLoad(folder);
    await inArena(LOAD_SETTINGS, async (arena) => {
      for (const [index, [name, options]] of LOADS.entries()) {
        const { partitions } = options;
        const topic = `load-${index}`;
        const batches = batchesFile(folder, { recordBytes: 1024, batchBytes: 16_384 }, partitions);
        const target = { host: "127.0.0.1", port: arena.port, topic, batches, acks: ALL };
        const shape = { topics: [topic], partitionCount: partitions };
        await createInParts(arena.connection, shape);
        await load.run({ ...target, ...options, seconds: 2 });
        await arena.measure(name, () => load.run({ ...target, ...options, seconds }), 0);
        await remove(arena.connection, shape);
      }
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** As the benchmark's rows of many sessions, and of many clients. */
const CROWDS = {
  sessions: {
    partitions: 1000,
    options: { connections: 1, consumers: 50, rate: 50e3, skip_ms: 500 },
  },
  connections: { partitions: 8, options: { connections: 5000, window: 1, bytes: 60e6 } },
} as const;

/** The first time in a new node, and then twice more. */
async function measureCrowd(name: keyof typeof CROWDS): Promise<void> {
  const { partitions, options } = CROWDS[name];
  const folder = mkdtempSync(joinPath(tmpdir(), "bunka-loop-crowd-"));
  const duration = "rate" in options ? { seconds: Number(flags.seconds) } : {};
  try {
    const load = buildLoad(folder);
    const batches = batchesFile(folder, { recordBytes: 100, batchBytes: 1024 }, partitions);
    await inArena([], async (arena) => {
      for (let round = 0; round < 3; round++) {
        const topic = `crowd-${round}`;
        const shape = { topics: [topic], partitionCount: partitions };
        const target = { host: "127.0.0.1", port: arena.port, topic, partitions, batches };
        await createInParts(arena.connection, shape);
        const work = () => load.run({ ...target, ...options, ...duration });
        await arena.measure(round === 0 ? name : "  again", work, 0);
        await remove(arena.connection, shape);
      }
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const SECTIONS: Readonly<Record<string, () => Promise<void>>> = {
  produce: measureProduce,
  requests: measureRequests,
  members: measureMembers,
  load: measureLoad,
  sessions: () => measureCrowd("sessions"),
  connections: () => measureCrowd("connections"),
};

async function inArena(
  overrides: readonly string[],
  work: (arena: Arena) => Promise<void>,
): Promise<void> {
  const arena = await Arena.open(overrides);
  try {
    await work(arena);
    await arena.close();
  } finally {
    await arena.drop();
  }
}

const HEAD = ["longest", "it ran", "p99.99", "ran p99.99"].map((name) => name.padStart(11));
console.log(`${"".padEnd(34)} ${HEAD.join(" ")} > 5 ms   took`);
for (const name of positionals.length > 0 ? positionals : Object.keys(SECTIONS)) {
  const measure = SECTIONS[name];
  if (measure === undefined) throw new Error(`no such section: ${name}`);
  await measure();
}
