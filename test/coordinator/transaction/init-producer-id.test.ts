import { describe, expect, test } from "bun:test";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { producerOf, T0, TransactionDriver } from "./transaction-driver.ts";

function start(options = {}): TransactionDriver {
  return new TransactionDriver(options).start();
}

/** Rounds of transactions until the producer has this epoch. */
function raisedTo(driver: TransactionDriver, epoch: number): string {
  let producer = driver.now(driver.init());
  while (producerOf(producer).producerEpoch < epoch) producer = driver.now(driver.init());
  return producer;
}

describe.each([0, 1, 2])("InitProducerId with transaction.version %d", (version) => {
  test("gives a new id, and a higher epoch each time", () => {
    const driver = start({ version });
    expect(driver.now(driver.init())).toBe("100/0");
    expect(driver.now(driver.init())).toBe("100/1");
    expect(driver.now(driver.init())).toBe("100/2");
    expect(driver.state()).toBe("Empty 100/2");
    expect(driver.history).toEqual(["Empty 100/0", "Empty 100/1", "Empty 100/2"]);
  });

  test("goes on after a restart", () => {
    const driver = start({ version });
    driver.now(driver.init());
    const next = driver.restarted();
    expect(next.now(next.init())).toBe("100/1");
  });

  test("aborts an open transaction of the producer before, and shuts that one out", () => {
    const driver = start({ version });
    const old = driver.now(driver.init());
    driver.now(driver.add(old, [T0], version === 2 ? 2 : 0));
    expect(driver.now(driver.init())).toBe("CONCURRENT_TRANSACTIONS");
    expect(driver.partitions.written).toEqual(["abort 100/1 t-0"]);
    expect(driver.now(driver.init())).toBe("100/2");
    expect(driver.now(driver.add(old))).toBe("PRODUCER_FENCED");
    expect(driver.now(driver.end(old))).toBe("PRODUCER_FENCED");
    const states = ["Empty 100/0", "Ongoing 100/0", "PrepareAbort 100/1", "CompleteAbort 100/1"];
    expect(driver.history).toEqual([...states, "Empty 100/2"]);
  });

  test("waits while the abort is under way", () => {
    const driver = start({ version });
    driver.now(driver.add(driver.now(driver.init())));
    driver.partitions.isHeld = true;
    expect(driver.now(driver.init())).toBe("CONCURRENT_TRANSACTIONS");
    expect(driver.now(driver.init())).toBe("CONCURRENT_TRANSACTIONS");
    expect(driver.state()).toBe("PrepareAbort 100/1 t-0");
    driver.partitions.release();
    driver.clock.settle();
    expect(driver.now(driver.init())).toBe("100/2");
  });
});

describe("InitProducerId with what the producer had (KIP-360)", () => {
  test("raises the epoch of the newest producer", () => {
    const driver = start();
    driver.now(driver.init());
    expect(driver.now(driver.init(producerOf("100/0")))).toBe("100/1");
  });

  test("answers a request that comes again as before", () => {
    const driver = start();
    driver.now(driver.init());
    expect(driver.now(driver.init(producerOf("100/0")))).toBe("100/1");
    expect(driver.now(driver.init(producerOf("100/0")))).toBe("100/1");
  });

  test("fences a producer that somebody else came behind", () => {
    const driver = start();
    driver.now(driver.init());
    driver.now(driver.init());
    expect(driver.now(driver.init(producerOf("100/0")))).toBe("PRODUCER_FENCED");
    expect(driver.now(driver.init(producerOf("100/7")))).toBe("PRODUCER_FENCED");
    expect(driver.now(driver.init(producerOf("99/1")))).toBe("PRODUCER_FENCED");
    expect(driver.now(driver.init(producerOf("100/1")))).toBe("100/2");
  });

  test("gives an id that has expired meanwhile a new start", () => {
    const driver = start();
    expect(driver.now(driver.init(producerOf("7/3")))).toBe("100/0");
  });

  test("as in Kafka, does not know after a restart what was answered before", () => {
    const driver = start();
    driver.now(driver.init());
    driver.now(driver.init(producerOf("100/0")));
    const next = driver.restarted();
    expect(next.now(next.init(producerOf("100/0")))).toBe("PRODUCER_FENCED");
    expect(next.now(next.init(producerOf("100/1")))).toBe("100/2");
  });
});

describe("the last epoch of a producer id", () => {
  const LAST = 32_766;

  test("is followed by a new producer id", () => {
    const driver = start();
    expect(raisedTo(driver, LAST)).toBe(`100/${LAST}`);
    expect(driver.now(driver.init())).toBe("101/0");
    expect(driver.records.at(-1)!.metadata).toMatchObject({ previousProducerId: 100 });
  });

  test("lets the producer ask again with its old id", () => {
    const driver = start();
    const last = raisedTo(driver, LAST);
    expect(driver.now(driver.init(producerOf(last)))).toBe("101/0");
    expect(driver.now(driver.init(producerOf(last)))).toBe("101/0");
    expect(driver.now(driver.init(producerOf("100/5")))).toBe("PRODUCER_FENCED");
  });

  test("is fenced all the same, with the one behind it", () => {
    const driver = start({ version: 1 });
    const last = raisedTo(driver, LAST);
    driver.now(driver.add(last, [T0], 0));
    expect(driver.now(driver.init())).toBe("CONCURRENT_TRANSACTIONS");
    expect(driver.partitions.written).toEqual([`abort 100/${LAST + 1} t-0`]);
    expect(driver.now(driver.init())).toBe("101/0");
  });

  test("is fenced into a new producer id where each transaction has an epoch", () => {
    const driver = start();
    driver.now(driver.add(raisedTo(driver, LAST)));
    expect(driver.now(driver.init())).toBe("CONCURRENT_TRANSACTIONS");
    expect(driver.partitions.written).toEqual([`abort 100/${LAST + 1} t-0`]);
    expect(driver.state()).toBe("CompleteAbort 101/0");
    expect(driver.now(driver.init())).toBe("101/1");
  });

  test("needs a producer id, and tells the client to come again where there is none", () => {
    const driver = start();
    raisedTo(driver, LAST);
    driver.producerIdError = ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
    expect(driver.now(driver.init())).toBe("COORDINATOR_LOAD_IN_PROGRESS");
    expect(driver.now(driver.init(null, { transactionalId: "new" }))).toBe(
      "COORDINATOR_LOAD_IN_PROGRESS",
    );
    expect(driver.state("new")).toBe("TRANSACTIONAL_ID_NOT_FOUND");
    driver.producerIdError = ErrorCode.NONE;
    expect(driver.now(driver.init())).toBe("101/0");
  });
});

describe("InitProducerId refuses", () => {
  test.each([
    ["an empty id", { transactionalId: "" }, "INVALID_REQUEST"],
    ["no timeout", { transactionTimeoutMs: 0 }, "INVALID_TRANSACTION_TIMEOUT"],
    ["a negative timeout", { transactionTimeoutMs: -1 }, "INVALID_TRANSACTION_TIMEOUT"],
    ["one above the bound", { transactionTimeoutMs: 900_001 }, "INVALID_TRANSACTION_TIMEOUT"],
    ["KIP-939 where it is off", { enable2Pc: true }, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"],
    ["to keep what is prepared", { keepPreparedTxn: true }, "UNSUPPORTED_VERSION"],
  ])("%s", (_what, request, error) => {
    const driver = start();
    expect(driver.now(driver.init(null, request))).toBe(error);
    expect(driver.log.logEndOffset).toBe(0);
  });

  test("nothing where KIP-939 is on: such a transaction has no timeout", () => {
    const driver = start({ config: { transactionTwoPhaseCommitEnable: true } });
    const request = { enable2Pc: true, transactionTimeoutMs: -1 };
    driver.now(driver.add(driver.now(driver.init(null, request))));
    driver.clock.advance(2_147_483_647);
    expect(driver.state()).toBe("Ongoing 100/0 t-0");
  });

  test("anything while the log is read, and where it is not led", () => {
    const driver = new TransactionDriver({ partitionCount: 2 });
    driver.log.holdsReads = true;
    driver.now(driver.init());
    expect(driver.now(driver.init())).toBe("NOT_COORDINATOR");
    const loading = start();
    loading.now(loading.init());
    const log = loading.log.reopened();
    log.holdsReads = true;
    const next = loading.restarted({ log });
    expect(next.now(next.init())).toBe("COORDINATOR_LOAD_IN_PROGRESS");
    log.releaseReads();
    next.clock.settle();
    expect(next.now(next.init())).toBe("100/1");
    next.coordinator.runtime.resigned(0, 3);
    expect(next.now(next.init())).toBe("NOT_COORDINATOR");
  });
});
