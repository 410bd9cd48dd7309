import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { FakeCoordinatorLog } from "../fake-coordinator-log.ts";
import { T0, T1, TransactionDriver, U0 } from "./transaction-driver.ts";

function start(options = {}): TransactionDriver {
  return new TransactionDriver(options).start();
}

describe.each([0, 1])("EndTxn with transaction.version %d", (version) => {
  test.each(["commit", "abort"] as const)("%s keeps the epoch", (what) => {
    const driver = start({ version });
    const producer = driver.now(driver.init());
    expect(driver.now(driver.add(producer, [T0, T1], 0))).toBe("NONE");
    expect(driver.now(driver.end(producer, what, 0))).toBe("-1/-1");
    expect(driver.partitions.written).toEqual([`${what} 100/0 t-0`, `${what} 100/0 t-1`]);
    const name = what === "commit" ? "Commit" : "Abort";
    expect(driver.state()).toBe(`Complete${name} 100/0`);
    expect(driver.history).toEqual([
      "Empty 100/0",
      "Ongoing 100/0",
      `Prepare${name} 100/0`,
      `Complete${name} 100/0`,
    ]);
    // Asked again, as the answer may have been lost (#3501).
    expect(driver.now(driver.end(producer, what, 0))).toBe("-1/-1");
    const other = what === "commit" ? "abort" : "commit";
    expect(driver.now(driver.end(producer, other, 0))).toBe("INVALID_TXN_STATE");
    const next = driver.restarted();
    expect(next.now(next.end(producer, what, 0))).toBe("-1/-1");
    expect(next.partitions.written.length).toBe(2);
  });

  test("is refused where there is nothing to end, or to somebody else", () => {
    const driver = start({ version });
    expect(driver.now(driver.end("100/0", "commit", 0))).toBe("INVALID_PRODUCER_ID_MAPPING");
    const producer = driver.now(driver.init());
    expect(driver.now(driver.end(producer, "commit", 0))).toBe("INVALID_TXN_STATE");
    expect(driver.now(driver.end(producer, "abort", 0))).toBe("INVALID_TXN_STATE");
    expect(driver.now(driver.end("99/0", "abort", 0))).toBe("INVALID_PRODUCER_ID_MAPPING");
    expect(driver.now(driver.end("100/1", "abort", 0))).toBe("PRODUCER_FENCED");
    driver.now(driver.add(producer, [T0], 0));
    driver.partitions.isHeld = true;
    driver.now(driver.end(producer, "commit", 0));
    expect(driver.now(driver.end("99/0", "commit", 0))).toBe("INVALID_PRODUCER_ID_MAPPING");
    expect(driver.now(driver.end("100/1", "commit", 0))).toBe("PRODUCER_FENCED");
    expect(driver.now(driver.end(producer, "commit", 0))).toBe("CONCURRENT_TRANSACTIONS");
    expect(driver.now(driver.end(producer, "commit", 0, ""))).toBe("INVALID_REQUEST");
  });

  test("the next transaction has the same epoch", () => {
    const driver = start({ version });
    const producer = driver.now(driver.init());
    for (const partition of [T0, U0]) {
      driver.now(driver.add(producer, [partition], 0));
      driver.now(driver.end(producer, "commit", 0));
    }
    expect(driver.partitions.written).toEqual(["commit 100/0 t-0", "commit 100/0 u-0"]);
  });
});

describe("EndTxn with transaction.version 2", () => {
  test.each(["commit", "abort"] as const)("%s raises the epoch and tells it", (what) => {
    const driver = start();
    const producer = driver.now(driver.init());
    driver.now(driver.add(producer, [T0, T1]));
    expect(driver.now(driver.end(producer, what))).toBe("100/1");
    expect(driver.partitions.written).toEqual([`${what} 100/1 t-0`, `${what} 100/1 t-1`]);
    const { marker } = driver.partitions.sent[0]!;
    expect(marker).toMatchObject({ coordinatorEpoch: 1, transactionVersion: 2 });
    // Asked again, as the answer may have been lost (#3501): also after a restart.
    expect(driver.now(driver.end(producer, what))).toBe("100/1");
    const next = driver.restarted();
    expect(next.now(next.end(producer, what))).toBe("100/1");
    const other = what === "commit" ? "abort" : "commit";
    expect(next.now(next.end(producer, other))).toBe("INVALID_TXN_STATE");
    expect(next.partitions.written.length).toBe(2);
  });

  // By state: what is answered to a request that comes again, and to one of the newest epoch.
  const TABLE: [state: string, what: "commit" | "abort", again: string, newest: string][] = [
    ["empty", "abort", "PRODUCER_FENCED", "raised"],
    ["empty", "commit", "PRODUCER_FENCED", "INVALID_TXN_STATE"],
    ["aborted", "abort", "told again", "raised"],
    ["aborted", "commit", "INVALID_TXN_STATE", "INVALID_TXN_STATE"],
    ["committed", "abort", "INVALID_TXN_STATE", "raised"],
    ["committed", "commit", "told again", "INVALID_TXN_STATE"],
  ];
  test.each(TABLE)("%s, %s: %s when asked again, %s when new", (state, what, again, newest) => {
    for (const [epoch, wanted] of [
      [4, again],
      [5, newest],
    ] as const) {
      const driver = start();
      for (let count = 0; count < 5; count++) driver.now(driver.init());
      if (state === "empty") driver.now(driver.init());
      else {
        driver.now(driver.add("100/4"));
        driver.now(driver.end("100/4", state === "committed" ? "commit" : "abort"));
      }
      const markers = driver.partitions.written.length;
      const answer = driver.now(driver.end(`100/${epoch}`, what));
      if (wanted === "raised") expect(answer).toBe("100/6");
      else if (wanted === "told again") expect(answer).toBe("100/5");
      else expect(answer).toBe(wanted);
      expect(driver.partitions.written.length).toBe(markers);
      for (const stranger of ["100/3", "100/7"]) {
        expect(driver.now(driver.end(stranger, what))).toBe("PRODUCER_FENCED");
      }
      expect(driver.now(driver.end(`9/${epoch}`, what))).toBe("INVALID_PRODUCER_ID_MAPPING");
    }
  });

  test("is refused to others while a transaction is open, and told to wait while it ends", () => {
    const driver = start();
    const producer = driver.now(driver.init());
    driver.now(driver.add(producer));
    for (const stranger of ["100/1", "100/5"]) {
      expect(driver.now(driver.end(stranger))).toBe("PRODUCER_FENCED");
    }
    driver.partitions.isHeld = true;
    expect(driver.now(driver.end(producer))).toBe("100/1");
    for (const epoch of [0, 1, 5]) {
      expect(driver.now(driver.end(`100/${epoch}`))).toBe("CONCURRENT_TRANSACTIONS");
      expect(driver.now(driver.end(`100/${epoch}`, "abort"))).toBe("CONCURRENT_TRANSACTIONS");
    }
    driver.partitions.release();
    driver.clock.settle();
    expect(driver.now(driver.end(producer))).toBe("100/1");
  });

  test("moves on to a new producer id behind the last epoch, and knows the old one", () => {
    const driver = start();
    let producer = driver.now(driver.init());
    for (let epoch = 0; epoch < 32_766; epoch++) producer = driver.now(driver.init());
    expect(producer).toBe("100/32766");
    driver.now(driver.add(producer));
    expect(driver.now(driver.end(producer))).toBe("101/0");
    expect(driver.partitions.written).toEqual(["commit 100/32767 t-0"]);
    expect(driver.state()).toBe("CompleteCommit 101/0");
    expect(driver.now(driver.end(producer))).toBe("101/0");
    expect(driver.now(driver.end(producer, "abort"))).toBe("INVALID_TXN_STATE");
    const next = driver.restarted();
    expect(next.now(next.end(producer))).toBe("101/0");
    expect(next.now(next.end("100/32765"))).toBe("INVALID_PRODUCER_ID_MAPPING");
    expect(next.now(next.add("101/0"))).toBe("NONE");
    expect(next.now(next.end("101/0"))).toBe("101/1");
  });

  test("serves clients of older versions beside it", () => {
    const driver = start();
    const old = driver.now(driver.init());
    driver.now(driver.add(old, [T0], 0));
    expect(driver.now(driver.end(old, "commit", 0))).toBe("-1/-1");
    driver.now(driver.add(old, [T0], 2));
    expect(driver.now(driver.end(old, "commit", 2))).toBe("100/1");
    driver.now(driver.add("100/1", [T0], 0));
    expect(driver.now(driver.end("100/1", "abort", 0))).toBe("-1/-1");
    expect(driver.partitions.written).toEqual([
      "commit 100/0 t-0",
      "commit 100/1 t-0",
      "abort 100/1 t-0",
    ]);
    const versions = driver.partitions.sent.map(({ marker }) => marker.transactionVersion);
    expect(versions).toEqual([0, 2, 0]);
  });
});

describe("an answer", () => {
  test("leaves when the decision is committed, and markers do not go before", () => {
    const driver = start();
    const producer = driver.now(driver.init());
    driver.now(driver.add(producer));
    driver.log.commitsAtOnce = false;
    const answer = driver.peek(driver.end(producer));
    expect(answer.value).toBe("waits");
    expect(driver.partitions.sent).toEqual([]);
    driver.log.commit();
    driver.clock.settle();
    expect(answer.value).toBe("100/1");
    expect(driver.partitions.written).toEqual(["commit 100/1 t-0"]);
  });

  test("is not given where the decision is lost: then nothing of it has happened", () => {
    const driver = start();
    const producer = driver.now(driver.init());
    driver.now(driver.add(producer));
    driver.log.commitsAtOnce = false;
    const answer = driver.peek(driver.end(producer));
    driver.log.loseUncommitted(ErrorCode.NOT_ENOUGH_REPLICAS);
    driver.log.commitsAtOnce = true;
    driver.clock.settle();
    expect(answer.value).toBe("COORDINATOR_NOT_AVAILABLE");
    expect(driver.state()).toBe("Ongoing 100/0 t-0");
    expect(driver.partitions.sent).toEqual([]);
    expect(driver.now(driver.end(producer))).toBe("100/1");
    expect(driver.partitions.written).toEqual(["commit 100/1 t-0"]);
  });

  test("may come too late: the transaction ends all the same, once", () => {
    const driver = start();
    const producer = driver.now(driver.init());
    driver.now(driver.add(producer));
    driver.log.commitsAtOnce = false;
    const answer = driver.peek(driver.end(producer));
    driver.clock.advance(95_000);
    expect(answer.value).toBe("COORDINATOR_NOT_AVAILABLE");
    expect(driver.partitions.sent).toEqual([]);
    driver.log.commitsAtOnce = true;
    driver.log.commit();
    driver.clock.settle();
    expect(driver.partitions.written).toEqual(["commit 100/1 t-0"]);
    expect(driver.now(driver.end(producer))).toBe("100/1");
  });

  test("says at once when the log cannot take it, and nothing has happened", () => {
    const driver = start();
    const producer = driver.now(driver.init());
    driver.now(driver.add(producer));
    driver.log.refused = ErrorCode.NOT_ENOUGH_REPLICAS;
    expect(driver.now(driver.end(producer))).toBe("COORDINATOR_NOT_AVAILABLE");
    driver.log.refused = ErrorCode.NONE;
    expect(driver.state()).toBe("Ongoing 100/0 t-0");
  });
});

describe("the end of a transaction", () => {
  test("is recorded when the log can take it again", () => {
    const driver = start();
    const producer = driver.now(driver.init());
    driver.now(driver.add(producer));
    driver.partitions.isHeld = true;
    driver.now(driver.end(producer));
    driver.log.refused = ErrorCode.NOT_ENOUGH_REPLICAS;
    driver.partitions.release();
    driver.clock.settle();
    expect(driver.state()).toBe("PrepareCommit 100/1");
    driver.log.refused = ErrorCode.NONE;
    driver.clock.advance(1000);
    expect(driver.state()).toBe("CompleteCommit 100/1");
    expect(driver.partitions.written.length).toBe(1);
  });

  test("comes to partitions that cannot take it yet, and only to them, until they can", () => {
    const driver = start();
    const producer = driver.now(driver.init());
    driver.now(driver.add(producer, [T0, T1, U0]));
    driver.partitions.errors.set("t-1", ErrorCode.NOT_LEADER_OR_FOLLOWER);
    driver.now(driver.end(producer));
    expect(driver.state()).toBe("PrepareCommit 100/1 t-1");
    driver.clock.advance(10_000);
    expect(driver.partitions.written).toEqual(["commit 100/1 t-0", "commit 100/1 u-0"]);
    const { sent } = driver.partitions;
    expect(sent.length).toBeGreaterThan(5);
    expect(sent.length).toBeLessThan(20);
    // By its own epoch, a partition knows a marker that it has, however often it comes.
    expect(sent.every(({ isRepeated }) => isRepeated)).toBe(true);
    driver.partitions.errors.clear();
    driver.clock.advance(1000);
    expect(driver.partitions.written).toHaveLength(3);
    expect(driver.state()).toBe("CompleteCommit 100/1");
  });

  test("is told as one that comes again where epochs do not tell it", () => {
    const driver = start({ version: 1 });
    const producer = driver.now(driver.init());
    driver.now(driver.add(producer, [T0], 0));
    driver.partitions.errors.set("t-0", ErrorCode.NOT_LEADER_OR_FOLLOWER);
    driver.now(driver.end(producer, "commit", 0));
    driver.clock.advance(100);
    const { sent } = driver.partitions;
    expect(sent.length).toBeGreaterThan(2);
    expect(sent.map(({ isRepeated }) => isRepeated)).toEqual(sent.map((_, index) => index > 0));
  });

  test("says so in one line, however many partitions cannot take it", () => {
    const lines: string[] = [];
    const driver = start({ lines });
    const producer = driver.now(driver.init());
    const many = Array.from({ length: 500 }, (_, partition) => ({ topic: "m", partition }));
    driver.now(driver.add(producer, many));
    for (const { partition } of many) {
      driver.partitions.errors.set(`m-${partition}`, ErrorCode.KAFKA_STORAGE_ERROR);
    }
    driver.now(driver.end(producer));
    expect(lines.filter((line) => line.includes("500 markers of tx")).length).toBe(1);
    driver.clock.advance(60_000);
    expect(lines.length).toBeLessThan(80);
  });

  test("does not wait for a partition that is deleted", () => {
    const driver = start();
    const producer = driver.now(driver.init());
    driver.now(driver.add(producer, [T0, U0]));
    driver.partitions.deleted.add("t-0");
    driver.now(driver.end(producer));
    expect(driver.partitions.written).toEqual(["commit 100/1 u-0"]);
    expect(driver.state()).toBe("CompleteCommit 100/1");
    driver.now(driver.add("100/1", [U0]));
    driver.partitions.errors.set("u-0", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    driver.now(driver.end("100/1"));
    expect(driver.state()).toBe("PrepareCommit 100/2 u-0");
    driver.partitions.deleted.add("u-0");
    driver.clock.advance(1000);
    expect(driver.state()).toBe("CompleteCommit 100/2");
  });

  test("needs no marker where a partition is beyond it, or can have none", () => {
    for (const error of [ErrorCode.INVALID_PRODUCER_EPOCH, ErrorCode.UNSUPPORTED_VERSION]) {
      const driver = start();
      const producer = driver.now(driver.init());
      driver.now(driver.add(producer, [T0, U0]));
      driver.partitions.errors.set("t-0", error);
      driver.now(driver.end(producer));
      expect(driver.state()).toBe("CompleteCommit 100/1");
    }
  });

  test("is left to the coordinator that fenced this one", () => {
    const driver = start();
    const producer = driver.now(driver.init());
    driver.now(driver.add(producer, [T0, U0]));
    driver.partitions.errors.set("t-0", ErrorCode.TRANSACTION_COORDINATOR_FENCED);
    driver.now(driver.end(producer));
    driver.clock.advance(60_000);
    expect(driver.partitions.sent.length).toBe(1);
    expect(driver.history.at(-1)).toBe("PrepareCommit 100/1");
    driver.partitions.errors.clear();
    const next = driver.restarted();
    expect(next.partitions.sent.at(-1)).toMatchObject({
      isRepeated: true,
      marker: { coordinatorEpoch: 2 },
    });
    expect(next.state()).toBe("CompleteCommit 100/1");
  });
});

describe("a coordinator that is no longer", () => {
  test("sends nothing, and does nothing with what comes back", () => {
    const driver = start();
    const producer = driver.now(driver.init());
    driver.now(driver.add(producer));
    driver.partitions.isHeld = true;
    driver.now(driver.end(producer));
    driver.coordinator.runtime.resigned(0, 2);
    driver.partitions.release();
    driver.clock.settle();
    expect(driver.history.at(-1)).toBe("PrepareCommit 100/1");
    expect(driver.now(driver.end(producer))).toBe("NOT_COORDINATOR");
  });

  test("answers those who wait", () => {
    const driver = start();
    const producer = driver.now(driver.init());
    driver.log.commitsAtOnce = false;
    const adding = driver.peek(driver.add(producer));
    driver.coordinator.stop();
    driver.clock.settle();
    expect(adding.value).toBe("NOT_COORDINATOR");
    expect(driver.now(driver.add(producer))).toBe("NOT_COORDINATOR");
  });
});

test("a log of Kafka's, with a transaction that is half committed, is brought to its end", () => {
  const first = start();
  const producer = first.now(first.init());
  first.now(first.add(producer, [T0, T1]));
  first.partitions.isHeld = true;
  first.now(first.end(producer));
  const log = new FakeCoordinatorLog();
  for (const batch of first.log.batches) log.write(batch);
  const next = start({ log, leaderEpoch: 7 });
  expect(next.partitions.sent).toHaveLength(1);
  expect(next.partitions.sent[0]).toMatchObject({
    isRepeated: true,
    marker: { producerId: 100, producerEpoch: 1, coordinatorEpoch: 7, transactionResult: true },
  });
  expect(next.state()).toBe("CompleteCommit 100/1");
});
