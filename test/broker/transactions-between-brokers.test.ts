/** Transactions whose coordinator, partitions and groups are led by different brokers. */
import { describe, expect, test } from "bun:test";
import { produce } from "../../src/protocol/messages/00-produce.ts";
import { findCoordinator } from "../../src/protocol/messages/10-find-coordinator.ts";
import { initProducerId } from "../../src/protocol/messages/22-init-producer-id.ts";
import { endTxn } from "../../src/protocol/messages/26-end-txn.ts";
import { txnOffsetCommit } from "../../src/protocol/messages/28-txn-offset-commit.ts";
import { MetricsText } from "../../src/base/metrics-text.ts";
import { brokerFamilies } from "../../src/broker/metrics/broker-families.ts";
import { ErrorCode, errorName } from "../../src/protocol/error-code.ts";
import { buildBatch } from "../../src/protocol/record-batch-builder.ts";
import { FAKE_WALL_MS } from "../sim/fake-clock.ts";
import { Neighbours } from "./neighbours.ts";

const ID = "tx";
const GROUP = "g";

/** Broker 1 coordinates transactions, 2 groups; each leads a partition of `t`. */
class Arena {
  readonly brokers = new Neighbours(3);
  readonly topicId: string;
  readonly transactionsId: string;
  producerId = -1;
  producerEpoch = -1;

  constructor() {
    this.transactionsId = this.brokers.topic("__transaction_state", [1]);
    this.brokers.topic("__consumer_offsets", [2]);
    this.topicId = this.brokers.topic("t", [1, 2, 3]);
    this.init();
  }

  init(): void {
    const request = { transactionalId: ID, transactionTimeoutMs: 60_000 };
    const answer = this.brokers.ask(1, initProducerId, 5, request);
    expect(answer.errorCode).toBe(ErrorCode.NONE);
    this.producerId = answer.producerId;
    this.producerEpoch = answer.producerEpoch;
  }

  produce(broker: number, index: number, version = 12, baseSequence = 0): string {
    return this.brokers.wait(this.producing(broker, index, version, baseSequence));
  }

  async producing(broker: number, index: number, version = 12, baseSequence = 0): Promise<string> {
    const { producerId, producerEpoch } = this;
    const records = buildBatch({
      records: [{ timestamp: FAKE_WALL_MS, key: null, value: Buffer.from("v") }],
      isTransactional: true,
      producerId,
      producerEpoch,
      baseSequence,
    });
    const answer = await this.brokers.asker(broker).quietly(produce, version, {
      transactionalId: ID,
      acks: -1,
      timeoutMs: 10_000,
      topicData: [{ name: "t", partitionData: [{ index, records }] }],
    });
    return errorName(answer.responses[0]!.partitionResponses[0]!.errorCode as ErrorCode);
  }

  commitOffset(version = 5): string {
    const { producerId, producerEpoch } = this;
    const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: "" }];
    const topics = [{ name: "t", partitions }];
    const request = { transactionalId: ID, producerId, producerEpoch, groupId: GROUP, topics };
    const answer = this.brokers.ask(2, txnOffsetCommit, version, request);
    return errorName(answer.topics[0]!.partitions[0]!.errorCode as ErrorCode);
  }

  end(committed = true): string {
    const { producerId, producerEpoch } = this;
    const request = { transactionalId: ID, producerId, producerEpoch, committed };
    const answer = this.brokers.ask(1, endTxn, 5, request);
    if (answer.errorCode === ErrorCode.NONE) {
      this.producerId = answer.producerId;
      this.producerEpoch = answer.producerEpoch;
    }
    return errorName(answer.errorCode as ErrorCode);
  }

  state(): string {
    const described = this.brokers.wait(this.brokers.broker(1).transactions.describe(ID));
    return described.transactionState;
  }

  /** "stable/end" of each partition on the broker that leads it. */
  logs(): string[] {
    return [1, 2, 3].map((id) => {
      const log = this.brokers.broker(id).partitions.find("t", id - 1)?.log ?? null;
      return log === null ? "gone" : `${log.lastStableOffset}/${log.logEndOffset}`;
    });
  }

  until(condition: () => boolean): void {
    this.brokers.client.clock.advanceUntil(condition);
  }
}

describe("a transaction over three brokers", () => {
  test("is joined by partitions and offsets as they are written, and ends everywhere", () => {
    const arena = new Arena();
    for (const id of [1, 2, 3]) expect(arena.produce(id, id - 1)).toBe("NONE");
    expect(arena.commitOffset()).toBe("NONE");
    expect(arena.logs()).toEqual(["0/1", "0/1", "0/1"]);
    expect(arena.end()).toBe("NONE");
    arena.until(() => arena.state() === "CompleteCommit");
    expect(arena.logs()).toEqual(["2/2", "2/2", "2/2"]);
    expect(arena.brokers.broker(2).partitions.find("__consumer_offsets", 0)!.log).toMatchObject({
      lastStableOffset: 2,
      logEndOffset: 2,
    });
    // The next one, aborted.
    for (const id of [1, 2, 3]) expect(arena.produce(id, id - 1)).toBe("NONE");
    expect(arena.end(false)).toBe("NONE");
    arena.until(() => arena.state() === "CompleteAbort");
    expect(arena.logs()).toEqual(["4/4", "4/4", "4/4"]);
    arena.brokers.stop();
  });

  test("is counted where its coordinator was asked", () => {
    const arena = new Arena();
    expect(arena.produce(2, 1)).toBe("NONE");
    const { verification } = arena.brokers.broker(2).madeCoordinators;
    expect([verification?.answersUs.count, verification?.refusedCount]).toEqual([1, 0]);
    arena.producerEpoch += 5;
    expect(arena.produce(2, 1)).not.toBe("NONE");
    expect([verification?.answersUs.count, verification?.refusedCount]).toEqual([2, 1]);
    const out = new MetricsText("prometheus");
    for (const _ of brokerFamilies(arena.brokers.broker(2))(out));
    const text = out.take();
    const name = "kafka_server_addpartitionstotxnmanager";
    expect(text).toContain(`\n${name}_verificationfailurerate_count 1\n`);
    expect(text).toContain(`\n${name}_verificationtimems_count 2\n`);
  });

  test("takes nothing of what its coordinator does not know of", () => {
    const arena = new Arena();
    // Older clients must have added the partition before.
    expect(arena.produce(2, 1, 11)).toBe("TRANSACTION_ABORTABLE");
    expect(arena.produce(2, 1, 10)).toBe("INVALID_TXN_STATE");
    expect(arena.commitOffset(4)).toBe("TRANSACTION_ABORTABLE");
    expect(arena.commitOffset(3)).toBe("INVALID_TXN_STATE");
    arena.producerEpoch -= 1;
    expect(arena.produce(2, 1)).toBe("INVALID_PRODUCER_EPOCH");
    expect(arena.logs()).toEqual(["0/0", "0/0", "0/0"]);
    arena.brokers.stop();
  });

  test("goes on when its coordinator cannot be reached for a while", () => {
    const arena = new Arena();
    const { brokers } = arena;
    brokers.client.wire.cut("10.0.0.2", "10.0.0.1");
    expect(arena.produce(2, 1)).toBe("NOT_ENOUGH_REPLICAS");
    brokers.client.wire.heal("10.0.0.2", "10.0.0.1");
    expect(arena.produce(2, 1)).toBe("NONE");
    brokers.lead(arena.transactionsId, 0, -1);
    expect(arena.produce(3, 2)).toBe("NOT_ENOUGH_REPLICAS");
    expect(arena.logs()).toEqual(["0/0", "0/1", "0/0"]);
    brokers.stop();
  });

  test("does not wait for a coordinator that is silent once another has taken its place", () => {
    const arena = new Arena();
    const { brokers } = arena;
    expect(arena.produce(2, 1)).toBe("NONE");
    brokers.client.wire.cut("10.0.0.3", "10.0.0.1");
    const producing = arena.producing(3, 2);
    brokers.client.clock.advance(1000);
    const since = brokers.client.clock.monotonicMs();
    brokers.lead(arena.transactionsId, 0, 2);
    expect(brokers.wait(producing)).toBe("NOT_ENOUGH_REPLICAS");
    expect(brokers.client.clock.monotonicMs() - since).toBeLessThan(100);
    // The new one has nothing of what the old one knew.
    expect(arena.produce(3, 2)).toBe("INVALID_PRODUCER_ID_MAPPING");
    brokers.stop();
  });

  test("has one question under way for each id, and a newer producer shuts out an older", () => {
    const arena = new Arena();
    const { brokers } = arena;
    const write = (producerEpoch: number, partition = 0) => ({
      transactionalId: ID,
      producerId: arena.producerId,
      producerEpoch,
      partitions: [{ topic: "t", partition }],
    });
    const { transactionVerifier } = brokers.broker(2);
    const asked = [
      transactionVerifier.verify({ ...write(0), transactionalId: "other" }, "add"),
      transactionVerifier.verify(write(0), "add"),
      transactionVerifier.verify(write(0, 1), "add"),
      transactionVerifier.verify(write(1), "add"),
      transactionVerifier.verify(write(0), "add"),
    ];
    expect(brokers.wait(Promise.all(asked)).map(([error]) => errorName(error!))).toEqual([
      "INVALID_PRODUCER_ID_MAPPING",
      "NETWORK_EXCEPTION",
      "INVALID_PRODUCER_EPOCH",
      "INVALID_PRODUCER_EPOCH",
      "INVALID_PRODUCER_EPOCH",
    ]);
    brokers.stop();
  });
});

describe("a marker", () => {
  test("reaches a broker that was away, and goes to the one that leads then", () => {
    const arena = new Arena();
    const { brokers } = arena;
    for (const id of [2, 3]) expect(arena.produce(id, id - 1)).toBe("NONE");
    brokers.client.wire.cut("10.0.0.1", "10.0.0.3");
    expect(arena.end()).toBe("NONE");
    brokers.client.clock.advance(20_000);
    expect(arena.state()).toBe("PrepareCommit");
    expect(arena.logs()).toEqual(["0/0", "2/2", "0/1"]);
    brokers.lead(arena.topicId, 2, 2);
    arena.until(() => arena.state() === "CompleteCommit");
    // Broker 2 has nothing of what 3 had; the marker is there all the same.
    expect(brokers.broker(2).partitions.find("t", 2)!.log.logEndOffset).toBe(1);
    brokers.client.wire.heal("10.0.0.1", "10.0.0.3");
    brokers.client.clock.advance(60_000);
    expect(arena.logs()).toEqual(["0/0", "2/2", "gone"]);
    brokers.stop();
  });

  test("goes out as soon as there is a leader again", () => {
    const arena = new Arena();
    const { brokers } = arena;
    expect(arena.produce(3, 2)).toBe("NONE");
    brokers.lead(arena.topicId, 2, -1);
    expect(arena.end()).toBe("NONE");
    brokers.client.clock.advance(10_000);
    expect(arena.state()).toBe("PrepareCommit");
    brokers.lead(arena.topicId, 2, 3);
    brokers.client.clock.advance(5);
    expect(arena.logs()[2]).toBe("2/2");
    expect(arena.state()).toBe("CompleteCommit");
    brokers.stop();
  });

  test("is not sent by a coordinator that has resigned, but by the next", () => {
    const arena = new Arena();
    const { brokers } = arena;
    expect(arena.produce(3, 2)).toBe("NONE");
    brokers.client.wire.cut("10.0.0.1", "10.0.0.3");
    expect(arena.end()).toBe("NONE");
    brokers.client.clock.advance(1000);
    brokers.lead(arena.transactionsId, 0, 2);
    brokers.client.wire.heal("10.0.0.1", "10.0.0.3");
    brokers.client.clock.advance(60_000);
    expect(arena.logs()).toEqual(["0/0", "0/0", "0/1"]);
    const key = { keyType: 1, coordinatorKeys: [ID] };
    for (const id of [1, 2, 3]) {
      expect(brokers.ask(id, findCoordinator, 6, key).coordinators[0]!.nodeId).toBe(2);
    }
    expect(arena.end()).toBe("NOT_COORDINATOR");
    brokers.stop();
  });
});
