/**
 * Settings of a topic change while it is written to and read: each change shows its effect within
 * moments, what was acknowledged stays where it is (but for what retention or compaction may take),
 * and nobody is told an error but for the one that the setting is there for.
 */
import { afterAll, expect } from "bun:test";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import * as header from "../../src/protocol/record-batch.ts";
import { CompressionType } from "../../src/protocol/compression.ts";
import { ErrorCode, errorName } from "../../src/protocol/error-code.ts";
import { produce } from "../../src/protocol/messages/00-produce.ts";
import { incrementalAlterConfigs } from "../../src/protocol/messages/44-incremental-alter-configs.ts";
import { buildBatch, type NewBatch } from "../../src/protocol/record-batch-builder.ts";
import { readRecords } from "../../src/protocol/record.ts";
import { BrokerProcess, killLeftovers, Scratch } from "./broker-process.ts";
import {
  batchStarts,
  Connection,
  createTopic,
  EARLIEST,
  expectNone,
  fetchOnce,
  newProducerId,
  offsetFor,
} from "./client.ts";
import { faultTest } from "./faults.ts";

afterAll(killLeftovers);

const TOPIC = "tuned";
const SETTINGS = {
  "log.retention.check.interval.ms": "50",
  "log.initial.task.delay.ms": "20",
  "log.segment.delete.delay.ms": "50",
  "log.cleaner.backoff.ms": "30",
};
const SMALL = { "internal.segment.bytes": "20000", "index.interval.bytes": "1000" };
const KEYS = 5;
const EFFECT_MS_MAX = 15_000;
const { NONE, MESSAGE_TOO_LARGE, INVALID_TIMESTAMP } = ErrorCode;

type Changes = Readonly<Record<string, string | null>>;

/** Writes one small batch after the other, and the same again where it was told to wait. */
class Writer {
  /** By offset. */
  readonly acknowledged = new Map<number, string>();
  /** Told meanwhile, each by its name. */
  readonly errors = new Set<string>();
  #count = 0;
  #isStopped = false;
  #done: Promise<void> = Promise.resolve();

  constructor(readonly connection: Connection) {}

  async start(): Promise<void> {
    const producerId = await newProducerId(this.connection);
    this.#done = this.#run(producerId);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }

  async #run(producerId: number): Promise<void> {
    while (!this.#isStopped) {
      const number = this.#count;
      const value = `value ${number} `.padEnd(150, ".");
      const record = keyed(`key ${number % KEYS}`, value);
      const options = { producerId, producerEpoch: 0, baseSequence: number };
      const { errorCode, baseOffset } = await send(this.connection, {
        records: [record],
        ...options,
      });
      if (errorCode === NONE) {
        this.acknowledged.set(baseOffset, value);
        this.#count++;
      } else this.errors.add(errorName(errorCode));
      await Bun.sleep(1);
    }
  }
}

/** Reads behind the writer, from offset to offset. */
class Reader {
  readonly seen = new Map<number, string>();
  #offset = 0;
  #isStopped = false;
  #done: Promise<void> = Promise.resolve();

  constructor(readonly connection: Connection) {}

  start(): void {
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    for (;;) {
      const isLast = this.#isStopped;
      const fetched = await fetchOnce(this.connection, TOPIC, 0, this.#offset);
      if (fetched.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) {
        // Only where retention was faster.
        const earliest = await offsetFor(this.connection, TOPIC, 0, EARLIEST);
        expect(earliest.offset).toBeGreaterThan(this.#offset);
        this.#offset = earliest.offset;
        continue;
      }
      expectNone("fetch", fetched.errorCode);
      const bytes = fetched.records!;
      for (const at of batchStarts(bytes)) {
        for (const { offset, value } of readRecords(bytes, at)) {
          if (offset >= this.#offset) this.seen.set(offset, value!.toString());
        }
        this.#offset = header.lastOffset(bytes, at) + 1;
      }
      if (isLast && bytes.length === 0) return;
      await Bun.sleep(2);
    }
  }
}

faultTest("settings of a topic take effect while it is written and read", async () => {
  using scratch = new Scratch();
  const broker = await BrokerProcess.start(scratch.path, SETTINGS);
  const [connection, writing, reading] = await Promise.all(
    Array.from({ length: 3 }, () => Connection.open(broker.port)),
  );
  await createTopic(connection!, TOPIC, 1, SMALL);
  const writer = new Writer(writing!);
  const reader = new Reader(reading!);
  await writer.start();
  reader.start();
  const topic = new Tuned(connection!, join(scratch.path, `${TOPIC}-0`));

  await refusals(topic, writer);
  await formats(topic);
  expect(await topic.startOffset()).toBe(0);
  await segments(topic);
  await retention(topic);
  await compaction(topic, writer);

  await writer.stop();
  await reader.stop();
  expect([...writer.errors]).toEqual(["MESSAGE_TOO_LARGE"]);
  await expectKept(topic, writer, reader);
  expect((await broker.stop()).exitCode).toBe(0);
});

/** Those that refuse records: only while they are set. */
async function refusals(topic: Tuned, writer: Writer): Promise<void> {
  // No more are asked for than there are replicas (KIP-966).
  await topic.set({ "min.insync.replicas": "2" });
  expect(await topic.codeOf({})).toBe(NONE);
  await topic.set({ "min.insync.replicas": null });

  await topic.set({ "max.message.bytes": "100" });
  await topic.until("batches are too large", () => writer.errors.has("MESSAGE_TOO_LARGE"));
  await topic.set({ "max.message.bytes": "300" });
  expect(await topic.codeOf({ records: [keyed("k", "v".repeat(400))] })).toBe(MESSAGE_TOO_LARGE);
  await topic.set({ "max.message.bytes": null });
  expect(await topic.codeOf({ records: [keyed("k", "v".repeat(400))] })).toBe(NONE);

  const hour = 3_600_000;
  const off = (offMs: number) => ({
    records: [{ ...keyed("k", "v"), timestamp: Date.now() + offMs }],
  });
  await topic.set({ "message.timestamp.before.max.ms": "60000" });
  expect(await topic.codeOf(off(-hour))).toBe(INVALID_TIMESTAMP);
  await topic.set({ "message.timestamp.before.max.ms": null });
  expect(await topic.codeOf(off(-hour))).toBe(NONE);
  expect(await topic.codeOf(off(2 * hour))).toBe(INVALID_TIMESTAMP);
  await topic.set({ "message.timestamp.after.max.ms": String(3 * hour) });
  expect(await topic.codeOf(off(2 * hour))).toBe(NONE);
  await topic.set({ "message.timestamp.after.max.ms": null });
}

/** Those that change what is stored. */
async function formats(topic: Tuned): Promise<void> {
  const stored = async () => {
    const { baseOffset, logAppendTimeMs } = await topic.send({});
    const bytes = (await fetchOnce(topic.connection, TOPIC, 0, baseOffset)).records!;
    return { bytes, logAppendTimeMs };
  };
  await topic.set({ "compression.type": "zstd" });
  expect<number>(header.compressionOf((await stored()).bytes, 0)).toBe(CompressionType.ZSTD);
  await topic.set({ "compression.type": "gzip" });
  expect<number>(header.compressionOf((await stored()).bytes, 0)).toBe(CompressionType.GZIP);
  await topic.set({ "compression.type": null });
  expect<number>(header.compressionOf((await stored()).bytes, 0)).toBe(CompressionType.NONE);
  await topic.set({ "message.timestamp.type": "LogAppendTime" });
  const { bytes, logAppendTimeMs } = await stored();
  expect(Math.abs(logAppendTimeMs - Date.now())).toBeLessThan(60_000);
  expect(header.maxTimestamp(bytes, 0)).toBe(logAppendTimeMs);
  await topic.set({ "message.timestamp.type": null });
  expect((await stored()).logAppendTimeMs).toBe(-1);
}

/** By size and by age. */
async function segments(topic: Tuned): Promise<void> {
  const before = topic.segmentCount;
  await topic.set({ "internal.segment.bytes": "2000" });
  await topic.until("segments are small", () => topic.segmentCount > before + 5);
  await topic.set({ "internal.segment.bytes": "1000000" });
  const [large] = [topic.segmentCount];
  await topic.set({ "segment.ms": "50" });
  await topic.until("segments are young", () => topic.segmentCount > large + 5);
  await topic.set({ "segment.ms": null, "internal.segment.bytes": "5000" });
}

/** By size and by age. */
async function retention(topic: Tuned): Promise<void> {
  await topic.set({ "retention.bytes": "20000" });
  await topic.until("the log is small", () => topic.size < 45_000);
  await topic.until("its start has moved", async () => (await topic.startOffset()) > 0);
  await topic.set({ "retention.bytes": null });
  await topic.until("the log grows again", () => topic.size > 60_000);
  const newest = await topic.send({});
  await topic.set({ "retention.ms": "200" });
  await topic.until("what was new has gone", async () => {
    return (await topic.startOffset()) > newest.baseOffset;
  });
  await topic.set({ "retention.ms": null });
}

/** To compact, and back. */
async function compaction(topic: Tuned, writer: Writer): Promise<void> {
  const from = await topic.send({});
  const compact = { "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01" };
  await topic.set(compact);
  await topic.until("records have gone out of the middle", async () => {
    const left = await topic.countFrom(from.baseOffset);
    const end = Math.max(...writer.acknowledged.keys());
    return left > 0 && end - from.baseOffset > 2 * left;
  });
  await topic.set({ "cleanup.policy": "delete", "min.cleanable.dirty.ratio": null });
  // A pass that was under way ends first.
  await Bun.sleep(200);
  const kept = await topic.send({});
  await topic.until("segments that no cleaner touches", async () => {
    return (await topic.send({})).baseOffset > kept.baseOffset + 200;
  });
  const last = await topic.send({});
  expect(await topic.countFrom(kept.baseOffset)).toBeGreaterThanOrEqual(
    last.baseOffset - kept.baseOffset,
  );
}

/** What the writer was promised, the reader saw, or retention was faster; and of keys the last. */
async function expectKept(topic: Tuned, writer: Writer, reader: Reader): Promise<void> {
  const { acknowledged } = writer;
  expect(acknowledged.size).toBeGreaterThan(500);
  let missed = 0;
  for (const [offset, value] of acknowledged) {
    const seen = reader.seen.get(offset);
    if (seen === undefined) missed++;
    else expect(seen).toBe(value);
  }
  // It reads at the end of the log, milliseconds behind.
  expect(missed).toBeLessThan(acknowledged.size / 10);
  const lastOf = new Map<string, number>();
  for (const [offset, value] of acknowledged) {
    lastOf.set(`key ${Number(value.split(" ")[1]) % KEYS}`, offset);
  }
  for (const [key, offset] of lastOf) {
    const { records } = await fetchOnce(topic.connection, TOPIC, 0, offset);
    const found = readRecords(records!, 0).find((record) => record.offset === offset);
    expect(found?.value?.toString(), key).toBe(acknowledged.get(offset)!);
  }
}

class Tuned {
  constructor(
    readonly connection: Connection,
    readonly directory: string,
  ) {}

  get segmentCount(): number {
    return this.#logs.length;
  }

  get size(): number {
    // Files go while they are looked at.
    return this.#logs.reduce((total, name) => {
      const status = statSync(join(this.directory, name), { throwIfNoEntry: false });
      return total + (status?.size ?? 0);
    }, 0);
  }

  /** Null takes the default again. */
  async set(changes: Changes): Promise<void> {
    const answer = await this.connection.request(incrementalAlterConfigs, 1, {
      resources: [
        {
          resourceType: 2,
          resourceName: TOPIC,
          configs: Object.entries(changes).map(([name, value]) => ({
            name,
            configOperation: value === null ? 1 : 0,
            value,
          })),
        },
      ],
      validateOnly: false,
    });
    expectNone(JSON.stringify(changes), answer.responses[0]!.errorCode);
  }

  send(batch: Partial<NewBatch>) {
    return send(this.connection, { records: [keyed("probe", "probe")], ...batch });
  }

  async codeOf(batch: Partial<NewBatch>): Promise<ErrorCode> {
    return (await this.send(batch)).errorCode;
  }

  async startOffset(): Promise<number> {
    return (await offsetFor(this.connection, TOPIC, 0, EARLIEST)).offset;
  }

  /** Records from this offset on. */
  async countFrom(offset: number): Promise<number> {
    let count = 0;
    for (let next = offset; ;) {
      const { errorCode, records } = await fetchOnce(this.connection, TOPIC, 0, next);
      expectNone("fetch", errorCode);
      if (records!.length === 0) return count;
      for (const at of batchStarts(records!)) {
        count += readRecords(records!, at).length;
        next = header.lastOffset(records!, at) + 1;
      }
    }
  }

  async until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    const fromMs = performance.now();
    while (!(await holds())) {
      if (performance.now() - fromMs > EFFECT_MS_MAX) throw new Error(`not in time: ${what}`);
      await Bun.sleep(5);
    }
  }

  get #logs(): string[] {
    return readdirSync(this.directory).filter((name) => name.endsWith(".log"));
  }
}

function keyed(key: string, value: string) {
  return { timestamp: Date.now(), key: Buffer.from(key), value: Buffer.from(value) };
}

async function send(connection: Connection, batch: NewBatch) {
  const answer = await connection.request(produce, 9, {
    acks: -1,
    timeoutMs: 30_000,
    topicData: [{ name: TOPIC, partitionData: [{ index: 0, records: buildBatch(batch) }] }],
  });
  const { errorCode, ...rest } = answer.responses[0]!.partitionResponses[0]!;
  return { ...rest, errorCode: errorCode as ErrorCode };
}
