import { describe, expect, test } from "bun:test";
import { mergedByProducer, TxnMarkerWriter } from "../../src/broker/txn-marker-writer.ts";
import type { TransactionEnd } from "../../src/coordinator/shard.ts";
import type { TransactionMarker } from "../../src/coordinator/transaction/participants.ts";
import { Verification } from "../../src/log/verifications.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { startBroker, type TestBroker } from "../api/broker-kit.ts";
import { makeTopic } from "../api/scenarios/prepare.ts";

const { NONE, NOT_LEADER_OR_FOLLOWER, UNKNOWN_TOPIC_OR_PARTITION } = ErrorCode;
const ID = 1000;

function arena(partitionCount = 2) {
  const broker = startBroker({ "transaction.partition.verification.enable": "false" });
  broker.wait(makeTopic(broker.asker, "t", partitionCount));
  const ended: TransactionEnd[] = [];
  const groups = { answer: NONE as ErrorCode };
  const writer = new TxnMarkerWriter({
    source: broker.node,
    groups: () => ({
      endTransaction: async (_, end) => {
        ended.push(end);
        return groups.answer;
      },
    }),
    clock: broker.world.clock,
    timeoutMs: () => 1000,
  });
  const send = (marker: Partial<TransactionMarker>, isRepeated = false) => {
    const results = broker.wait(writer.write([markerOf(marker)], () => isRepeated));
    return results[0]!.topics.flatMap(({ partitions }) =>
      partitions.map(({ errorCode }) => errorCode),
    );
  };
  return { broker, writer, send, ended, groups };
}

function markerOf(marker: Partial<TransactionMarker>): TransactionMarker {
  return {
    producerId: ID,
    producerEpoch: 0,
    transactionResult: true,
    coordinatorEpoch: 0,
    transactionVersion: 0,
    topics: [{ name: "t", partitionIndexes: [0] }],
    ...marker,
  };
}

function partitionOf(broker: TestBroker, index = 0) {
  return broker.node.partitions.find("t", index)!;
}

function begin(broker: TestBroker, producerEpoch: number, baseSequence = 0, index = 0): void {
  const bytes = buildBatch({
    records: [{ timestamp: 1_700_000_000_000, key: null, value: Buffer.from("v") }],
    producerId: ID,
    producerEpoch,
    baseSequence,
    isTransactional: true,
  });
  const nowMs = broker.world.clock.wallMs();
  const { errorCode } = partitionOf(broker, index).append(bytes, { origin: "client", nowMs });
  expect(errorCode).toBe(NONE);
}

describe("a marker", () => {
  test("is written again, as in Kafka, unless it may have been before", () => {
    const { broker, send } = arena();
    const { log } = partitionOf(broker);
    begin(broker, 0);
    const marker = { producerEpoch: 1, transactionVersion: 2 };
    expect(send(marker, true)).toEqual([NONE]);
    expect(log.logEndOffset).toBe(2);
    expect(send(marker, true)).toEqual([NONE]);
    expect(log.logEndOffset).toBe(2);
    expect(send(marker, false)).toEqual([NONE]);
    expect(log.logEndOffset).toBe(3);
    // The next transaction has that epoch: it is not ended by the marker of the one before.
    begin(broker, 1);
    expect(send(marker, true)).toEqual([ErrorCode.INVALID_PRODUCER_EPOCH]);
    expect(log.logEndOffset).toBe(4);
  });

  test("of the first versions is told from another by the coordinator's epoch", () => {
    const { broker, send } = arena();
    const { log } = partitionOf(broker);
    begin(broker, 0);
    expect(send({ coordinatorEpoch: 3 }, true)).toEqual([NONE]);
    expect(send({ coordinatorEpoch: 3 }, true)).toEqual([NONE]);
    expect(log.logEndOffset).toBe(2);
    expect(send({ coordinatorEpoch: 4 }, true)).toEqual([NONE]);
    expect(log.logEndOffset).toBe(3);
    begin(broker, 0, 1);
    expect(send({ coordinatorEpoch: 3 }, true)).toEqual([ErrorCode.TRANSACTION_COORDINATOR_FENCED]);
    expect(log.lastStableOffset).toBe(3);
  });

  test("that is not written again makes void what was about to begin all the same", () => {
    const { broker, send } = arena();
    const partition = partitionOf(broker);
    begin(broker, 0);
    expect(send({})).toEqual([NONE]);
    const verification = partition.startVerification(ID, 1, 0, false);
    expect(verification).toBeInstanceOf(Verification);
    expect(send({}, true)).toEqual([NONE]);
    expect(partition.log.state.verifications.count).toBe(0);
  });

  test("for offsets is the group coordinator's, who may not be ready", () => {
    const { send, ended, groups, broker } = arena();
    broker.wait(makeTopic(broker.asker, "__consumer_offsets", 1));
    const topics = [{ name: "__consumer_offsets", partitionIndexes: [0, 1] }];
    expect(send({ topics })).toEqual([NONE, UNKNOWN_TOPIC_OR_PARTITION]);
    expect(ended).toMatchObject([{ producerId: ID, isCommit: true }]);
    for (const error of [
      ErrorCode.NOT_COORDINATOR,
      ErrorCode.COORDINATOR_NOT_AVAILABLE,
      ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    ]) {
      groups.answer = error;
      expect(send({ topics })).toEqual([NOT_LEADER_OR_FOLLOWER, UNKNOWN_TOPIC_OR_PARTITION]);
    }
    groups.answer = ErrorCode.TRANSACTION_COORDINATOR_FENCED;
    expect(send({ topics })[0]).toBe(ErrorCode.TRANSACTION_COORDINATOR_FENCED);
  });
});

test("a transaction of many partitions lets others have their turn", () => {
  const { broker } = arena(1);
  broker.wait(makeTopic(broker.asker, "many", 300));
  const { clock } = broker.world;
  let [elapsedMs, turns] = [0, 0];
  const writer = new TxnMarkerWriter({
    source: broker.node,
    groups: () => broker.node.groups,
    clock: {
      wallMs: () => clock.wallMs(),
      // Every look at the clock takes a while.
      monotonicMs: () => ++elapsedMs,
      schedule: (delayMs, callback) => clock.schedule(delayMs, callback),
      afterTurn: (callback) => clock.afterTurn(callback),
      soon: (callback) => {
        turns++;
        clock.soon(callback);
      },
    },
    timeoutMs: () => 1000,
  });
  const partitionIndexes = Array.from({ length: 300 }, (_, index) => index);
  const topics = [{ name: "many", partitionIndexes: [...partitionIndexes, 5, 7] }];
  const [result] = broker.wait(writer.write([markerOf({ topics })], () => false));
  expect(turns).toBeGreaterThan(40);
  expect(result!.topics[0]!.partitions).toEqual(
    partitionIndexes.map((partitionIndex) => ({ partitionIndex, errorCode: NONE })),
  );
  expect(broker.node.partitions.find("many", 7)!.log.logEndOffset).toBe(1);
});

test("results of one producer are one, whatever comes twice", () => {
  const result = (producerId: number, partitionIndex: number, errorCode: number) => ({
    producerId,
    topics: [{ name: "t", partitions: [{ partitionIndex, errorCode }] }],
  });
  const merged = mergedByProducer([
    result(1, 0, 0),
    result(2, 0, 0),
    result(1, 1, 3),
    result(1, 0, 5),
    { producerId: 3, topics: [] },
  ]);
  expect(merged).toEqual([
    {
      producerId: 1,
      topics: [
        {
          name: "t",
          partitions: [
            { partitionIndex: 0, errorCode: 5 },
            { partitionIndex: 1, errorCode: 3 },
          ],
        },
      ],
    },
    result(2, 0, 0),
  ]);
});
