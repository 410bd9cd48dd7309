/**
 * A partition is moved to another log directory, and the machine dies at each step of it, while
 *
 * - a transaction is open in it, is ended, and another begins: readers of committed records see the
 *   first whole or not at all, and what nobody ended is aborted;
 * - the cleaner compacts it: the last acknowledged record of each key is there, no record has
 *   changed, and an offset has one record.
 *
 * See log-dir-move-crash.test.ts for moves without either.
 */
import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { produce } from "../../src/protocol/messages/00-produce.ts";
import * as header from "../../src/protocol/record-batch.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { readRecords } from "../../src/protocol/record.ts";
import { startBroker, type TestBroker } from "../api/broker-kit.ts";
import { makeTopic } from "../api/scenarios/prepare.ts";
import { readCommitted } from "./committed-values.ts";
import { FAKE_WALL_MS } from "./fake-clock.ts";
import { type FakeWorld, fakeWorld } from "./fake-world.ts";
import {
  DIRECTORIES,
  move,
  MOVED_TOPIC,
  otherThan,
  placesOf,
  settledPlace,
} from "./log-dir-places.ts";
import { LOSSES, Mortal, settingsFor } from "./mortal.ts";
import { TransactionalProducer } from "./transactional-producer.ts";

const SETTINGS = {
  "log.dirs": DIRECTORIES.join(","),
  "log.index.interval.bytes": "512",
  "log.flush.offset.checkpoint.interval.ms": "20",
  "log.segment.delete.delay.ms": "0",
  "replica.fetch.max.bytes": "400",
  "offsets.topic.num.partitions": "1",
  "transaction.state.log.num.partitions": "1",
  "log.cleaner.backoff.ms": "3",
  "log.cleaner.min.cleanable.ratio": "0.01",
};
const ROUNDS_MAX = 120;
/** Milliseconds of a life: the move is over long before. */
const LIFE_ROUNDS = 25;
/** More than a move takes. */
const OPERATIONS_MAX = 3000;
/** Steps are many: each run takes every so many of them, beginning with another for each loss. */
const STRIDE = 2;

/** What goes on in the partition, over two lives. */
interface Load {
  /** Before the move. */
  prepare(broker: TestBroker): void;
  /** Beside it; ends with the life. */
  run(broker: TestBroker): Promise<void>;
  /** In the next life; throws if anything was lost. */
  verify(broker: TestBroker): void;
}

const LOADS: Readonly<Record<string, () => Load>> = {
  "a transaction of the older generation that commits": () => new OpenTransaction(0, true),
  "a transaction that commits": () => new OpenTransaction(2, true),
  "a transaction that aborts": () => new OpenTransaction(2, false),
  "the cleaner": () => new Compaction(),
};

describe.each(Object.keys(LOADS))("a move beside %s", (what) => {
  test.each(Object.keys(LOSSES))(
    "loses nothing at any step: %s",
    (loss) => {
      const settings = settingsFor(loss, SETTINGS);
      const first = 1 + (Object.keys(LOSSES).indexOf(loss) % STRIDE);
      const found = { moved: 0, stayed: 0 };
      let operation = first;
      for (; operation < OPERATIONS_MAX; operation += STRIDE) {
        const load = LOADS[what]!();
        const next = dieAt(operation, settings, LOSSES[loss]!, load);
        if (next === null) break;
        found[recover(next.world, settings, load) === next.target ? "moved" : "stayed"]++;
      }
      // The move took that many operations, and did not die of the last one.
      expect(operation).toBeGreaterThan(30);
      expect(operation).toBeLessThan(OPERATIONS_MAX);
      expect(found.moved).toBeGreaterThan(5);
      expect(found.stayed).toBeGreaterThan(0);
    },
    120_000,
  );
});

/** The next life of the machine; null when all was over before. */
function dieAt(
  operation: number,
  settings: Readonly<Record<string, string>>,
  loss: (world: FakeWorld) => FakeWorld,
  load: Load,
) {
  const machine = new Mortal(fakeWorld(operation), loss);
  const broker = startBroker(settings, machine.world);
  load.prepare(broker);
  const target = otherThan(placesOf(broker)[0]!.path);
  machine.dieAt(operation);
  void move(broker, target).catch(() => {});
  void load.run(broker).catch(() => {});
  for (let round = 0; round < LIFE_ROUNDS && machine.next === null; round++) {
    machine.world.clock.advance(1);
  }
  return machine.next === null ? null : { world: machine.next, target };
}

/** Where the partition is in the end. */
function recover(world: FakeWorld, settings: Readonly<Record<string, string>>, load: Load) {
  const broker = startBroker(settings, world);
  load.verify(broker);
  const place = settledPlace(broker, ROUNDS_MAX);
  expect(place).not.toBeNull();
  load.verify(broker);
  broker.world.clock.advance(100);
  for (const path of DIRECTORIES) {
    const names = broker.world.disk.list(path).filter((name) => name.startsWith("t-0"));
    expect(names).toEqual(path === place ? ["t-0"] : []);
  }
  expect(broker.fatals).toEqual([]);
  broker.stop();
  return place;
}

const RECORDS_BEFORE = 4;

class OpenTransaction implements Load {
  #producer: TransactionalProducer | null = null;
  #sent = 0;
  /** Its end was answered. */
  #isEnded = false;

  constructor(
    readonly version: 0 | 2,
    readonly isCommit: boolean,
  ) {}

  prepare(broker: TestBroker): void {
    broker.wait(makeTopic(broker.asker, MOVED_TOPIC));
    this.#producer = new TransactionalProducer(broker.asker, "tx", this.version);
    broker.wait(this.#producer.init());
    broker.wait(this.#write("first"));
    expect(broker.wait(this.#producer.end(true))).toBe(ErrorCode.NONE);
    for (; this.#sent < RECORDS_BEFORE; this.#sent++) broker.wait(this.#write("second"));
  }

  async run({ asker }: TestBroker): Promise<void> {
    for (let count = 0; count < 3; count++) {
      // What is not answered may be there, too.
      this.#sent++;
      await this.#write("second");
      await asker.sleep(1);
    }
    expect(await this.#producer!.end(this.isCommit)).toBe(ErrorCode.NONE);
    this.#isEnded = true;
    for (;;) {
      await this.#write("third");
      await asker.sleep(3);
    }
  }

  verify(broker: TestBroker): void {
    const other = new TransactionalProducer(broker.asker, "tx", this.version);
    broker.wait(other.init());
    const { values } = readCommitted(broker, MOVED_TOPIC, 0);
    const second = values.filter((value) => value === "second").length;
    if (this.#isEnded) expect(second > 0).toBe(this.isCommit);
    expect([0, this.#sent]).toContain(second);
    expect(values.filter((value) => value === "third")).toEqual([]);
    expect(values.filter((value) => value === "first")).toHaveLength(1);
    const before = values.filter((value) => value === "fourth").length;
    broker.wait(other.produce(MOVED_TOPIC, 0, "fourth"));
    expect(broker.wait(other.end(true))).toBe(ErrorCode.NONE);
    const after = readCommitted(broker, MOVED_TOPIC, 0).values;
    expect(after.filter((value) => value === "fourth")).toHaveLength(before + 1);
  }

  #write(value: string): Promise<void> {
    return this.#producer!.produce(MOVED_TOPIC, 0, value);
  }
}

const KEYS = 3;
const COMPACTED = {
  "cleanup.policy": "compact",
  "internal.segment.bytes": "700",
  "min.cleanable.dirty.ratio": "0.01",
};

class Compaction implements Load {
  /** Of acknowledged records, by offset. */
  readonly #known = new Map<number, { readonly key: string; readonly value: string }>();
  #count = 0;

  prepare(broker: TestBroker): void {
    broker.wait(makeTopic(broker.asker, MOVED_TOPIC, 1, COMPACTED));
    for (let count = 0; count < 20; count++) broker.wait(this.#write(broker));
    // A first pass, so that there is a checkpoint to go along.
    broker.world.clock.advance(10);
    expect(recordsOf(broker).size).toBeLessThan(this.#known.size);
  }

  async run(broker: TestBroker): Promise<void> {
    for (;;) {
      await this.#write(broker);
      await broker.asker.sleep(2);
    }
  }

  verify(broker: TestBroker): void {
    const found = recordsOf(broker);
    const lastOf = new Map<string, number>();
    for (const [offset, { key, value }] of this.#known) {
      lastOf.set(key, Math.max(offset, lastOf.get(key) ?? -1));
      const kept = found.get(offset);
      if (kept !== undefined) expect(kept).toEqual({ key, value });
    }
    for (const [key, last] of lastOf) {
      const isThere = [...found].some(([offset, record]) => record.key === key && offset >= last);
      expect(isThere, `${key} at ${last}`).toBe(true);
    }
    broker.wait(this.#write(broker));
    broker.world.clock.advance(20);
  }

  async #write(broker: TestBroker): Promise<void> {
    const key = `key ${this.#count % KEYS}`;
    const value = `value ${this.#count++} `.padEnd(120, ".");
    const record = { timestamp: FAKE_WALL_MS, key: Buffer.from(key), value: Buffer.from(value) };
    const response = await broker.asker.quietly(produce, 9, {
      acks: -1,
      timeoutMs: 5000,
      topicData: [
        {
          name: MOVED_TOPIC,
          partitionData: [{ index: 0, records: buildBatch({ records: [record] }) }],
        },
      ],
    });
    const { errorCode, baseOffset } = response.responses[0]!.partitionResponses[0]!;
    if (errorCode === ErrorCode.NONE) this.#known.set(baseOffset, { key, value });
  }
}

/** All that is in the log's files, by offset; each offset once, and in order. */
function recordsOf(broker: TestBroker): Map<number, { key: string; value: string }> {
  const { log } = broker.node.partitions.find(MOVED_TOPIC, 0)!;
  const found = new Map<number, { key: string; value: string }>();
  let last = -1;
  for (const segment of log.state.segments.all) {
    const file = segment.log.use();
    const bytes = Buffer.alloc(segment.size);
    file.read(bytes, 0, bytes.length, 0);
    for (let at = 0; at < bytes.length; at += header.batchSize(bytes, at)) {
      for (const { offset, key, value } of readRecords(bytes, at)) {
        expect(offset).toBeGreaterThan(last);
        last = offset;
        found.set(offset, { key: key!.toString(), value: value!.toString() });
      }
    }
  }
  return found;
}
