import { describe, expect, test } from "bun:test";
import { listOffset, type OffsetQuery } from "../../src/broker/list-offsets.ts";
import type { Partition } from "../../src/partition/partition.ts";
import { CompressionType } from "../../src/protocol/compression.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { listOffsets } from "../../src/protocol/messages/02-list-offsets.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { startBroker } from "../api/broker-kit.ts";
import { append, makeTopic } from "../api/scenarios/prepare.ts";

const TIME = 1_700_000_000_000;
const LATEST = -1;
const EARLIEST = -2;
const MAX_TIMESTAMP = -3;
const CONSUMER = -1;
const DEBUGGER = -2;
const OTHER_NODE = 2;
const UNCOMMITTED = 0;
const NOTHING = { timestamp: -1, offset: -1, leaderEpoch: -1 };

function make(settings: Record<string, string> = {}) {
  const broker = startBroker(settings);
  broker.wait(makeTopic(broker.asker, "t"));
  const partition = broker.node.partitions.find("t", 0)!;
  const put = (...timestamps: number[]) =>
    broker.wait(append(broker.asker, "t", 0, { timestamps: timestamps.map((at) => TIME + at) }));
  const ask = (timestamp: number, rest: Partial<OffsetQuery> = {}) =>
    broker.wait(
      listOffset(partition, {
        timestamp,
        currentLeaderEpoch: -1,
        replicaId: CONSUMER,
        isolationLevel: UNCOMMITTED,
        ...rest,
      }),
    );
  return { broker, partition, put, ask };
}

function change(partition: Partition, changes: Partial<Partition["registration"]>): void {
  partition.update({ ...partition.registration, ...changes });
}

describe("a new leader that does not know yet what is committed", () => {
  function makeBehind() {
    const made = make();
    made.put(0, 1);
    // With a second replica in sync, which is silent, nothing more is committed.
    change(made.partition, { replicas: [1, OTHER_NODE], isr: [1, OTHER_NODE] });
    const records = [{ timestamp: TIME + 5, key: null, value: null }];
    made.partition.append(buildBatch({ records }), { origin: "client", nowMs: TIME });
    change(made.partition, { leaderEpoch: 1 });
    return made;
  }

  test("has no latest offset for consumers, and none for times behind", () => {
    const { ask } = makeBehind();
    const unknown = { errorCode: ErrorCode.OFFSET_NOT_AVAILABLE, ...NOTHING };
    expect(ask(LATEST)).toEqual(unknown);
    expect(ask(TIME + 5)).toEqual(unknown);
  });

  test("knows where its log begins, and times of what is committed", () => {
    const { ask } = makeBehind();
    expect(ask(EARLIEST)).toMatchObject({ errorCode: ErrorCode.NONE, offset: 0 });
    expect(ask(TIME + 1)).toMatchObject({ errorCode: ErrorCode.NONE, offset: 1 });
  });

  test("answers followers from all that it has", () => {
    const { ask } = makeBehind();
    expect(ask(LATEST, { replicaId: OTHER_NODE })).toMatchObject({ offset: 3 });
  });

  test("is told of by another error before v5", () => {
    const { broker } = makeBehind();
    const errorOf = (version: number) => {
      const partitions = [{ partitionIndex: 0, timestamp: LATEST }];
      const request = { replicaId: CONSUMER, topics: [{ name: "t", partitions }] };
      const isolation = version >= 2 ? { isolationLevel: UNCOMMITTED } : {};
      const asked = broker.asker.quietly(listOffsets, version, { ...request, ...isolation });
      return broker.wait(asked).topics[0]!.partitions[0]!.errorCode;
    };
    expect([errorOf(1), errorOf(4)]).toEqual(Array(2).fill(ErrorCode.LEADER_NOT_AVAILABLE));
    expect(errorOf(5)).toBe(ErrorCode.OFFSET_NOT_AVAILABLE);
  });
});

describe("a replica that leads no longer", () => {
  test("answers debuggers alone", () => {
    const { partition, put, ask } = make();
    put(0);
    change(partition, { leader: OTHER_NODE, leaderEpoch: 1 });
    expect(ask(LATEST).errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    expect(ask(LATEST, { replicaId: 5 }).errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    expect(ask(LATEST, { replicaId: DEBUGGER })).toMatchObject({ errorCode: 0, offset: 1 });
    const stale = ask(LATEST, { replicaId: DEBUGGER, currentLeaderEpoch: 0 });
    expect(stale.errorCode).toBe(ErrorCode.FENCED_LEADER_EPOCH);
  });
});

describe("a search through many segments", () => {
  test("finds the first record that is late enough, and the greatest timestamp", () => {
    const { partition, put, ask } = make();
    for (let at = 0; at < 50; at++) {
      put(at, at + 1000 - 20 * at, at);
      if (at % 5 === 4) partition.log.roll();
    }
    expect(partition.log.segmentCount).toBeGreaterThan(9);
    expect(ask(TIME + 10)).toMatchObject({ offset: 1, timestamp: TIME + 1000 });
    expect(ask(TIME + 1000)).toMatchObject({ offset: 1, timestamp: TIME + 1000 });
    expect(ask(TIME + 1001)).toMatchObject({ errorCode: ErrorCode.NONE, ...NOTHING });
    expect(ask(MAX_TIMESTAMP)).toMatchObject({ offset: 1, timestamp: TIME + 1000 });
    expect(ask(LATEST)).toMatchObject({ offset: 150 });
  });
});

describe("a disk that fails", () => {
  test("is told as KAFKA_STORAGE_ERROR", () => {
    const { broker, put, ask } = make({ "log.dirs": "/data,/more" });
    put(0);
    const log = broker.node.partitions.find("t", 0)!.log;
    broker.world.disk.inject({ operation: "read", path: /\.log$/, code: "EIO" });
    expect(ask(TIME).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(log.failure).not.toBeNull();
    expect(ask(LATEST).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
  });

  test("that changed bytes is told as CORRUPT_MESSAGE", () => {
    const { broker, ask } = make();
    const timestamps = [TIME, TIME + 1];
    const compression = CompressionType.GZIP;
    broker.wait(append(broker.asker, "t", 0, { timestamps, compression }));
    const path = `${broker.node.partitions.find("t", 0)!.log.directory}/${"0".repeat(20)}.log`;
    const HEADER_SIZE = 61;
    broker.world.disk.flip(path, HEADER_SIZE, 0xff);
    expect(ask(TIME).errorCode).toBe(ErrorCode.CORRUPT_MESSAGE);
    expect(ask(LATEST)).toMatchObject({ errorCode: ErrorCode.NONE, offset: 2 });
  });
});
