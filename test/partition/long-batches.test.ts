/** Batches that threads look through: in what order they come to the log, and what may go wrong. */
import { describe, expect, test } from "bun:test";
import type { AppendResult } from "../../src/log/append-result.ts";
import type { Partition } from "../../src/partition/partition.ts";
import { CompressionType } from "../../src/protocol/compression.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { buildBatch, type NewBatch } from "../../src/protocol/record-batch-builder.ts";
import { compressionOf } from "../../src/protocol/record-batch.ts";
import { startBroker, type TestBroker } from "../api/broker-kit.ts";
import { makeTopic } from "../api/scenarios/prepare.ts";
import { readAll } from "../log/log-fixture.ts";
import { afterKill, type FakeWorld, fakeWorld } from "../sim/fake-world.ts";
import { HeldWorkers } from "../sim/held-workers.ts";

const LONG = 200_000;
const SHORT = 10;
const NOW = 1_700_000_000_000;

describe("a batch that takes long", () => {
  test("keeps its place in its partition, and holds up no other", async () => {
    const arena = new Arena();
    const [first, other] = [arena.partition(0), arena.partition(1)];
    const long = later(arena.produce(first, "long", LONG));
    const behind = later(arena.produce(first, "behind", SHORT));
    const secondLong = later(arena.produce(first, "second", LONG));
    const last = later(arena.produce(first, "last", SHORT));
    expect(atOnce(arena.produce(other, "other", SHORT)).firstOffset).toBe(0);
    arena.settle();
    expect(arena.workers.heldCount).toBe(1);
    expect(first.log.logEndOffset).toBe(0);
    arena.workers.answerNext();
    expect(arena.wait(long).firstOffset).toBe(0);
    expect(arena.wait(behind).firstOffset).toBe(1);
    expect(arena.workers.heldCount).toBe(1);
    arena.workers.answerNext();
    expect(arena.wait(secondLong).firstOffset).toBe(2);
    expect(arena.wait(last).firstOffset).toBe(3);
    expect(atOnce(arena.produce(first, "after", SHORT)).firstOffset).toBe(4);
    expect(first.log.highWatermark).toBe(5);
    expect(await arena.texts(first)).toEqual(["long", "behind", "second", "last", "after"]);
    expect(await arena.codecs(first)).toEqual(new Array(5).fill(CompressionType.GZIP));
  });

  test("does not wait for one of another partition", () => {
    const arena = new Arena();
    const first = later(arena.produce(arena.partition(0), "a", LONG));
    const second = later(arena.produce(arena.partition(1), "b", LONG));
    arena.settle();
    expect(arena.workers.heldCount).toBe(2);
    arena.workers.answerLast();
    expect(arena.wait(second).firstOffset).toBe(0);
    expect(arena.partition(0).log.logEndOffset).toBe(0);
    arena.workers.answerNext();
    expect(arena.wait(first).firstOffset).toBe(0);
  });

  test("has its sequence checked when its turn comes", () => {
    const arena = new Arena();
    const partition = arena.partition(0);
    const claim = (baseSequence: number) => ({ producerId: 7, producerEpoch: 0, baseSequence });
    const results = [
      arena.produce(partition, "0", LONG, claim(0)),
      arena.produce(partition, "1", SHORT, claim(1)),
      arena.produce(partition, "2", LONG, claim(2)),
      // Sent again, as after a lost connection.
      arena.produce(partition, "2", LONG, claim(2)),
      arena.produce(partition, "4", SHORT, claim(4)),
    ].map(later);
    for (let count = 0; count < 3; count++) {
      arena.settle();
      arena.workers.answerNext();
    }
    const answers = results.map((result) => arena.wait(result));
    expect(answers.map(({ errorCode }) => errorCode)).toEqual([
      ErrorCode.NONE,
      ErrorCode.NONE,
      ErrorCode.NONE,
      ErrorCode.NONE,
      ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    ]);
    expect(answers.map(({ firstOffset }) => firstOffset)).toEqual([0, 1, 2, 2, -1]);
    expect(answers.map(({ isDuplicate }) => isDuplicate)).toEqual([
      false,
      false,
      false,
      true,
      false,
    ]);
  });

  test("is refused, with those behind it, when the partition is led elsewhere by then", () => {
    const arena = new Arena();
    const partition = arena.partition(0);
    const results = [LONG, SHORT].map((size) => later(arena.produce(partition, "x", size)));
    arena.settle();
    partition.update({ ...partition.registration, leader: 2, leaderEpoch: 1 });
    arena.workers.answerNext();
    for (const result of results) {
      expect(arena.wait(result).errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    }
    expect(partition.log.logEndOffset).toBe(0);
  });

  test("gets the epoch of who leads when it is written", async () => {
    const arena = new Arena();
    const partition = arena.partition(0);
    const result = later(arena.produce(partition, "x", LONG));
    arena.settle();
    partition.update({ ...partition.registration, leaderEpoch: 4 });
    arena.workers.answerNext();
    expect(arena.wait(result).errorCode).toBe(ErrorCode.NONE);
    expect(partition.log.endOffsetFor(4)).toEqual({ epoch: 4, endOffset: 1 });
  });

  test("goes by the settings of when it came", async () => {
    const arena = new Arena();
    const partition = arena.partition(0);
    const result = later(arena.produce(partition, "x", LONG));
    const behind = later(arena.produce(partition, "y", SHORT));
    arena.settle();
    const { config } = partition.log;
    partition.log.updateConfig({
      ...config,
      compressionType: "producer",
      messageTimestampType: "LogAppendTime",
    });
    arena.workers.answerNext();
    expect(arena.wait(result)).toMatchObject({ errorCode: ErrorCode.NONE, appendTimeMs: -1 });
    expect(arena.wait(behind)).toMatchObject({ errorCode: ErrorCode.NONE, appendTimeMs: NOW });
    expect(await arena.codecs(partition)).toEqual([CompressionType.GZIP, CompressionType.NONE]);
  });

  test("goes to the log that the partition has by then", () => {
    const arena = new Arena();
    const [partition, other] = [arena.partition(0), arena.partition(1)];
    const old = partition.log;
    const result = later(arena.produce(partition, "x", LONG));
    arena.settle();
    partition.replaceLog(other.log);
    arena.workers.answerNext();
    expect(arena.wait(result).errorCode).toBe(ErrorCode.NONE);
    expect([old.logEndOffset, other.log.logEndOffset]).toEqual([0, 1]);
  });

  test("that is wrong is refused, and those behind it are not", () => {
    const arena = new Arena();
    const partition = arena.partition(0);
    partition.log.updateConfig({ ...partition.log.config, cleanupPolicy: ["compact"] });
    const unkeyed = later(arena.produce(partition, "x", LONG));
    const keyed = later(arena.produce(partition, "y", SHORT, { key: Buffer.from("k") }));
    arena.settle();
    arena.workers.answerNext();
    expect(arena.wait(unkeyed)).toMatchObject({
      errorCode: ErrorCode.INVALID_RECORD,
      recordErrors: [{ batchIndex: 0 }],
    });
    expect(arena.wait(keyed).firstOffset).toBe(0);
  });

  test("is nowhere when the node is killed before its turn", async () => {
    const arena = new Arena();
    void arena.produce(arena.partition(0), "x", LONG);
    void arena.produce(arena.partition(0), "y", SHORT);
    arena.settle();
    const broker = startBroker(SETTINGS, afterKill(arena.world));
    expect(broker.node.partitions.find("t", 0)!.log.logEndOffset).toBe(0);
    broker.stop();
  });
});

describe("the threads", () => {
  test("are no more than the machine has room for, and have one batch each", () => {
    const arena = new Arena(6);
    const partitions = [0, 1, 2, 3, 4, 5].map((index) => arena.partition(index));
    const results = partitions.map((each) => later(arena.produce(each, "x", LONG)));
    for (let left = results.length; left > 0; left--) {
      arena.settle();
      expect(arena.workers.heldCount).toBe(Math.min(left, 2));
      arena.workers.answerNext();
    }
    for (const result of results) expect(arena.wait(result).errorCode).toBe(ErrorCode.NONE);
    expect(arena.workers.startedCount).toBe(2);
  });

  test("are not there before they are needed, nor long after", () => {
    const arena = new Arena();
    expect(atOnce(arena.produce(arena.partition(0), "x", SHORT)).errorCode).toBe(0);
    expect(arena.workers.startedCount).toBe(0);
    arena.produceWhole(arena.partition(0));
    expect(arena.workers.runningCount).toBe(1);
    arena.world.clock.advance(29_000);
    arena.produceWhole(arena.partition(0));
    arena.world.clock.advance(29_000);
    expect(arena.workers.runningCount).toBe(1);
    arena.world.clock.advance(2_000);
    expect(arena.workers.runningCount).toBe(0);
    arena.produceWhole(arena.partition(0));
    expect(arena.workers.startedCount).toBe(2);
  });

  test("may die: then the loop does their work, and another is started", async () => {
    const arena = new Arena();
    const partition = arena.partition(0);
    const first = later(arena.produce(partition, "a", LONG));
    const second = later(arena.produce(partition, "b", LONG));
    arena.settle();
    arena.workers.dieNext();
    expect(arena.wait(first).firstOffset).toBe(0);
    expect(arena.broker.lines.join()).toContain("a thread has died");
    expect(arena.workers.heldCount).toBe(1);
    arena.workers.answerNext();
    expect(arena.wait(second).firstOffset).toBe(1);
    expect([arena.workers.startedCount, arena.workers.runningCount]).toEqual([2, 1]);
    expect(await arena.codecs(partition)).toEqual([CompressionType.GZIP, CompressionType.GZIP]);
  });

  test("finish what they have when the node stops; what waits is refused", () => {
    const arena = new Arena(4);
    const all = [0, 1, 2, 3].map((index) => arena.partition(index));
    const results = all.map((partition) => later(arena.produce(partition, "x", LONG)));
    arena.settle();
    const stopped = arena.broker.node.stop();
    arena.settle();
    arena.workers.answerNext();
    arena.workers.answerNext();
    arena.broker.wait(stopped);
    const codes = results.map((result) => arena.wait(result).errorCode);
    const { NOT_LEADER_OR_FOLLOWER } = ErrorCode;
    expect(codes.slice(2)).toEqual([NOT_LEADER_OR_FOLLOWER, NOT_LEADER_OR_FOLLOWER]);
    expect(arena.workers.runningCount).toBe(0);
    const ends = all.map(({ log }) => log.logEndOffset);
    expect(ends).toEqual(codes.map((code) => (code === ErrorCode.NONE ? 1 : 0)));
  });
});

const SETTINGS = { "compression.type": "gzip" };

class Arena {
  readonly workers: HeldWorkers;
  readonly world: FakeWorld;
  readonly broker: TestBroker;

  constructor(partitionCount = 2) {
    const world = fakeWorld();
    this.workers = new HeldWorkers(world.workers);
    this.world = { ...world, workers: this.workers };
    this.broker = startBroker(SETTINGS, this.world);
    this.broker.wait(makeTopic(this.broker.asker, "t", partitionCount));
  }

  partition(index: number): Partition {
    return this.broker.node.partitions.find("t", index)!;
  }

  produce(
    partition: Partition,
    text: string,
    size: number,
    { key = null, ...batch }: Partial<NewBatch> & { key?: Buffer | null } = {},
  ): AppendResult | Promise<AppendResult> {
    const value = Buffer.from(text.padEnd(size, "."));
    const records = buildBatch({ ...batch, records: [{ key, value, timestamp: NOW }] });
    return partition.produce(records, {
      nowMs: NOW,
      verification: null,
      isForAll: true,
      gathered: null,
    });
  }

  produceWhole(partition: Partition): void {
    const result = later(this.produce(partition, "x", LONG));
    this.settle();
    this.workers.answerNext();
    expect(this.wait(result).errorCode).toBe(ErrorCode.NONE);
  }

  settle(): void {
    this.world.clock.settle();
  }

  wait<T>(promise: Promise<T>): T {
    return this.broker.wait(promise);
  }

  async texts({ log }: Partition): Promise<string[]> {
    const records = await readAll(log, 0);
    return records.map(({ value }) => value!.toString().replace(/\.+$/, ""));
  }

  async codecs({ log }: Partition): Promise<number[]> {
    const codecs: number[] = [];
    for (let offset = 0; offset < log.logEndOffset; offset++) {
      const slice = await log.read(offset, 1, log.logEndOffset, true);
      codecs.push(compressionOf(await slice.read(), 0));
      slice.release();
    }
    return codecs;
  }
}

function later(result: AppendResult | Promise<AppendResult>): Promise<AppendResult> {
  expect(result).toBeInstanceOf(Promise);
  return Promise.resolve(result);
}

function atOnce(result: AppendResult | Promise<AppendResult>): AppendResult {
  if (result instanceof Promise) throw new Error("it had to wait");
  return result;
}
