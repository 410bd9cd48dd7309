/** Transactions on a whole broker, where Kafka cannot be asked: it hangs, or takes too long. */
import { describe, expect, test } from "bun:test";
import { deleteTopics } from "../../src/protocol/messages/20-delete-topics.ts";
import { addPartitionsToTxn } from "../../src/protocol/messages/24-add-partitions-to-txn.ts";
import { endTxn } from "../../src/protocol/messages/26-end-txn.ts";
import { writeTxnMarkers } from "../../src/protocol/messages/27-write-txn-markers.ts";
import { describeTransactions } from "../../src/protocol/messages/65-describe-transactions.ts";
import { listTransactions } from "../../src/protocol/messages/66-list-transactions.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { afterKill } from "../sim/fake-world.ts";
import { TransactionalProducer } from "../sim/transactional-producer.ts";
import { startBroker, type TestBroker } from "./broker-kit.ts";
import { makeTopic } from "./scenarios/prepare.ts";

const timeoutMs = 5_000;
const SETTINGS = {
  "transaction.state.log.num.partitions": "1",
  "offsets.topic.num.partitions": "1",
};

function start(settings: Readonly<Record<string, string>> = {}): TestBroker {
  const broker = startBroker({ ...SETTINGS, ...settings });
  broker.wait(makeTopic(broker.asker, "t", 3));
  return broker;
}

function producerOf(broker: TestBroker, transactionalId = "tx"): TransactionalProducer {
  const producer = new TransactionalProducer(broker.asker, transactionalId, 2);
  broker.wait(producer.init());
  return producer;
}

function stateOf(broker: TestBroker, transactionalId = "tx"): string {
  const request = { transactionalIds: [transactionalId] };
  const asked = broker.asker.quietly(describeTransactions, 0, request);
  const [described] = broker.wait(asked).transactionStates;
  const { producerEpoch, transactionState, errorCode } = described!;
  return errorCode === 0 ? `${transactionState} ${producerEpoch}` : `error ${errorCode}`;
}

describe("AddPartitionsToTxn", () => {
  test("with no transaction at all is answered", () => {
    const broker = start();
    const asked = broker.asker.quietly(addPartitionsToTxn, 5, { transactions: [] });
    expect(broker.wait(asked)).toMatchObject({ errorCode: 0, resultsByTransaction: [] });
    broker.stop();
  });

  test("that names a transaction twice, and partitions twice, adds each once", () => {
    const broker = start();
    const { producerId, producerEpoch } = producerOf(broker);
    const topics = [
      { name: "t", partitions: [0, 0, 1] },
      { name: "t", partitions: [1] },
    ];
    const one = { transactionalId: "tx", producerId, producerEpoch, topics };
    const asked = broker.asker.quietly(addPartitionsToTxn, 5, { transactions: [one, one] });
    const results = broker.wait(asked).resultsByTransaction;
    expect(results.map(({ topicResults }) => topicResults.length)).toEqual([2, 2]);
    const described = broker.asker.quietly(describeTransactions, 0, { transactionalIds: ["tx"] });
    const [state] = broker.wait(described).transactionStates;
    expect(state!.topics).toEqual([{ topic: "t", partitions: expect.arrayContaining([0, 1]) }]);
    broker.stop();
  });
});

describe("numbers that nobody should send", () => {
  const EXTREMES = [
    [-1, -1],
    [0, -32_768],
    [Number.MAX_SAFE_INTEGER, 32_767],
    [Number.MIN_SAFE_INTEGER, 0],
  ] as const;
  test.each(EXTREMES)("producer %d, epoch %d", (producerId, producerEpoch) => {
    const broker = start();
    const own = producerOf(broker);
    broker.wait(own.produce("t", 0, "value"));
    const producer = { transactionalId: "tx", producerId, producerEpoch };
    const end = broker.asker.quietly(endTxn, 5, { ...producer, committed: true });
    expect([ErrorCode.INVALID_PRODUCER_ID_MAPPING, ErrorCode.PRODUCER_FENCED]).toContain(
      broker.wait(end).errorCode as 49,
    );
    const topics = [{ name: "t", partitions: [-2_147_483_648, 2_147_483_647, 0] }];
    const add = broker.asker.quietly(addPartitionsToTxn, 4, {
      transactions: [{ ...producer, topics }],
    });
    const [result] = broker.wait(add).resultsByTransaction[0]!.topicResults;
    expect(result!.resultsByPartition.map((each) => each.partitionErrorCode)).toEqual([3, 3, 55]);
    const list = broker.asker.quietly(listTransactions, 2, {
      stateFilters: [],
      producerIdFilters: [producerId],
      durationFilter: Number.MAX_SAFE_INTEGER,
    });
    expect(broker.wait(list).transactionStates).toEqual([]);
    expect(stateOf(broker)).toBe("Ongoing 0");
    expect(broker.wait(own.end(true))).toBe(ErrorCode.NONE);
    broker.stop();
  });

  test("an id of 32,767 characters is an id", () => {
    const broker = start();
    const id = "x".repeat(32_767);
    const producer = producerOf(broker, id);
    broker.wait(producer.produce("t", 0, "value"));
    expect(broker.wait(producer.end(true))).toBe(ErrorCode.NONE);
    expect(stateOf(broker, id)).toBe("CompleteCommit 1");
    broker.stop();
  });
});

test("an id that is no text, and too long when it is written, is refused, and others go on", () => {
  const broker = start();
  producerOf(broker);
  const size = 20_000;
  // A compact string has its length + 1 in front, as a varint.
  const length = [((size + 1) & 0x7f) | 0x80, (((size + 1) >> 7) & 0x7f) | 0x80, (size + 1) >> 14];
  const body = Buffer.concat([
    Buffer.from(length),
    Buffer.alloc(size, 0xff),
    Buffer.from("0000ea60ffffffffffffffffffff00", "hex"),
  ]);
  broker.wait(broker.asker.askRaw(22, 5, 2, body));
  const unknownServerError = "ffff";
  const noProducer = `${"ff".repeat(8)}ffff`;
  const answer = `00${"00".repeat(4)}${unknownServerError}${noProducer}00`;
  expect(broker.asker.steps.at(-1)!.response).toBe(answer);
  expect(stateOf(broker)).toBe("Empty 0");
  const next = producerOf(broker);
  expect(next.producerEpoch).toBe(1);
  broker.stop();
});

describe("a topic", () => {
  test("that is deleted in the middle of a transaction does not hold up its end", () => {
    const broker = start();
    broker.wait(makeTopic(broker.asker, "gone", 2));
    const producer = producerOf(broker);
    broker.wait(producer.produce("gone", 1, "value"));
    broker.wait(producer.produce("t", 0, "value"));
    broker.wait(broker.asker.quietly(deleteTopics, 4, { topicNames: ["gone"], timeoutMs }));
    expect(broker.wait(producer.end(true))).toBe(ErrorCode.NONE);
    broker.world.clock.settle();
    expect(stateOf(broker)).toBe("CompleteCommit 1");
    broker.stop();
  });

  test("of Kafka's own for transactions, deleted and made again, begins with nothing", () => {
    const broker = start();
    const producer = producerOf(broker);
    broker.wait(producer.produce("t", 0, "value"));
    const deleted = broker.asker.quietly(deleteTopics, 4, {
      topicNames: ["__transaction_state"],
      timeoutMs,
    });
    broker.wait(deleted);
    expect(stateOf(broker)).toBe(`error ${ErrorCode.NOT_COORDINATOR}`);
    const next = producerOf(broker);
    expect(next.producerEpoch).toBe(0);
    expect(next.producerId).not.toBe(producer.producerId);
    expect(stateOf(broker)).toBe("Empty 0");
    broker.stop();
  });

  test("of Kafka's own for transactions takes a stranger's marker, and is read again", () => {
    const broker = start();
    const producer = producerOf(broker);
    broker.wait(producer.produce("t", 0, "value"));
    const marker = {
      producerId: 77,
      producerEpoch: 0,
      transactionResult: true,
      topics: [{ name: "__transaction_state", partitionIndexes: [0] }],
      coordinatorEpoch: 0,
    };
    broker.wait(broker.asker.quietly(writeTxnMarkers, 1, { markers: [marker] }));
    expect(broker.wait(producer.end(true))).toBe(ErrorCode.NONE);
    broker.world.clock.settle();
    expect(stateOf(broker)).toBe("CompleteCommit 1");
    broker.stop();
  });
});

test("an open transaction outlives a clean stop, and its producer goes on with it", () => {
  const first = start();
  const producer = producerOf(first);
  first.wait(producer.produce("t", 0, "value"));
  first.stop();
  const second = startBroker(SETTINGS, afterKill(first.world));
  const { producerId, producerEpoch } = producer;
  const next = new TransactionalProducer(second.asker, "tx", 2);
  Object.assign(next, { producerId, producerEpoch });
  second.wait(next.produce("t", 1, "value"));
  expect(stateOf(second)).toBe("Ongoing 0");
  expect(second.wait(next.end(true))).toBe(ErrorCode.NONE);
  second.stop();
});

// Redpanda #3232: a transaction of an older epoch of the same producer was left open.
test("a producer that begins anew leaves nothing of its older epochs open", () => {
  const broker = start();
  for (let round = 0; round < 5; round++) {
    const producer = producerOf(broker);
    broker.wait(producer.produce("t", 0, `round ${round}`));
    broker.wait(producer.produce("t", 1, `round ${round}`));
  }
  producerOf(broker);
  broker.world.clock.settle();
  for (const index of [0, 1]) {
    const { log } = broker.node.partitions.find("t", index)!;
    expect(log.lastStableOffset).toBe(log.logEndOffset);
  }
  broker.stop();
});

// Redpanda #5026: after an abort, Java's client begins with a sequence that was used before.
test("a new transaction with sequences of an aborted one is no repetition of it", () => {
  const broker = start();
  const producer = producerOf(broker);
  broker.wait(producer.produce("t", 0, "aborted"));
  expect(broker.wait(producer.end(false))).toBe(ErrorCode.NONE);
  broker.wait(producer.produce("t", 0, "committed"));
  expect(broker.wait(producer.end(true))).toBe(ErrorCode.NONE);
  const { log } = broker.node.partitions.find("t", 0)!;
  expect(log.logEndOffset).toBe(4);
  broker.stop();
});

// KAFKA-17754, on the wire: requests of a transaction that has ended arrive behind the next one's.
test("late requests of a transaction that has ended change nothing of the next one", () => {
  const broker = start();
  const producer = producerOf(broker);
  const late = { producerId: producer.producerId, producerEpoch: producer.producerEpoch };
  broker.wait(producer.produce("t", 0, "first"));
  broker.wait(producer.end(true));
  broker.wait(producer.produce("t", 1, "second"));
  const zombie = new TransactionalProducer(broker.asker, "tx", 2);
  Object.assign(zombie, late);
  expect(() => broker.wait(zombie.produce("t", 2, "late"))).toThrow("INVALID_PRODUCER_EPOCH");
  expect(broker.wait(zombie.end(false))).toBe(ErrorCode.PRODUCER_FENCED);
  expect(stateOf(broker)).toBe("Ongoing 1");
  expect(broker.node.partitions.find("t", 2)!.log.logEndOffset).toBe(0);
  expect(broker.wait(producer.end(true))).toBe(ErrorCode.NONE);
  broker.stop();
});

test("the next transaction begins as soon as the one before has ended, on a slow disk too", () => {
  const broker = start({ "log.flush.interval.messages": "1" });
  const { clock, disk } = broker.world;
  const producer = producerOf(broker);
  disk.later = (callback) => void clock.schedule(2, callback);
  for (let round = 0; round < 5; round++) {
    broker.wait(producer.produce("t", 0, "value"));
    expect(broker.wait(producer.end(true))).toBe(ErrorCode.NONE);
    const startMs = clock.monotonicMs();
    broker.wait(producer.produce("t", 1, "value"));
    // Kafka tries again every 20 ms.
    expect(clock.monotonicMs() - startMs).toBeLessThan(15);
    expect(broker.wait(producer.end(true))).toBe(ErrorCode.NONE);
  }
  expect(clock.timerCount).toBeLessThan(100);
  broker.stop();
});

test("a transaction with a thousand partitions comes to its end in each of them", () => {
  const broker = start();
  const partitionCount = 1_000;
  broker.wait(makeTopic(broker.asker, "many", partitionCount));
  const producer = producerOf(broker);
  const { producerId, producerEpoch } = producer;
  const partitions = Array.from({ length: partitionCount }, (_, index) => index);
  const transaction = {
    transactionalId: "tx",
    producerId,
    producerEpoch,
    topics: [{ name: "many", partitions }],
  };
  const add = broker.asker.quietly(addPartitionsToTxn, 5, { transactions: [transaction] });
  const results = broker.wait(add).resultsByTransaction[0]!.topicResults[0]!.resultsByPartition;
  expect(results.every(({ partitionErrorCode }) => partitionErrorCode === 0)).toBe(true);
  expect(broker.wait(producer.end(true))).toBe(ErrorCode.NONE);
  broker.world.clock.settle();
  expect(stateOf(broker)).toBe("CompleteCommit 1");
  for (const index of [0, 1, partitionCount - 1]) {
    expect(broker.node.partitions.find("many", index)!.log.logEndOffset).toBe(1);
  }
  broker.stop();
});
